"""The tasks of a study as a table of typed values: a row for each, for programs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from maestro.conductor.store import AttemptRow, TaskRow
from maestro.engine import ACTIVE, State
from maestro.errors import UsageError

if TYPE_CHECKING:
    import pandas

__all__ = [
    "COLUMNS", "column_of", "durations", "frame", "measured", "rows", "run_time", "so_far", "utc",
]  # fmt: skip

_TIME = "datetime64[us, UTC]"
_TYPES = {
    "task": "string", "step": "string", "state": "string", "submitted": _TIME, "started": _TIME,
    "ended": _TIME, "queue_seconds": "Float64", "run_seconds": "Float64", "attempts": "Int64",
    "restarts": "Int64", "exit_code": "Int64", "job": "string", "workspace": "string",
}  # fmt: skip
"""In a data frame, by column."""

COLUMNS = tuple(_TYPES)
"""What every row has beside its parameters, which stand after the step; None where it is not known.
``submitted`` and ``started`` are of the first attempt since the task was last run again,
``run_seconds`` since that start; ``workspace`` is relative to the study directory.
"""


def rows(tasks: Sequence[TaskRow]) -> list[dict[str, Any]]:
    """A row for each of ``tasks``: `COLUMNS` and the parameters that any of them uses, None where
    this one does not. A parameter with the name of a column has ``parameter.`` before it.
    """
    used = [json.loads(task.params) for task in tasks]
    names = {name: column_of(name) for params in used for name in params}
    return [
        {
            "task": task.name,
            "step": task.step,
            **{column: params.get(name) for name, column in names.items()},
            **measured(task),
        }
        for task, params in zip(tasks, used, strict=True)
    ]


def column_of(parameter: str, taken: Collection[str] = COLUMNS) -> str:
    """The name of the column of a ``parameter``, beside those that are ``taken``."""
    # What bears such a name already moves on in turn, so that no two meet.
    bare = parameter
    while bare.startswith("parameter."):
        bare = bare.removeprefix("parameter.")
    return f"parameter.{parameter}" if bare in taken else parameter


def measured(task: TaskRow) -> dict[str, Any]:
    """The values of `COLUMNS` for ``task``, but its name and step."""
    queued = None
    if task.started is not None and task.submitted is not None:
        queued = max(0.0, task.started - task.submitted)
    return {
        "state": State(task.state).shown,
        "submitted": utc(task.submitted),
        "started": utc(task.started),
        "ended": utc(task.ended),
        "queue_seconds": queued,
        "run_seconds": task.seconds,
        "attempts": task.number,
        "restarts": task.restarts,
        "exit_code": task.exit_code,
        "job": task.job,
        "workspace": task.workspace,
    }


def utc(seconds: float | None) -> datetime | None:
    """``seconds`` since the epoch, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def durations(tasks: Iterable[TaskRow], attempts: Iterable[AttemptRow]) -> dict[str, float]:
    """Seconds of run time of those of ``tasks`` that have FINISHED: where it took several of
    ``attempts`` since the task was last run again, of them together, without the queue between.
    """
    found = {}
    for task, started in _latest(tasks, attempts):
        if task.state != State.FINISHED.value:
            continue
        seconds = task.seconds  # by a monotonic clock, where there was one
        if any(attempt.number != task.number for attempt in started):
            seconds = sum(run_time(attempt) for attempt in started)
        if seconds is not None:
            found[task.name] = seconds
    return found


def so_far(
    tasks: Iterable[TaskRow], attempts: Iterable[AttemptRow], now: float
) -> dict[str, float]:
    """Seconds that those of ``tasks`` that are in flight have run until ``now``, as `durations`
    counts them.
    """
    active = (task for task in tasks if State(task.state) in ACTIVE)
    return {
        task.name: sum(run_time(attempt, now) for attempt in started)
        for task, started in _latest(active, attempts)
    }


def run_time(attempt: AttemptRow, now: float = 0.0) -> float:
    """Seconds that ``attempt`` has run: until ``now``, where it has not ended."""
    end = now if attempt.ended is None else attempt.ended
    return 0.0 if attempt.started is None else max(0.0, end - attempt.started)


def _latest(
    tasks: Iterable[TaskRow], attempts: Iterable[AttemptRow]
) -> Iterator[tuple[TaskRow, list[AttemptRow]]]:
    """Each of ``tasks`` that has been submitted since it was last run again, with those of its
    attempts from then on that have started.
    """
    started: dict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in attempts:
        if attempt.started is not None:
            started[attempt.task].append(attempt)
    for task in tasks:
        if (first := task.submitted) is not None:
            yield task, [a for a in started.get(task.name, ()) if a.submitted >= first]


def frame(table: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """``table``, as `rows` makes it, as a data frame with a type for each column that knows missing
    values: ``Int64``, ``string``, ``datetime64[us, UTC]``.

    Raises
    ------
    UsageError
        pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError(
            "a data frame needs pandas: pip install 'maestro-conductor[pandas]'"
        ) from None
    names = list(table[0]) if table else list(_TYPES)
    # A parameter has the type that its values have: 1 and nothing are integers still.
    return pandas.DataFrame(
        {n: pandas.array([row[n] for row in table], dtype=_TYPES.get(n)) for n in names}
    )
