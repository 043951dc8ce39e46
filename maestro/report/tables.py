"""``maestro status``: the tasks of studies in a table, and a summary."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from maestro.conductor import snapshot
from maestro.errors import StudyError, visible
from maestro.report.look import counts_text, style
from maestro.report.study import open_study, readable, snapshot_rows

__all__ = ["show"]

STATE = snapshot.COLUMNS.index("State")

Row = Sequence[str]
Paint = Callable[[str, str], str]
"""A text and the name of a style, to the text in that style."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown of one study."""

    title: str
    rows: list[Row]
    closing: list[str]


def show(
    directories: Iterable[str], *, layout: str = "flat", theme: bool = True, pager: bool = True
) -> int:
    """Print the status of each study; 1 when one could not be, 0 otherwise."""
    console = Console(highlight=False, markup=False, color_system="auto" if theme else None)
    found: list[Status] = []
    code = 0
    for directory in directories:
        try:
            found.append(_status(directory, console.encoding))
        except StudyError as error:
            print(visible(f"error: {error}"), file=sys.stderr)
            code = 1
    paint = _painter(console)
    lines = [line for status in found for line in _text(status, layout, paint)]
    paged = pager and console.is_terminal
    if paged and len(lines) < console.height:
        plain = (line for status in found for line in _table(status.rows, layout, lambda t, _: t))
        paged = max(map(cell_len, plain), default=0) > console.width
    if paged:
        os.environ.setdefault("LESS", "-RS")  # styles, and long lines can be scrolled
    with console.pager(styles=theme) if paged else nullcontext():
        for line in lines:
            console.out(line, highlight=False)
    return code


def _painter(console: Console) -> Paint:
    name = None if console.no_color else console.color_system
    system = None if name is None else COLOR_SYSTEMS[name]
    styles: dict[str, Style] = {}

    def paint(text: str, look: str) -> str:
        if system is None:
            return text
        if look not in styles:
            styles[look] = Style.parse(look)
        return styles[look].render(text, color_system=system)

    return paint


def _status(directory: str, encoding: str) -> Status:
    directory = os.path.abspath(directory)
    if not readable(directory):
        rows = snapshot_rows(directory)
        if rows is not None:
            counts = Counter(row[STATE] for row in rows)
            note = f"(the store may not be read: this is what {snapshot.FILE} had last)"
            return Status(directory, _shown(rows), [counts_text(counts, encoding), note])
    study = open_study(directory)
    now = time.time()
    rows = [list(snapshot.row(task, now)) for task in study.tasks()]
    closing = [counts_text(Counter(row[STATE] for row in rows), encoding)]
    outcome, conductor = study.outcome, study.conducted_by
    if outcome is not None:
        closing.append(f"The study has ended: {outcome.name}")
    elif conductor is not None:
        closing.append(f"Conducted by {conductor}")
    else:
        closing.append(f"Nobody conducts it. To go on: conductor {directory}")
    return Status(f"{study.info.name}: {directory}", _shown(rows), closing)


def _shown(rows: Iterable[Row]) -> list[Row]:
    return [[visible(cell).replace("\n", " ") for cell in row] for row in rows]


def _text(status: Status, layout: str, paint: Paint) -> Iterator[str]:
    """The lines for one study."""
    yield paint(visible(status.title), "bold")
    yield from _table(status.rows, layout, paint)
    yield from status.closing
    yield ""


def _table(rows: Sequence[Row], layout: str, paint: Paint) -> Iterator[str]:
    if layout == "legacy":
        from tabulate import tabulate

        table = tabulate(rows, headers=snapshot.COLUMNS, disable_numparse=True)
        yield from table.splitlines()
    elif layout == "narrow":
        for row in rows:
            yield from _block(row, paint)
    else:
        yield from _flat(rows, paint)


def _flat(rows: Sequence[Row], paint: Paint) -> Iterator[str]:
    """A line for each task, in aligned columns; nothing is cut."""
    table = [snapshot.COLUMNS, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    for i, row in enumerate(table):
        cells = [
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ]
        if i:
            cells[STATE] = paint(cells[STATE], style(row[STATE]))
            yield "  ".join(cells).rstrip()
        else:
            yield paint("  ".join(cells).rstrip(), "bold")


def _block(row: Row, paint: Paint) -> Iterator[str]:
    """A task in some short lines, with a line for each of its parameters."""
    name, job, workspace, state, run, elapsed, start, submit, end, restarts, params = row
    yield f"{paint(name, 'bold')}  {paint(state, style(state))}"
    yield f"    {workspace}  job {job}  restarts {restarts}"
    yield f"    ran {run}  elapsed {elapsed}"
    yield f"    submitted {submit}  started {start}"
    yield f"    ended {end}"
    for parameter in filter(None, params.split(";")):
        yield f"      {parameter}"
