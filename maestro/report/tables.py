"""``maestro status``: the tasks of studies in a table, and a summary."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from maestro.conductor import snapshot
from maestro.errors import StudyError, visible
from maestro.report.look import counts_text, style
from maestro.report.study import open_study, readable, snapshot_rows

__all__ = ["LAYOUTS", "show"]

LAYOUTS = ("flat", "legacy", "narrow")
MOST_DRAWN = 2000
"""Tasks that are drawn as a table with folded cells; more are plain lines, which are quick."""

STATE = snapshot.COLUMNS.index("State")
PARAMS = snapshot.COLUMNS.index("Params")

Row = Sequence[str]


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
    console = _console(theme)
    found: list[Status] = []
    code = 0
    for directory in directories:
        try:
            found.append(_status(directory, console.encoding))
        except StudyError as error:
            print(visible(f"error: {error}"), file=sys.stderr)
            code = 1
    lines = sum(len(status.rows) + 6 for status in found)
    # What fits on the screen needs no pager.
    paged = pager and console.is_terminal and lines > console.height
    if paged:
        os.environ.setdefault("LESS", "-R")
    with console.pager(styles=theme) if paged else nullcontext():
        for status in found:
            _print(console, status, layout)
    return code


def _console(theme: bool) -> Console:
    return Console(highlight=False, markup=False, color_system="auto" if theme else None)


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
    counts = Counter(row[STATE] for row in rows)
    closing = [counts_text(counts, encoding)]
    outcome = study.outcome
    conductor = study.conducted_by
    if outcome is not None:
        closing.append(f"The study has ended: {outcome.name}")
    elif conductor is not None:
        closing.append(f"Conducted by {conductor}")
    else:
        closing.append(f"Nobody conducts it. To go on: conductor {directory}")
    return Status(f"{study.info.name}: {directory}", _shown(rows), closing)


def _shown(rows: Iterable[Row]) -> list[Row]:
    return [[visible(cell).replace("\n", " ") for cell in row] for row in rows]


def _print(console: Console, status: Status, layout: str) -> None:
    console.print(Text(visible(status.title), "bold"), soft_wrap=True)
    if layout == "legacy":
        from tabulate import tabulate

        table = tabulate(status.rows, headers=snapshot.COLUMNS, disable_numparse=True)
        console.out(table, highlight=False)
    elif layout == "narrow":
        for row in status.rows:
            for text in _block(row):
                console.print(text, soft_wrap=True)
    elif console.is_terminal and len(status.rows) <= MOST_DRAWN:
        console.print(_drawn(status.rows))
    else:
        for line in _lines(status.rows):
            console.out(line, highlight=False)
    for sentence in status.closing:
        console.print(Text(sentence), soft_wrap=True)
    console.print()


def _drawn(rows: Iterable[Row]) -> RenderableType:
    """The flat layout on a terminal: long cells are folded."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in snapshot.COLUMNS:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = [Text(cell) for cell in row]
        cells[STATE].stylize(style(row[STATE]))
        table.add_row(*cells)
    return table


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """The flat layout for other programs: one line a task, columns aligned, nothing cut."""
    table = [snapshot.COLUMNS, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _block(row: Row) -> Iterator[Text]:
    """The narrow layout: a task in some lines, with its parameters."""
    name, job, workspace, state, run, elapsed, start, submit, end, restarts, params = row
    yield Text.assemble((name, "bold"), "  ", (state, style(state)))
    yield Text(f"    job {job}, {restarts} restarts, in {workspace}")
    yield Text(f"    ran {run}, elapsed {elapsed}")
    yield Text(f"    submitted {submit}, started {start}")
    yield Text(f"    ended {end}")
    for parameter in filter(None, params.split(";")):
        yield Text(f"      {parameter}")
