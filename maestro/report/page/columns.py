"""The tasks and attempts of a study as columns of plain values, for tables and plots.

Every text is in one line, with what is not printable shown as escapes; times are milliseconds of
the local clock, as plots have them, and what is not known is not a number.
"""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maestro.conductor.store import AttemptRow, TaskRow
from maestro.engine import FAILED, State
from maestro.report.failure import cause
from maestro.report.look import amount, ink, one_line, style, symbol

__all__ = ["Columns", "Timeline", "clock", "cut", "marked", "task_columns", "timeline"]

Columns = dict[str, list[Any]]

ROWS = 60
"""Tasks that have a row each in a timeline, at most."""

SHOWN = 12
"""Parameters that have a column each in a table, at most."""

HINT = 300
"""Characters of a value where a pointer rests, at most."""

HATCHES = {"red": "x", "yellow": "/", "magenta": "."}
"""Beside the colours, by style; others are plain."""

NAN = math.nan


def clock(time: float | None) -> float:
    """Seconds since the epoch as milliseconds of the local clock."""
    if time is None:
        return NAN
    local = datetime.fromtimestamp(time).astimezone()
    offset = local.utcoffset()
    return (time + (offset.total_seconds() if offset else 0.0)) * 1000


def marked(state: str) -> str:
    """``state`` with its symbol."""
    return f"{symbol(state, 'utf-8')} {one_line(state)}"


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)


def cut(text: str, most: int) -> str:
    """``text``, without its middle where it is long: names differ at their ends."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


# ---- tasks -------------------------------------------------------------------------------------


def task_columns(
    tasks: Sequence[TaskRow], running: Mapping[str, float], conceal: Callable[[str], str]
) -> tuple[Columns, dict[str, str]]:
    """A row for each of ``tasks``, of which some are ``running`` for some seconds, and the columns
    of parameters with their names. What came with a state is shown as ``conceal`` has it.
    """
    used = [json.loads(task.params) for task in tasks]
    params = [_params(values) for values in used]
    columns: Columns = {
        "name": [one_line(task.name) for task in tasks],
        "step": [one_line(task.step) for task in tasks],
        "params": params,
        "hint": [cut(one_line(task.name), HINT) for task in tasks],
        "hint_params": [cut(text, HINT) for text in params],
        "workspace": [one_line(task.workspace) for task in tasks],
        "job": [one_line(task.job or "") for task in tasks],
        "attempts": [task.number for task in tasks],
        "submitted": [clock(task.submitted) for task in tasks],
        "started": [clock(task.started) for task in tasks],
        "ended": [clock(task.ended) for task in tasks],
        "queue": [_queued(task.submitted, task.started) for task in tasks],
        "run": [_number(running.get(task.name, task.seconds)) for task in tasks],
        "exit": [_number(task.exit_code) for task in tasks],
        **_states(tasks, conceal),
    }
    names = list({name: None for values in used for name in values})
    parameters = {f"p{i}": name for i, name in enumerate(names[:SHOWN])}
    for column, name in parameters.items():
        columns[column] = _values([values.get(name) for values in used])
    return columns, parameters


def _states(tasks: Sequence[TaskRow], conceal: Callable[[str], str]) -> Columns:
    """The states, how they look, and what came with them."""
    states = [State(task.state).shown for task in tasks]
    marks = [marked(state) for state in states]
    details = [
        one_line(conceal(cause(task) if State(task.state) in FAILED else task.detail or ""))
        for task in tasks
    ]
    return {
        "state": states,
        "mark": marks,
        "symbol": [symbol(state, "utf-8") for state in states],
        "color": [ink(state) for state in states],
        "detail": details,
        "about": [
            cut(f"{mark}: {detail}" if detail else mark, HINT)
            for mark, detail in zip(marks, details, strict=True)
        ],
    }


def _params(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{one_line(name)} = {one_line(str(v))}" for name, v in values.items())


def _values(values: Iterable[Any]) -> list[Any]:
    """A column that sorts: of numbers, or else of texts."""
    found = list(values)
    if all(v is None or (type(v) in (int, float) and abs(v) < 2**53) for v in found):
        return [_number(value) for value in found]
    return ["" if value is None else one_line(str(value)) for value in found]


def _queued(submitted: float | None, started: float | None) -> float:
    return NAN if submitted is None or started is None else max(0.0, started - submitted)


# ---- attempts ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars of the attempts, in so many ``rows``, and bars of their waiting; ``names`` are those of
    the rows where each is a task's, and else empty: a row is a slot that one attempt takes after
    another.
    """

    bars: Columns
    waits: Columns
    rows: int
    names: tuple[str, ...]


