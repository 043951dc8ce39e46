"""How a study stands: what ``maestro status`` shows of it, read at once and kept."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from maestro.conductor import snapshot
from maestro.conductor.frozen import FrozenTasks
from maestro.conductor.store import StudyInfo
from maestro.engine import Outcome, State
from maestro.errors import StudyError, UsageError
from maestro.report.advice import after
from maestro.report.look import command, one_line
from maestro.report.status.request import Selection
from maestro.report.study import Study, open_study
from maestro.spec.values import nearest

__all__ = [
    "Row", "Standing", "chosen_of", "ending", "folder_of", "know_steps", "queued", "standing",
]  # fmt: skip

Row = Sequence[str]
"""Texts of `snapshot.COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``study`` at one moment, ``now``. ``info`` is None where only ``status.csv`` could be read.

    ``total`` counts all tasks, ``steps`` those that were chosen, of each step by state as people
    know it; they are ``tasks``, or ``texts`` as ``status.csv`` has them, unless a summary will do.
    ``waiting`` counts all tasks in a scheduler's queue by what it says of them.
    """

    study: Study
    now: float
    total: int
    steps: Mapping[str, Counter[str]]
    info: StudyInfo | None = None
    conductor: str | None = None
    waiting: Counter[str] = field(default_factory=Counter)
    tasks: FrozenTasks | None = None
    texts: Sequence[Row] = ()

    @property
    def states(self) -> Counter[str]:
        """Number of chosen tasks by state."""
        return sum(self.steps.values(), Counter())

    @property
    def shown(self) -> int:
        """How many tasks there are to show."""
        return len(self.texts if self.tasks is None else self.tasks)

    def rows(self) -> Iterator[Row]:
        """The texts of the tasks, made as they are asked for; nothing in them leaves its line."""
        made = (snapshot.row(task, self.now) for task in self.tasks or ())
        return (tuple(map(one_line, row)) for row in chain(made, self.texts))

    def params(self) -> Iterator[Mapping[str, object]]:
        """The parameters of ``tasks``, by name."""
        return (json.loads(task.params) for task in self.tasks or ())


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
    seen = study.overview(tasks=tasks or selection.where is not None)
    if seen is None:
        return _of_texts(study, selection, tasks)
    know_steps(study.name, seen.steps, selection)
    steps, chosen = seen.steps, seen.tasks
    if chosen is not None and selection:
        chosen = chosen_of(chosen, selection)
        steps = chosen.census()
    return Standing(
        study, time.time(), sum(counts.total() for counts in seen.steps.values()),
        _shown(steps, selection), seen.info, seen.conductor, seen.waiting,
        tasks=chosen if tasks else None,
    )  # fmt: skip


def ending(directory: str, info: StudyInfo, conductor: str | None) -> Iterator[str]:
    """How the study in ``directory`` has ended, who conducts it, or what to type."""
    if info.outcome:
        yield f"The study has ended: {info.outcome}"
        if info.outcome == Outcome.FAILURE.name:
            yield f"To know why: {command('why', directory)}"
        yield after(directory, info.outcome, dry=info.settings.dry)
    elif conductor is not None:
        yield f"Conducted by {conductor}{', being cancelled' * info.cancelling}"
    else:
        what = "Being cancelled, by nobody now" if info.cancelling else "Nobody conducts it"
        yield f"{what}. To go on: {command('resume', directory)}"


def queued(waiting: Counter[str], most: int) -> Iterator[str]:
    """What a scheduler says of those ``waiting`` in its queue: the ``most`` frequent reasons."""
    for reason, count in waiting.most_common(most):
        yield f"{count} PENDING: the scheduler says {reason}"


def _shown(steps: Mapping[str, Counter[State]], selection: Selection) -> dict[str, Counter[str]]:
    """Number of chosen tasks of each step, by state as people know it."""
    found: dict[str, Counter[str]] = {}
    for step, counts in steps.items():
        for state, count in counts.items():
            if _chooses(selection, step, state.shown):
                found.setdefault(step, Counter())[state.shown] += count
    return found


def chosen_of(tasks: FrozenTasks, selection: Selection) -> FrozenTasks:
    """Those of ``tasks`` that ``selection`` chooses."""
    meets = None
    if selection.where is not None:
        from maestro.graph import condition

        meets = condition(selection.where, sorted(tasks.parameters()))
    states = [state for state in State if state.shown in selection.states]
    return tasks.chosen(selection.steps, states, meets)


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
        know_steps(study.name, {folder_of(row) for row in rows}, selection)
    chosen = [row for row in rows if _chooses(selection, folder_of(row), row[snapshot.STATE])]
    steps = _by_step((folder_of(row), row[snapshot.STATE]) for row in chosen)
    return Standing(study, now, len(rows), steps, texts=chosen if keep else ())


def folder_of(row: Row) -> str:
    """The directory of a task's step: its name, but for special characters."""
    return row[snapshot.WORKSPACE].partition("/")[0]


def know_steps(study: str, known: Collection[str], selection: Selection) -> None:
    """Raise a `UsageError` where ``selection`` names a step that is none of ``known``."""
    for step in selection.steps:
        if step not in known:
            raise UsageError(f"{study} has no step '{step}'{nearest(step, known)}")


def _chooses(selection: Selection, step: str, state: str) -> bool:
    """Whether it chooses tasks of ``step`` in ``state``, as far as these matter."""
    in_step = not selection.steps or step in selection.steps
    return in_step and (not selection.states or state in selection.states)


def _by_step(tasks: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Number of ``tasks`` (step, state) of each step by state."""
    steps: dict[str, Counter[str]] = {}
    for (step, state), count in Counter(tasks).items():
        steps.setdefault(step, Counter())[state] += count
    return steps
