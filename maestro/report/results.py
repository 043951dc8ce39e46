"""The table of a study with what its tasks have left behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro.conductor.store import TaskRow
from maestro.engine import State
from maestro.errors import UsageError
from maestro.graph import layout_of, select
from maestro.report import table
from maestro.report.collect import Unreadable, collected, unified
from maestro.spec.model import Collect, Specification
from maestro.spec.values import named, plural

if TYPE_CHECKING:
    import pandas

    from maestro.report.study import Study

__all__ = ["Results", "results"]

FEW = 3
"""Tasks that are named, at most, where something is missing."""


@dataclass(frozen=True, slots=True)
class Results:
    """``rows``: those of `maestro.report.study.Study.table`, each with the columns ``collected``
    from any task (None where there is nothing), and every column of one type; ``missing``: a
    sentence for each thing that could not be collected from tasks that have FINISHED.
    """

    rows: list[dict[str, Any]]
    collected: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def brief(self) -> list[str]:
        """The columns that matter most: task, state, parameters, what was collected, run time."""
        own = [*table.COLUMNS, *self.collected]
        parameters = [name for name in self.rows[0] if name not in own] if self.rows else []
        return ["task", "state", *parameters, *self.collected, "run_seconds"]

    def frame(self) -> pandas.DataFrame:
        """``rows`` as a data frame.

        Raises
        ------
        UsageError
            pandas is not installed.
        """
        return table.frame(self.rows)


def results(
    study: Study,
    *,
    steps: Sequence[str] = (),
    where: str | None = None,
    spec: Specification | None = None,
) -> Results:
    """The results of the tasks of ``study`` that `maestro.graph.select` finds for ``steps`` and
    ``where``. What is collected, its own specification says, or ``spec``, for steps of the same
    names.

    Raises
    ------
    StudyError
        Its store cannot be read.
    UsageError
        There is no such step, or ``where`` is no condition on its parameters.
    """
    chosen = dict(select(study.graph, steps=steps, where=where))
    rows = [row for row in study.tasks() if row.name in chosen]
    declared = {task.step.name: task.step.collect for task in chosen.values()}
    if spec is not None:
        declared = _declared(declared, spec)
    layout, missing = layout_of(study.graph), _Missing()
    found: list[dict[str, Any]] = []
    for row in rows:
        values: dict[str, Any] = {}
        if row.started is not None:
            task = chosen[row.name]
            for entry in declared[row.step]:
                try:
                    own, wrong = collected(entry, task, layout.script(task), study.directory)
                except Unreadable as error:
                    missing.note(row, str(error))
                    continue
                values |= own
                for what in wrong:
                    missing.note(row, what)
        found.append(values)
    entries = [entry for collect in declared.values() for entry in collect]
    names = dict.fromkeys(name for entry in entries for name, _ in entry.columns)
    return _together(table.rows(rows), found, names, missing.sentences())


def _declared(
    steps: Mapping[str, tuple[Collect, ...]], spec: Specification
) -> dict[str, tuple[Collect, ...]]:
    by_name = {step.name: step.collect for step in spec.steps}
    if not any(by_name.get(step) for step in steps):
        raise UsageError(f"{spec.path} has no 'collect' in a step of the tasks that are chosen")
    return {step: by_name.get(step, ()) for step in steps}


def _together(
    rows: list[dict[str, Any]],
    found: Sequence[Mapping[str, Any]],
    declared: Iterable[str],
    missing: tuple[str, ...],
) -> Results:
    """``rows`` with the columns ``declared``, and whatever else was ``found``; one that there is
    already has ``result.`` before it.
    """
    known = list(rows[0]) if rows else []
    names = {name: None for values in (dict.fromkeys(declared), *found) for name in values}
    columns = {name: _column(name, known) for name in names}
    for row, values in zip(rows, found, strict=True):
        row |= {column: values.get(name) for name, column in columns.items()}
    for column in (*known, *columns.values()):
        if column not in table.COLUMNS:
            for row, value in zip(rows, unified([row[column] for row in rows]), strict=True):
                row[column] = value
    return Results(rows, tuple(columns.values()), missing)


def _column(name: str, known: Collection[str]) -> str:
    # What bears such a name already moves on in turn, so that no two meet.
    bare = name
    while bare.startswith("result."):
        bare = bare.removeprefix("result.")
    return f"result.{name}" if bare in known else name


class _Missing:
    """What was not there, and of which tasks: of those that have FINISHED, it is said."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, str], list[str]] = defaultdict(list)

    def note(self, row: TaskRow, what: str) -> None:
        if row.state == State.FINISHED.value:
            self._tasks[row.step, what].append(row.name)

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{what} (step '{step}', {plural(len(names), 'task')}: {named(names, FEW)})"
            for (step, what), names in self._tasks.items()
        )