def timeline(
    tasks: Sequence[TaskRow], attempts: Iterable[AttemptRow], columns: Columns, now: float
) -> Timeline:
    """When ``attempts`` at ``tasks``, of which there are `task_columns`, ran; those that are in
    flight do until ``now``.
    """
    position = {task.name: i for i, task in enumerate(tasks)}
    known = list(attempts)
    known.sort(key=lambda attempt: (_begin(attempt), attempt.submitted))
    tried = Counter(attempt.task for attempt in known)
    if len(tried) <= ROWS:
        row_of = {name: row for row, name in enumerate(tried)}
        placed = [(attempt, row_of[attempt.task]) for attempt in known]
        names = tuple(one_line(name) for name in tried)
    else:
        placed, names = list(_packed(known, now)), ()

    def bars(placed: Iterable[tuple[AttemptRow, int]], *, waiting: bool) -> Columns:
        return _bars(placed, columns, position, now, waiting=waiting)

    waits = bars(placed if names else (), waiting=True)
    rows = max((row for _, row in placed), default=-1) + 1
    return Timeline(bars(placed, waiting=False), waits, rows, names)


def _begin(attempt: AttemptRow) -> float:
    return attempt.submitted if attempt.started is None else attempt.started


def _end(attempt: AttemptRow, now: float) -> float:
    return max(_begin(attempt), now if attempt.ended is None else attempt.ended)


def _packed(attempts: Iterable[AttemptRow], now: float) -> Iterator[tuple[AttemptRow, int]]:
    """Those of ``attempts``, which are in order, that have started: each in the first row that is
    free.
    """
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for attempt in attempts:
        if attempt.started is None:
            continue
        while busy and busy[0][0] <= attempt.started:
            heapq.heappush(free, heapq.heappop(busy)[1])
        row = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (_end(attempt, now), row))
        yield attempt, row


def _bars(
    placed: Iterable[tuple[AttemptRow, int]],
    columns: Columns,
    position: Mapping[str, int],
    now: float,
    *,
    waiting: bool,
) -> Columns:
    """A bar for each attempt, from its start to its end, or while it was ``waiting`` for that."""
    keys = ("task", "row", "left", "right", "name", "params", "mark", "color", "hatch", "number",
            "begin", "took", "queue")  # fmt: skip
    bars: Columns = {key: [] for key in keys}
    for attempt, row in placed:
        if attempt.started is None and not waiting:
            continue
        task = position[attempt.task]
        state = State(attempt.state).shown if attempt.state else columns["state"][task]
        begin, end = _begin(attempt), _end(attempt, now)
        started = end if attempt.started is None else begin
        left, right = begin, end
        if waiting:
            left, right = attempt.submitted, max(attempt.submitted, started)
        values = (
            task, row, clock(left), clock(right), columns["hint"][task],
            columns["hint_params"][task], marked(state), ink(state),
            HATCHES.get(style(state), " "), attempt.number, clock(begin), amount(end - started),
            amount(max(0.0, started - attempt.submitted)),
        )  # fmt: skip
        for key, value in zip(keys, values, strict=True):
            bars[key].append(value)
    return bars
