"""A study's tasks as people read them, and the file ``status.csv`` that holds them."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from maestro.conductor.store import Store, TaskRow
from maestro.engine import State
from maestro.errors import StudyError

__all__ = [
    "COLUMNS",
    "FILE",
    "NAME",
    "STATE",
    "UNKNOWN",
    "WORKSPACE",
    "duration_text",
    "read",
    "renew",
    "row",
    "seconds_of",
    "time_of",
    "time_text",
    "write",
]

FILE = "status.csv"
COLUMNS = (
    "Step Name", "Job ID", "Workspace", "State", "Run Time", "Elapsed Time",
    "Start Time", "Submit Time", "End Time", "Number Restarts", "Params",
)  # fmt: skip
NAME, WORKSPACE, STATE = map(COLUMNS.index, ("Step Name", "Workspace", "State"))
"""Where those stand that are looked for."""

UNKNOWN = "--"
UNKNOWN_DURATION = "--:--:--"


def row(task: TaskRow, now: float) -> tuple[str, ...]:
    """The texts of `COLUMNS` for ``task``; what runs has run until ``now``."""
    end = task.ended
    if end is None and task.state in (State.RUNNING.value, State.UNKNOWN.value):
        end = now
    ran = task.seconds
    if ran is None and end is not None and task.started is not None:
        ran = end - task.started
    waiting = task.state in (State.SUBMITTING.value, State.PENDING.value)
    until = now if end is None and waiting else end
    elapsed = until - task.submitted if until is not None and task.submitted is not None else None
    return (
        task.name,
        task.job or UNKNOWN,
        task.workspace,
        State(task.state).shown,
        duration_text(ran),
        duration_text(elapsed),
        time_text(task.started),
        time_text(task.submitted),
        time_text(task.ended),
        str(task.restarts),
        ";".join(f"{name}:{value}" for name, value in json.loads(task.params).items()),
    )


def time_text(moment: float | None) -> str:
    """``moment`` in local time, to the second."""
    return UNKNOWN if moment is None else _clock(int(moment))


@lru_cache(1000)
def _clock(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def time_of(text: str) -> float | None:
    """The moment that `time_text` has told; None where there is none."""
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def duration_text(seconds: float | None) -> str:
    """``seconds`` as days, hours, minutes and seconds."""
    if seconds is None:
        return UNKNOWN_DURATION
    return _span(max(0, round(seconds)))


@lru_cache(1000)
def _span(seconds: int) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    return f"{d}d:{h:02d}h:{m:02d}m:{s:02d}s"


def seconds_of(text: str) -> int | None:
    """The seconds that `duration_text` has told; None where there are none."""
    found = re.fullmatch(r"(\d+)d:(\d+)h:(\d+)m:(\d+)s", text)
    if found is None:
        return None
    days, hours, minutes, rest = map(int, found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def renew(directory: str) -> None:
    """Write ``status.csv`` once more for a study that has ended, where that can be done: its
    conductor may not have been able to.
    """
    with suppress(StudyError, OSError):
        store = Store.open(directory)
        try:
            write(directory, store.tasks(), time.time())
        finally:
            store.close()


def write(directory: str, tasks: Iterable[TaskRow], now: float) -> None:
    """Replace ``status.csv`` in ``directory``; nobody ever sees half of one.

    Raises
    ------
    OSError
        It cannot be written.
    """
    draft = os.path.join(directory, f".{FILE}.new")
    with open(draft, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        # Unlike all else that needs quotes, a carriage return would get none.
        quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for texts in (row(task, now) for task in tasks):
            (quoting if "\r" in texts[0] + texts[-1] else writer).writerow(texts)
    os.replace(draft, os.path.join(directory, FILE))


def read(directory: str) -> list[tuple[str, ...]] | None:
    """The rows of ``status.csv``; None where there is none, or one of something else."""
    path = os.path.join(directory, FILE)
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, csv.Error):
        return None
    if not rows or tuple(rows[0]) != COLUMNS:
        return None
    last = len(COLUMNS) - 1
    # The peer's file has no quotes: a comma in a value makes a row longer, at its end.
    return [(*row[:last], ",".join(row[last:])) for row in rows[1:] if len(row) > last]
