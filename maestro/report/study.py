"""A study to look at: nothing here ever writes one."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from maestro.conductor import snapshot
from maestro.conductor.frozen import FrozenTasks
from maestro.conductor.lease import conducted_by, conducted_here
from maestro.conductor.store import FILE, HIDDEN, AttemptRow, Store, StudyInfo, TaskRow
from maestro.engine import Again, Outcome, State, again
from maestro.errors import StudyError, UsageError
from maestro.report import table
from maestro.report.look import command
from maestro.spec.values import nearest

if TYPE_CHECKING:
    import networkx as nx
    import pandas

    from maestro.conductor import study as conducted
    from maestro.report.results import Results
    from maestro.spec import Specification

__all__ = ["Study", "open_study"]

T = TypeVar("T")


def open_study(directory: str) -> Study:
    """A read-only view of the study in ``directory``, live while it runs.

    Raises
    ------
    StudyError
        There is no study, or it cannot be read.
    """
    return Study(directory)


@dataclass(frozen=True, slots=True)
class View:
    """A study at one moment, ``now``; ``conductor`` is the process that conducts it, if any does,
    and ``here`` whether that is on this host.
    """

    info: StudyInfo
    tasks: list[TaskRow]
    conductor: str | None
    here: bool
    now: float


@dataclass(frozen=True, slots=True)
class Overview:
    """A study at one moment, however many tasks it has: how many of each step (in the order of the
    graph) are in which state, and of those in a scheduler's queue, what it says of how many.
    """

    info: StudyInfo
    steps: dict[str, Counter[State]]
    waiting: Counter[str]
    conductor: str | None
    tasks: FrozenTasks | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What has become of a study, at one moment: its graph, tasks and attempts; ``conductor`` is
    the process that conducts it, if any does.
    """

    info: StudyInfo
    graph: nx.DiGraph[str]
    tasks: list[TaskRow]
    attempts: list[AttemptRow]
    conductor: str | None


