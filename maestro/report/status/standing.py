"""How a study stands: what ``maestro status`` shows of it, read at once and kept."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maestro.conductor import snapshot
from maestro.conductor.store import StudyInfo, TaskRow
from maestro.engine import State
from maestro.errors import StudyError, UsageError
from maestro.report.look import one_line
from maestro.report.status.request import Selection
from maestro.report.study import Overview, Study, View, open_study
from maestro.spec.values import nearest

__all__ = ["Row", "Standing", "folder_of", "standing"]

Row = Sequence[str]
"""Texts of `snapshot.COLUMNS`."""

STATE = snapshot.COLUMNS.index("State")
WORKSPACE = snapshot.COLUMNS.index("Workspace")


@dataclass(frozen=True, slots=True)
class Standing:
    """``study`` at one moment, ``now``. ``info`` is None where only ``status.csv`` could be read.

    ``total`` counts all tasks, ``steps`` those that were chosen, of each step by state as people
    know it; they are ``tasks``, or ``texts`` as ``status.csv`` has them, unless a summary will do.
    ``parameters`` are the names of all that steps use.
    ``waiting`` counts all tasks in a scheduler's queue by what it says of them.
    """

    study: Study
    now: float
    total: int
    steps: Mapping[str, Counter[str]]
    info: StudyInfo | None = None
    conductor: str | None = None
    waiting: Counter[str] = field(default_factory=Counter)
    tasks: Sequence[TaskRow] = ()
    texts: Sequence[Row] = ()
    parameters: Sequence[str] = ()

    @property
    def states(self) -> Counter[str]:
        """Number of chosen tasks by state."""
        return sum(self.steps.values(), Counter())

    @property
    def shown(self) -> int:
        """How many tasks there are to show."""
        return len(self.tasks) or len(self.texts)

    def rows(self) -> Iterator[Row]:
        """The texts of the tasks, made as they are asked for; nothing in them leaves its line."""
        made = (snapshot.row(task, self.now) for task in self.tasks)
        return (tuple(map(one_line, row)) for row in (made if self.tasks else self.texts))

    def params(self) -> Iterator[Mapping[str, object]]:
        """The parameters of ``tasks``, by name."""
        return (json.loads(task.params) for task in self.tasks)


def standing(directory: str, selection: Selection, *, tasks: bool = True) -> Standing:
    """How the study in ``directory`` stands, and its ``tasks``, as far as they are chosen.

    Raises
    ------
    StudyError
        There is no study, or what is asked for cannot be known of it.
    UsageError
        It has no such step, or ``where`` is no condition on its parameters.
    """
    study = open_study(directory)
    if not tasks and selection.where is None:
        if (seen := study.overview()) is not None:
            return _counted(study, seen, selection)
    elif (view := study.view()) is not None:
        return _of_tasks(study, view, selection, tasks)
    return _of_texts(study, selection, tasks)


def _counted(study: Study, seen: Overview, selection: Selection) -> Standing:
    _know_steps(study, seen.steps, selection)
    total = sum(counts.total() for counts in seen.steps.values())
    steps: dict[str, Counter[str]] = {}
    for step, counts in seen.steps.items():
        for state, count in counts.items():
            if _chooses(selection, step, state.shown):
                steps.setdefault(step, Counter())[state.shown] += count
    return Standing(
        study, time.time(), total, steps, seen.info, seen.conductor, seen.waiting
    )


def _of_tasks(study: Study, view: View, selection: Selection, keep: bool) -> Standing:
    chosen = view.tasks
    first = {task.step: task for task in reversed(chosen)}  # all of a step use the same parameters
    used = (json.loads(task.params) for task in reversed(first.values()))
    parameters = list(dict.fromkeys(name for params in used for name in params))
    _know_steps(study, first, selection)
    shown = {state.value: state.shown for state in State}
    if selection.steps or selection.states:
        chosen = [task for task in chosen if _chooses(selection, task.step, shown[task.state])]
    if selection.where is not None:
        meets = _condition(selection.where, parameters)
        chosen = [task for task in chosen if meets(json.loads(task.params))]
    queued = (task for task in view.tasks if task.state == State.PENDING.value)
    return Standing(
        study, time.time(), len(view.tasks),
        _by_step((task.step, shown[task.state]) for task in chosen),
        view.info, view.conductor, Counter(task.detail for task in queued if task.detail),
        tasks=chosen if keep else (), parameters=parameters,
    )  # fmt: skip


def _of_texts(study: Study, selection: Selection, keep: bool) -> Standing:
    if selection.where is not None:
        raise StudyError(
            f"{study.directory}: --where needs the values of parameters, which {snapshot.FILE} "
            f"does not tell for sure, and {study.why_not_store}"
        )
    now = time.time()
    rows = study.rows(now)
    if selection.steps:
        from maestro.graph.names import safe

        selection = replace(selection, steps=tuple(map(safe, selection.steps)))
        _know_steps(study, {folder_of(row) for row in rows}, selection)
    chosen = [row for row in rows if _chooses(selection, folder_of(row), row[STATE])]
    steps = _by_step((folder_of(row), row[STATE]) for row in chosen)
    return Standing(study, now, len(rows), steps, texts=chosen if keep else ())


def folder_of(row: Row) -> str:
    """The directory of a task's step: its name, but for special characters."""
    return row[WORKSPACE].partition("/")[0]


def _know_steps(study: Study, known: Collection[str], selection: Selection) -> None:
    for step in selection.steps:
        if step not in known:
            raise UsageError(f"{study.name} has no step '{step}'{nearest(step, known)}")


def _chooses(selection: Selection, step: str, state: str) -> bool:
    """Whether it chooses tasks of ``step`` in ``state``, as far as these matter."""
    in_step = not selection.steps or step in selection.steps
    return in_step and (not selection.states or state in selection.states)


def _condition(where: str, names: Sequence[str]) -> Callable[[Mapping[str, object]], bool]:
    from maestro.graph import condition

    return condition(where, sorted(names))


def _by_step(tasks: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Number of ``tasks`` (step, state) of each step by state."""
    steps: dict[str, Counter[str]] = {}
    for (step, state), count in Counter(tasks).items():
        steps.setdefault(step, Counter())[state] += count
    return steps
