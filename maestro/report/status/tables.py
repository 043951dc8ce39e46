"""``maestro status``: the tasks of studies in a table, and a summary."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from rich.console import COLOR_SYSTEMS, Console
from rich.pager import SystemPager
from rich.style import Style

from maestro.conductor import snapshot
from maestro.conductor.store import TaskRow
from maestro.engine import Outcome, State
from maestro.errors import StudyError, visible
from maestro.report.look import counts_text, one_line, width
from maestro.report.status.layouts import STATE, Paint, Row, flat, legacy, narrow
from maestro.report.status.request import PLAIN, Request
from maestro.report.study import View, open_study
from maestro.report.writing import delivering

__all__ = ["show"]

SHOWN_REASONS = 5

CHUNK = 2000
"""Lines that are written at once."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown of one study: texts of `snapshot.COLUMNS`, and the parameters of each task
    where the layout shows them apart.
    """

    title: str
    rows: list[Row]
    params: list[Mapping[str, str]]
    closing: list[str]


def show(directories: Iterable[str], request: Request = PLAIN) -> int:
    """Print the status of each study; 1 when one could not be, 0 otherwise.

    A terminal gets colours, and a pager for what does not fit on its screen.
    """
    console = Console(color_system="auto" if request.theme else None)
    layout = request.layout
    found: list[Status] = []
    code = 0
    for directory in directories:
        try:
            found.append(_status(directory, layout, console.encoding))
        except StudyError as error:
            print(visible(f"error: {error}"), file=sys.stderr)
            code = 1
    room = console.width if console.is_terminal else None
    paint = _plain if layout == "legacy" else _painter(console)
    lines = chain.from_iterable(_text(status, layout, paint, room) for status in found)
    if request.pager and console.is_terminal and not _fits(found, layout, console):
        os.environ.setdefault("LESS", "-RS")  # styles, and long lines can be scrolled
        SystemPager().show("\n".join(lines))
    else:
        _write(lines)
    return code


def _write(lines: Iterator[str]) -> None:
    with delivering():
        while chunk := list(islice(lines, CHUNK)):
            sys.stdout.write("\n".join(chunk) + "\n")


def _fits(found: Sequence[Status], layout: str, console: Console) -> bool:
    """Whether all can be seen at once, with a line for the prompt. A heading or closing line that
    is too long is no reason for a pager: a terminal wraps it.
    """
    if sum(len(status.rows) for status in found) >= console.height:
        return False
    used = 0
    for status in found:
        table = list(_table(status, layout, _plain, console.width))
        if max(map(width, table), default=0) > console.width:
            return False
        around = [status.title, *status.closing, ""]
        used += len(table) + sum(max(1, -(-width(line) // console.width)) for line in around)
    return used < console.height


def _plain(text: str, _: str) -> str:
    return text


def _painter(console: Console) -> Paint:
    name = None if console.no_color else console.color_system
    if name is None:
        return _plain
    system = COLOR_SYSTEMS[name]
    styles: dict[str, Style] = {}

    def paint(text: str, look: str) -> str:
        if look not in styles:
            styles[look] = Style.parse(look)
        return styles[look].render(text, color_system=system)

    return paint


def _status(directory: str, layout: str, encoding: str) -> Status:
    study = open_study(directory)
    view = study.view()
    now = time.time()
    params: list[Mapping[str, str]] = []
    rows: Iterable[Row]
    if view is None:
        rows = study.rows(now)
        standing = [f"From {snapshot.FILE}, as it was last written: {study.why_not_store}"]
    else:
        rows = (snapshot.row(task, now) for task in view.tasks)
        standing = list(_standing(study.directory, view))
        if layout == "narrow":
            params = [json.loads(task.params) for task in view.tasks]
    shown: list[Row] = [tuple(map(one_line, row)) for row in rows]
    counts = counts_text(Counter(row[STATE] for row in shown), encoding)
    closing = [counts, *map(one_line, standing)]
    return Status(one_line(f"{study.name}: {study.directory}"), shown, params, closing)


def _standing(directory: str, view: View) -> Iterator[str]:
    """Whether the study has ended, is conducted, or what to type when it is neither."""
    info = view.info
    if info.outcome:
        yield f"The study has ended: {info.outcome}"
        if info.outcome != Outcome.FINISHED.name:
            command = shlex.join(["maestro", "rerun", "--failed", directory])
            yield f"To run again what did not finish: {command}"
    elif view.conductor is not None:
        yield f"Conducted by {view.conductor}{', being cancelled' * info.cancelling}"
        yield from _waiting(view.tasks)
        if info.trouble:
            last = f" It last did at {snapshot.time_text(info.answered)}." if info.answered else ""
            yield f"{info.trouble}.{last} Jobs are taken to be well; it is asked again."
    else:
        what = "Being cancelled, by nobody now" if info.cancelling else "Nobody conducts it"
        yield f"{what}. To go on: {shlex.join(['maestro', 'resume', directory])}"


def _waiting(tasks: Iterable[TaskRow]) -> Iterator[str]:
    """Why the scheduler does not start what waits there, as far as it is not just busy."""
    waiting = [task for task in tasks if task.state == State.PENDING.value and task.detail]
    for reason, count in Counter(task.detail for task in waiting).most_common(SHOWN_REASONS):
        yield f"{count} PENDING: the scheduler says {reason}"


def _text(status: Status, layout: str, paint: Paint, room: int | None) -> Iterator[str]:
    """The lines for one study; ``room`` is the width of a terminal."""
    yield paint(status.title, "bold")
    yield from _table(status, layout, paint, room)
    yield from status.closing
    yield ""


def _table(status: Status, layout: str, paint: Paint, room: int | None) -> Iterator[str]:
    if layout == "narrow":
        return narrow(status.rows, status.params, paint, room)
    if layout == "legacy":
        return legacy(status.rows)
    return flat(status.rows, paint, room)
