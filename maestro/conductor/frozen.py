"""The tasks of a store as they were at one moment, however long one takes to look at them."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from maestro.conductor.database import StoreDamaged
from maestro.conductor.values import TaskRow
from maestro.engine import State

__all__ = ["COLUMNS", "Extremes", "FrozenTasks", "census"]

COLUMNS = ", ".join(TaskRow._fields)

_NUMBERS = itertools.count()

_ODD = "glob '*[^ -~]*'"
"""What holds others than the characters that ASCII can print."""


class Extremes(NamedTuple):
    """Of many tasks: the most characters of a name, a job and a workspace, and whether any has
    ``odd`` ones, outside of ASCII; the most seconds since a submission, and of run time; the most
    restarts; the last moments; None where there is none.
    """

    name: int | None
    job: int | None
    workspace: int | None
    odd: float
    lasted: float | None
    ran: float | None
    restarts: int | None
    submitted: float | None
    started: float | None
    ended: float | None


class FrozenTasks:
    """The tasks in ``db``, a copy of the store in ``directory``, by ``order``: rows are made as
    they are asked for. Those that ``where`` chooses, an expression with these ``values``. Every
    method raises `StoreDamaged` where the store has turned out to be.
    """

    def __init__(
        self,
        directory: str,
        db: sqlite3.Connection,
        order: str,
        where: str = "1",
        values: tuple[str, ...] = (),
    ) -> None:
        self._directory = directory
        self._db = db
        self._order = order
        self._where = where
        self._values = values

    def __iter__(self) -> Iterator[TaskRow]:
        return map(TaskRow._make, self.select(TaskRow._fields))

    def __len__(self) -> int:
        count: int = next(self._rows("count(*)"))[0]
        return count

    def chosen(
        self,
        steps: Collection[str],
        states: Collection[State],
        meets: Callable[[Mapping[str, object]], bool] | None,
    ) -> FrozenTasks:
        """Those of one of ``steps``, in one of ``states`` (any, when empty), and whose parameters
        are what ``meets`` wants.
        """
        where, values = self._where, list(self._values)
        for column, accepted in (("step", steps), ("state", [state.value for state in states])):
            if accepted:
                where += f" AND {column} IN ({', '.join('?' * len(accepted))})"
                values += accepted
        if meets is not None:
            name = f"meets{next(_NUMBERS)}"  # all that are chosen of one copy share its functions
            self._db.create_function(name, 1, lambda text: meets(json.loads(text)))
            where += f" AND {name}(params)"
        return FrozenTasks(self._directory, self._db, self._order, where, tuple(values))

    def select(self, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """The values of these ``columns``, fields of `TaskRow`, of each."""
        return self._rows(", ".join(columns), f"ORDER BY {self._order}")

    def census(self) -> dict[str, Counter[State]]:
        """Number of tasks of each step by state, steps in the order of the graph."""
        rest = f"GROUP BY step, state ORDER BY min({self._order})"
        return census(self._rows("step, state, count(*)", rest))

    def parameters(self) -> list[str]:
        """The names of the parameters that steps use, of all tasks, in the order of the graph."""
        order = f"GROUP BY step ORDER BY min({self._order})"
        rows = FrozenTasks(self._directory, self._db, self._order)._rows("params", order)
        return list(dict.fromkeys(name for (params,) in rows for name in json.loads(params)))

    def extremes(self, now: float) -> Extremes:
        """What is most among them; what has not ended lasts until ``now``."""
        return Extremes(*next(self._rows(
            "max(length(name)), max(length(job)), max(length(workspace)), "
            f"total(name {_ODD} OR workspace {_ODD} OR job {_ODD}), "
            f"max(coalesce(ended, {float(now)!r}) - submitted), max(seconds), max(restarts), "
            "max(submitted), max(started), max(ended)"
        )))  # fmt: skip

    def wordiest(self) -> TaskRow | None:
        """That whose parameters are the longest text."""
        row = next(self._rows(f"{COLUMNS}, max(length(params))"))
        return None if row[-1] is None else TaskRow(*row[:-1])

    def _rows(self, columns: str, rest: str = "") -> Iterator[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM task WHERE {self._where} {rest}"
        try:
            yield from self._db.execute(sql, self._values)
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(self._directory, str(error)) from error


def census(rows: Iterable[tuple[str, str, int]]) -> dict[str, Counter[State]]:
    """By step and state, the numbers in ``rows`` of these three."""
    found: dict[str, Counter[State]] = {}
    for step, state, count in rows:
        found.setdefault(step, Counter())[State(state)] = count
    return found
