"""Running tasks of a study again: which, why, and having it go on with them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from maestro.conductor import requests, snapshot
from maestro.conductor.conduct import taken_up
from maestro.conductor.lease import Lease
from maestro.conductor.revision import Revision, changed, install
from maestro.conductor.store import Store, TaskRow
from maestro.conductor.study import Study, open_graph, see_writable, task_columns, told
from maestro.engine import ACTIVE, FAILED, Again, Demand, Engine, Policy, State, again
from maestro.errors import StudyError
from maestro.graph import Condition, select, tasks
from maestro.spec.values import named

__all__ = ["Rerun", "Selection", "plan", "rerunning"]

FEW = 5
"""Tasks that a sentence names, at most."""

_RERUN = FAILED | {State.CANCELLED}
"""What ``--failed`` has run again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks that are chosen: those that ``failed`` or were cancelled, of these ``steps``, and
    whose parameters fulfil ``where``, as far as each is given. ``descendants``: also what has
    finished and depends on them.
    """

    failed: bool = False
    steps: tuple[str, ...] = ()
    where: Condition | None = None
    descendants: bool = False

    def __bool__(self) -> bool:
        return self.failed or bool(self.steps) or self.where is not None


@dataclass(frozen=True, slots=True)
class Rerun:
    """What would run again. ``study`` is what it will be: by ``revision``, where there is one;
    ``rows`` are the stored tasks by name.
    """

    study: Study
    rows: dict[str, TaskRow]
    again: Again
    revision: Revision | None = None

    @property
    def new(self) -> list[str]:
        """The tasks that there have not been."""
        return [node for node in self.study.graph if node not in self.rows]

    @property
    def gone(self) -> list[str]:
        """The tasks that there will not be any more."""
        return list(self.revision.gone) if self.revision is not None else []

    @property
    def waiting(self) -> list[str]:
        """The tasks that have yet to run, and do so by another specification."""
        if self.revision is None:
            return []
        known = (node for node in self.study.graph if node in self.rows)
        return [node for node in known if self.rows[node].state == State.INITIALIZED.value]

    @property
    def failed(self) -> list[str]:
        """The tasks that have failed or were cancelled, and do not run again."""
        return [
            name for name, row in self.rows.items()
            if State(row.state) in _RERUN and name not in self.again.tasks
        ]  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.again.tasks or self.new or self.gone or self.waiting)


Revise = Callable[[Study], Revision]
"""What makes another specification's study of the one that there is."""


def plan(store: Store, selection: Selection, revise: Revise | None = None) -> Rerun:
    """What would run again in the study of ``store``: what is selected, and what another
    specification has changed.

    Raises
    ------
    StudyError, SpecError, UsageError
        The study cannot be read; a step is unknown; or what is in flight depends on what would
        run again.
    """
    before = open_graph(store)
    rows = {task.name: task for task in store.tasks()}
    states = {name: State(row.state) for name, row in rows.items()}
    revision = None if revise is None else revise(before)
    study = before if revision is None else revision.study
    chosen = dict(_selected(study, rows, states, selection))
    if revision is not None:
        _refuse([n for n, state in states.items() if state in ACTIVE], "in flight", store.directory)
        chosen |= changed(before, study)
    now = {node: states.get(node, State.INITIALIZED) for node in study.graph}
    descendants = selection.descendants or revision is not None
    found = again(study.graph, now, chosen, descendants=descendants)
    _refuse(found.flying, "in flight, and would go on with what is made anew", store.directory)
    return Rerun(study, rows, found, revision)


@contextmanager
def rerunning(
    directory: str, selection: Selection, revise: Revise | None = None
) -> Iterator[tuple[Rerun, Callable[[], None]]]:
    """What would run again in the study in ``directory``, while its lease is held, and what has
    the study go on with that. What happened since it was last conducted is recorded first.

    Raises
    ------
    StudyError, SpecError, UsageError
        As `plan`; or the study is being conducted or cancelled, or cannot be taken up.
    """
    see_writable(directory)
    _take_in(directory)
    with told(directory), ExitStack() as stack:
        store = Store.open(directory, write=True)
        stack.callback(store.close)
        lease = Lease(store)
        stack.callback(lease.release)
        taken = stack.pop_all()
    with taken:
        rerun = plan(store, selection, revise)
        yield rerun, lambda: _reset(store, lease, rerun)


def _take_in(directory: str) -> None:
    """Record what has happened in the study in ``directory`` since nobody conducts it: to tasks
    that went on, and after the last record of a conductor that was killed.
    """
    store = Store.open(directory)
    try:
        info, counts, holder = store.info(), store.counts(), store.holder()
    finally:
        store.close()
    flying = any(counts.get(state.value) for state in ACTIVE)
    if info.outcome or not (flying or holder.host):
        return
    if info.cancelling:
        raise StudyError(
            f"{directory} is being cancelled; have that come to its end first: "
            f"{shlex.join(['maestro', 'resume', directory])}"
        )
    with taken_up(directory) as conductor:
        conductor.stop()
        conductor.run()


def _selected(
    study: Study, rows: dict[str, TaskRow], states: dict[str, State], selection: Selection
) -> Iterator[tuple[str, str]]:
    """The tasks of ``study`` that are selected, each with the reason."""
    if not selection:
        return
    for node, _ in select(study.graph, steps=selection.steps, where=selection.where):
        failed = states.get(node) in _RERUN
        if failed or not selection.failed:
            yield node, rows[node].detail or "it did not finish" if failed else "it is chosen"


def _refuse(flying: Sequence[str], why: str, directory: str) -> None:
    if flying:
        cancel = shlex.join(["maestro", "cancel", directory])
        raise StudyError(
            f"{named(flying, FEW)}: {why}; wait until they have ended, or cancel the study "
            f"({cancel}) and have what was cancelled run again, too (--failed)"
        )


def _reset(store: Store, lease: Lease, rerun: Rerun) -> None:
    """Have the study of ``store`` go on with what ``rerun`` says. What stood in the way of that, a
    note that it is to be cancelled, is removed.
    """
    study, revision, directory = rerun.study, rerun.revision, rerun.study.directory
    with told(directory):
        store.commit(lease.epoch)  # the lease may have been taken while people were asked
        for path, request in requests.pending(directory):
            if request.cancel:
                requests.discard(path)
        engine = Engine(study.graph, Policy(), lambda _: Demand(local=True))
        known = (record for record in store.records() if record.task in study.graph)
        engine.restore(known, time.time(), rerun.again.tasks)
        if revision is None:
            store.reopen(lease.epoch, engine.drain())
        else:
            attempts = {name: row.number for name, row in rerun.rows.items()}
            info = install(open_graph(store), revision, lease.epoch, attempts)
            columns = [task_columns(node, task) for node, task in tasks(study.graph)]
            store.reopen(lease.epoch, engine.drain(), info, revision.parameters, columns)
        snapshot.write(directory, store.tasks(), time.time())
