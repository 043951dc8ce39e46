"""``maestro list``: the studies below a directory, and how far they have come."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console

from maestro.conductor import snapshot
from maestro.conductor.store import HIDDEN
from maestro.engine import FAILED
from maestro.errors import StudyError, UsageError
from maestro.report.look import amount, one_line, style, width
from maestro.report.paging import print_lines
from maestro.report.paint import Paint, folded, painter
from maestro.report.status.formats import content
from maestro.report.status.layouts import GAP, LEAST
from maestro.report.status.request import STATES, Request, Selection
from maestro.report.status.standing import Standing, standing
from maestro.report.table import utc
from maestro.report.tabular import csv_lines
from maestro.report.writing import note, write
from maestro.spec.values import plural

__all__ = ["show"]

HEADINGS = ("Study", "Finished", "Done", "Failed", "Running", "Standing", "Age")
FAILURES, STANDING = (HEADINGS[1:].index(name) for name in ("Failed", "Standing"))
"""Where they are, behind the name of the study."""

BAR = 12
"""Columns of a progress bar, where a terminal has room for one."""

_STYLES = {"FINISHED": "green", "FAILURE": "red", "CANCELLED": "yellow", "conducted": "cyan"}


def show(root: str, depth: int, form: str, *, header: bool = True) -> None:
    """Print the studies in ``root`` and at most ``depth`` directories below, newest first, as text
    or in the format ``form``.

    Raises
    ------
    UsageError
        There is no such directory.
    """
    if not os.path.isdir(root):
        raise UsageError(f"{root} does not exist, or is no directory")
    seen = sorted(_standings(root, depth), key=_created, reverse=True)
    if form == "json":
        write(content(seen, Request(form=form, summary=True)), form, None)
    elif form == "csv":
        write(csv_lines(_rows(seen, header)), form, None)
    elif seen:
        print_lines(_table(root, seen, Console(), header))
    else:
        note(
            f"there is no study in {root}, nor within {plural(depth, 'directory level')} below; "
            "this makes one: maestro run SPECIFICATION"
        )


def _standings(root: str, depth: int) -> Iterator[Standing]:
    for directory in _studies(root, depth):
        try:
            seen = standing(directory, Selection(), tasks=False)
        except StudyError as error:
            note(str(error))
            continue
        if seen.info is None:
            note(f"{directory}: from {snapshot.FILE}: {seen.study.why_not_store}")
        yield seen


def _studies(root: str, depth: int) -> Iterator[str]:
    """The study directories in ``root``. Nothing is looked for in studies, hidden directories, and
    behind symbolic links, which may lead round in circles.
    """
    waiting = [(root, 0)]
    while waiting:
        directory, level = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            note(f"{directory} cannot be looked into: {error.strerror}")
            continue
        if HIDDEN in below:
            yield directory
        elif level < depth:
            names = (name for name in below if not name.startswith("."))
            waiting += [(os.path.join(directory, name), level + 1) for name in names]


def _created(seen: Standing) -> float:
    """When it was made or, where that is not known, last heard of."""
    if seen.info is not None:
        return seen.info.created
    return os.stat(os.path.join(seen.study.directory, snapshot.FILE)).st_mtime


def _is(seen: Standing) -> str:
    """In a word, how it stands."""
    if seen.info is None:
        return "unknown"
    if seen.info.outcome:
        return "DRYRUN" if seen.info.settings.dry else seen.info.outcome
    if seen.conductor is None:
        return "idle"
    return "cancelling" if seen.info.cancelling else "conducted"


# ---- for people --------------------------------------------------------------------------------


def _table(
    root: str, found: Sequence[Standing], console: Console, header: bool
) -> Iterator[str]:
    """A line for each study, with a bar where there is room for it."""
    paint = painter(console)
    rows = [_cells(root, seen) for seen in found]
    sizes = [max(map(width, column)) for column in zip(HEADINGS, *rows, strict=True)]
    bar = 0
    if console.file.isatty():
        spare = console.width - sum(sizes[1:]) - len(GAP) * (len(sizes) - 1)
        bar = BAR if spare >= sizes[0] + BAR + len(GAP) else 0
        sizes[0] = min(sizes[0], max(spare, LEAST))
    if header:
        yield paint(_line([HEADINGS[0]], HEADINGS[1:], sizes, " " * bar), "bold")
    for seen, row in zip(found, rows, strict=True):
        parts = folded(row[0], sizes[0] if console.file.isatty() else None)
        yield _line(parts, row[1:], sizes, _bar(seen, bar, console.encoding), paint)
        yield from parts[1:]


def _cells(root: str, seen: Standing) -> list[str]:
    counts = seen.states
    done = 100 * counts["FINISHED"] // seen.total if seen.total else 100
    path = os.path.relpath(seen.study.directory, os.path.abspath(root))
    return [
        one_line(os.path.normpath(os.path.join(root, path))),
        str(counts["FINISHED"]),
        f"{done}%",
        str(sum(counts[state.value] for state in FAILED)),
        str(counts["RUNNING"]),
        _is(seen),
        amount(max(0.0, time.time() - _created(seen))),
    ]


def _line(
    parts: Sequence[str], cells: Sequence[str], sizes: Sequence[int], bar: str,
    paint: Paint | None = None,
) -> str:  # fmt: skip
    texts = [text.rjust(size) for text, size in zip(cells, sizes[1:], strict=True)]
    texts[STANDING] = cells[STANDING].ljust(sizes[1 + STANDING])
    if paint is not None and cells[STANDING] in _STYLES:
        texts[STANDING] = paint(texts[STANDING], _STYLES[cells[STANDING]])
    if paint is not None and cells[FAILURES] != "0":
        texts[FAILURES] = paint(texts[FAILURES], style("FAILED"))
    first = parts[0] + " " * (sizes[0] - width(parts[0]))
    return GAP.join([first, *([bar] if bar else []), *texts])


def _bar(seen: Standing, columns: int, encoding: str) -> str:
    """How much of it has finished."""
    done = columns * seen.states["FINISHED"] // max(1, seen.total)
    try:
        "━".encode(encoding)
    except UnicodeEncodeError:
        return "#" * done + "." * (columns - done)
    return "━" * done + "┄" * (columns - done)


# ---- for programs ------------------------------------------------------------------------------


def _rows(found: Iterable[Standing], header: bool) -> Iterator[Iterable[Any]]:
    if header:
        yield "directory", "study", "created", "standing", "conductor", "tasks", *STATES
    for seen in found:
        created = None if seen.info is None else utc(seen.info.created)
        counts = (seen.states[state] for state in STATES)
        yield (
            seen.study.directory, seen.study.name, created, _is(seen), seen.conductor, seen.total,
            *counts,
        )  # fmt: skip