class Study:
    """The study in ``directory`` (absolute). Every method looks anew; nothing is kept open.

    Where the store cannot be read, because it is its owner's alone, damaged, of another version, or
    held by another program, ``status.csv`` has to do: then `source` names it, `why_not_store` says
    why in a sentence, and whatever only the store knows raises a `StudyError` with that sentence.
    """

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        self.why_not_store: str | None = None
        self._made: tuple[tuple[float, str], conducted.Study] | None = None
        if not os.path.isdir(self.directory):
            raise StudyError(f"{self.directory} does not exist, or is no directory")
        self.name = os.path.basename(self.directory)
        try:
            self.name = self.info.name
        except StudyError as error:
            self._do_without_store(error)

    @property
    def source(self) -> str:
        """The file, relative to the study directory, that the answers come from."""
        return FILE if self.why_not_store is None else snapshot.FILE

    @property
    def info(self) -> StudyInfo:
        """What it was made from, and its settings as they stand."""
        with self._store() as store:
            return store.info()

    def view(self) -> View | None:
        """All of it at one moment; None where `rows` has to do."""

        def look(store: Store) -> tuple[StudyInfo, FrozenTasks, str | None, bool, float]:
            here = conducted_here(store) is not None
            return store.info(), store.frozen(), conducted_by(store), here, time.time()

        seen = self._at_once(look)
        if seen is None:
            return None
        info, tasks, conductor, here, now = seen
        return View(info, list(tasks), conductor, here, now)

    def overview(self, *, tasks: bool = False) -> Overview | None:
        """How all of it stands at one moment, with or without the ``tasks``; None where `rows` has
        to do.
        """
        return self._at_once(
            lambda store: Overview(
                store.info(), store.census(), store.waiting(), conducted_by(store),
                store.frozen() if tasks else None,
            )
        )  # fmt: skip

    def _at_once(self, look: Callable[[Store], T]) -> T | None:
        """What ``look`` sees at one moment; None where `rows` has to do."""
        try:
            with self._store() as store, store.moment():
                return look(store)
        except StudyError as error:
            if self.why_not_store is None:
                self._do_without_store(error)
            return None

    def tasks(self) -> list[TaskRow]:
        """Every task as it stands, in the order of the graph."""
        with self._store() as store:
            return store.tasks()

    def task(self, name: str) -> TaskRow | None:
        """The task called ``name`` as it stands, if there is one."""
        with self._store() as store:
            return store.task(name)

    def rows(self, now: float) -> list[tuple[str, ...]]:
        """The texts of `snapshot.COLUMNS` for every task; what runs has run until ``now``."""
        if self.why_not_store is None:
            return [snapshot.row(task, now) for task in self.tasks()]
        rows = snapshot.read(self.directory)
        if rows is None:
            raise StudyError(f"{self.directory}: {snapshot.FILE} can no longer be read")
        return rows

    def states(self) -> dict[str, str]:
        """State by task, as people know it."""
        if self.why_not_store is None:
            return {task.name: State(task.state).shown for task in self.tasks()}
        return {row[snapshot.NAME]: row[snapshot.STATE] for row in self.rows(0)}

    def counts(self) -> Counter[str]:
        """Number of tasks by state, as people know it."""
        if self.why_not_store is not None:
            return Counter(row[snapshot.STATE] for row in self.rows(0))
        with self._store() as store:
            counts: Counter[str] = Counter()
            for state, count in store.counts().items():
                counts[State(state).shown] += count
            return counts

    def attempts(self) -> list[AttemptRow]:
        """Every attempt of every task, in the order of the graph, oldest first."""
        with self._store() as store:
            return store.attempts()

    def history(self) -> History:
        """Its graph, tasks and attempts, all of one moment."""
        while True:
            graph = self.graph  # first: nothing can be recorded while the moment lasts
            with self._store() as store, store.moment():
                info = store.info()
                if self._made is not None and self._made[0] == _origin(info):
                    tasks, attempts = store.tasks(), store.attempts()
                    return History(info, graph, tasks, attempts, conducted_by(store))

    def durations(self) -> dict[str, float]:
        """Measured seconds of run time by task, of those that have FINISHED: what failed says
        nothing of how long it takes. Of a task that was restarted, the run times of its attempts
        together. `maestro.graph.estimate_durations` adds the others.
        """
        with self._store() as store, store.moment():
            return table.durations(store.tasks(), store.attempts())

    def so_far(self, now: float) -> dict[str, float]:
        """Seconds that the tasks that are in flight have run until ``now``."""
        with self._store() as store, store.moment():
            return table.so_far(store.tasks(), store.attempts(), now)

    def table(self) -> list[dict[str, Any]]:
        """A row for each task, in the order of the graph, with the values of `table.COLUMNS` and of
        the parameters by name. Times are in UTC.
        """
        return table.rows(self.tasks())

    def frame(self) -> pandas.DataFrame:
        """`table` as a data frame.

        Raises
        ------
        UsageError
            pandas is not installed.
        """
        return table.frame(self.table())

    def results(
        self,
        *,
        steps: Sequence[str] = (),
        where: str | None = None,
        spec: Specification | None = None,
    ) -> Results:
        """`table`, and what the tasks have left behind: see `maestro.report.results.results`."""
        from maestro.report.results import results

        return results(self, steps=steps, where=where, spec=spec)

    def again(self, chosen: Iterable[str], *, descendants: bool = False) -> Again:
        """What would run again if these tasks did, as by ``maestro rerun``: see
        `maestro.engine.again`.

        Raises
        ------
        UsageError
            There is no such task.
        """
        states = {task.name: State(task.state) for task in self.tasks()}
        reasons = dict.fromkeys(chosen, "it is chosen")
        for name in reasons:
            if name not in states:
                raise UsageError(f"there is no task '{name}'{nearest(name, states)}")
        return again(self.graph, states, reasons, descendants=descendants)

    @property
    def outcome(self) -> Outcome | None:
        """How the study ended, None while it has not."""
        name = self.info.outcome
        return Outcome[name] if name else None

    @property
    def conducted_by(self) -> str | None:
        """The process that conducts it now, as far as this host can tell."""
        with self._store() as store:
            return conducted_by(store)

    @property
    def graph(self) -> nx.DiGraph[str]:
        """The graph of its tasks, expanded from the combinations that it stored: the same each
        time, until it is run again by another specification.
        """
        return self._conducted().graph

    @property
    def specification(self) -> Specification:
        """The specification that it is conducted by."""
        return self._conducted().spec

    def _conducted(self) -> conducted.Study:
        from maestro.conductor import study as conducted  # it takes networkx

        with self._store() as store:
            if self._made is None or self._made[0] != _origin(store.info()):
                made = conducted.open_graph(store)
                self._made = _origin(made.info), made
            return self._made[1]

    def _do_without_store(self, error: StudyError) -> None:
        if snapshot.read(self.directory) is None:
            raise error
        missing = not os.path.exists(os.path.join(self.directory, HIDDEN))
        self.why_not_store = f"there is no {FILE} here" if missing else str(error)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        if self.why_not_store is not None:
            raise StudyError(
                f"{self.directory}: {self.why_not_store}; what {snapshot.FILE} has is shown by: "
                f"{command('status', self.directory)}"
            )
        if _forbidden(self.directory):
            raise StudyError(f"the store of {self.directory} may be read by its owner only")
        store = Store.open(self.directory)
        try:
            yield store
        finally:
            store.close()


def _origin(info: StudyInfo) -> tuple[float, str]:
    """What tells the specification of a study from others that it, or another in its place, had."""
    return info.created, info.source


def _forbidden(directory: str) -> bool:
    """Whether there is a store, as far as can be seen, that this user may not read."""
    hidden = os.path.join(directory, HIDDEN)
    if not os.path.isdir(hidden):
        return False
    store = os.path.join(directory, FILE)
    return not os.access(hidden, os.X_OK) or (
        os.path.exists(store) and not os.access(store, os.R_OK)
    )
