"""The tasks of a study as a table of typed values: a row for each, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from maestro.conductor.store import TaskRow
from maestro.engine import State
from maestro.errors import UsageError

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "durations", "frame", "rows"]

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
    names = {name: _column(name) for params in used for name in params}
    return [
        {
            "task": task.name,
            "step": task.step,
            **{column: params.get(name) for name, column in names.items()},
            **_measured(task),
        }
        for task, params in zip(tasks, used, strict=True)
    ]


def _column(parameter: str) -> str:
    # What bears such a name already moves on in turn, so that no two meet.
    bare = parameter
    while bare.startswith("parameter."):
        bare = bare.removeprefix("parameter.")
    return f"parameter.{parameter}" if bare in COLUMNS else parameter


def _measured(task: TaskRow) -> dict[str, Any]:
    queued = None
    if task.started is not None and task.submitted is not None:
        queued = max(0.0, task.started - task.submitted)
    return {
        "state": State(task.state).shown,
        "submitted": _time(task.submitted),
        "started": _time(task.started),
        "ended": _time(task.ended),
        "queue_seconds": queued,
        "run_seconds": task.seconds,
        "attempts": task.number,
        "restarts": task.restarts,
        "exit_code": task.exit_code,
        "job": task.job,
        "workspace": task.workspace,
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def durations(tasks: Iterable[TaskRow]) -> dict[str, float]:
    """Seconds of run time of those of ``tasks`` that have FINISHED."""
    finished = (task for task in tasks if task.state == State.FINISHED.value)
    return {task.name: task.seconds for task in finished if task.seconds is not None}


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
