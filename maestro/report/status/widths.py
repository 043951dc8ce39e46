"""How wide the columns of the status of tasks are, without the texts of all of them."""

from __future__ import annotations

from collections.abc import Iterable

from maestro.conductor import snapshot
from maestro.conductor.frozen import FrozenTasks
from maestro.conductor.snapshot import COLUMNS, duration_text, time_text
from maestro.conductor.store import TaskRow
from maestro.report.look import one_line, width
from maestro.report.status.standing import Standing

__all__ = ["widths"]


def widths(seen: Standing) -> list[int]:
    """How wide the texts of `snapshot.COLUMNS` are at most: to make those of 100,000 tasks takes
    seconds. That of the parameters is an estimate.
    """
    wordy = None if seen.tasks is None else seen.tasks.wordiest()
    if seen.tasks is not None and wordy is not None:
        return _of_tasks(seen.tasks, wordy, seen.states, seen.now)
    return [_widest(column) for column in zip(*seen.texts, strict=True)] or [0] * len(COLUMNS)


def _of_tasks(
    tasks: FrozenTasks, wordy: TaskRow, states: Iterable[str], now: float
) -> list[int]:
    most = tasks.extremes(now)
    known = {"Step Name": most.name, "Job ID": most.job, "Workspace": most.workspace}
    if most.odd:
        rows = (snapshot.row(task, now)[:3] for task in tasks)
        known |= dict(zip(COLUMNS, map(_widest, zip(*rows, strict=True)), strict=False))
    # No task has run for longer than since it was submitted, but for what clocks do.
    ran = max((s for s in (most.lasted, most.ran) if s is not None), default=None)
    known |= {
        "State": _widest(states),
        "Run Time": len(duration_text(ran)),
        "Elapsed Time": len(duration_text(most.lasted)),
        "Start Time": len(time_text(most.started)),
        "Submit Time": len(time_text(most.submitted)),
        "End Time": len(time_text(most.ended)),
        "Number Restarts": len(str(most.restarts)),
    }
    texts = zip(COLUMNS, snapshot.row(wordy, now), strict=True)
    return [max(width(one_line(text)), known.get(name) or 0) for name, text in texts]


def _widest(texts: Iterable[str]) -> int:
    return max(width(one_line(text)) for text in texts)
