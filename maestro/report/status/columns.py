"""How wide the columns of the status of tasks are, without the texts of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from maestro.conductor import snapshot
from maestro.conductor.snapshot import COLUMNS, duration_text, time_text
from maestro.conductor.store import TaskRow
from maestro.report.look import one_line, width
from maestro.report.status.standing import Standing

__all__ = ["widths"]


def widths(seen: Standing) -> list[int]:
    """How wide the texts of `snapshot.COLUMNS` are at most: to make those of 100,000 tasks takes
    seconds. That of the parameters is an estimate.
    """
    if seen.tasks:
        return _of_tasks(seen.tasks, seen.states, seen.now)
    return [_widest(column) for column in zip(*seen.texts, strict=True)] or [0] * len(COLUMNS)


def _of_tasks(tasks: Sequence[TaskRow], states: Iterable[str], now: float) -> list[int]:
    def every(column: str) -> list[Any]:
        return list(map(attrgetter(column), tasks))

    ends = (now if ended is None else ended for ended in every("ended"))
    pairs = zip(ends, every("submitted"), strict=True)
    lasted = [end - submitted for end, submitted in pairs if submitted is not None]
    ran = [seconds for seconds in every("seconds") if seconds is not None]
    known: dict[str, Iterable[str]] = {
        "Step Name": every("name"),
        "Job ID": list(filter(None, every("job"))),
        "Workspace": every("workspace"),
        "State": states,
        # No task has run for longer than since it was submitted, but for what clocks do.
        "Run Time": [duration_text(max(chain(lasted, ran), default=None))],
        "Elapsed Time": [duration_text(max(lasted, default=None))],
        "Start Time": _times(every("started")),
        "Submit Time": _times(every("submitted")),
        "End Time": _times(every("ended")),
        "Number Restarts": [str(max(every("restarts")))],
    }
    longest = max(range(len(tasks)), key=[*map(len, every("params"))].__getitem__)
    texts = snapshot.row(tasks[longest], now)
    named = zip(COLUMNS, texts, strict=True)
    return [_widest([text, *known.get(name, ())]) for name, text in named]


def _times(moments: Iterable[float | None]) -> list[str]:
    return [time_text(next((moment for moment in moments if moment is not None), None))]


def _widest(texts: Sequence[str]) -> int:
    whole = "".join(texts)
    if whole.isascii() and whole.isprintable():
        return max(map(len, texts))
    return max(width(one_line(text)) for text in texts)
