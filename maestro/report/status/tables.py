"""``maestro status``: the tasks of studies in a table, and how the studies stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from rich.console import Console

from maestro.conductor import snapshot
from maestro.conductor.store import StudyInfo
from maestro.errors import StudyError, UsageError
from maestro.report.look import counts_text, one_line, width
from maestro.report.paging import page, print_lines
from maestro.report.paint import Paint, painter, plain
from maestro.report.status.layouts import flat, legacy, narrow
from maestro.report.status.request import PLAIN, Request
from maestro.report.status.standing import Standing, ending, queued, standing
from maestro.report.status.summary import summary
from maestro.report.status.widths import widths
from maestro.report.writing import note, write

__all__ = ["show"]

REASONS = 5
"""How many of a scheduler's are shown, at most."""


def show(directories: Iterable[str], request: Request = PLAIN) -> int:
    """Print the status of each study; 1 when one could not be, 0 otherwise.

    A terminal gets colours, and a pager for what does not fit on its screen.
    """
    failed: list[str] = []
    found = _found(directories, request, failed)
    if request.form != "text":
        from maestro.report.status.formats import content

        write(content(found, request), request.form, None)
        return 1 if failed else 0
    console = Console(color_system="auto" if request.theme else None)
    text = _Text(request, console)
    if not (request.pager and console.file.isatty()):
        print_lines(chain.from_iterable(map(text.lines, found)))
        return 1 if failed else 0
    seen = list(found)  # errors have been told before the pager has the screen
    lines = chain.from_iterable(map(text.lines, seen))
    if text.fits(seen):
        print_lines(lines)
    else:
        page(lines)
    return 1 if failed else 0


def _found(
    directories: Iterable[str], request: Request, failed: list[str]
) -> Iterator[Standing]:
    """How each study stands; those that cannot be read are told of, and noted as ``failed``."""
    for directory in directories:
        try:
            seen = standing(directory, request.selection, tasks=not request.summary)
        except (StudyError, UsageError) as error:
            note(str(error), "error")
            failed.append(directory)
        else:
            yield seen


class _Text:
    """Makes lines of how a study stands, for ``console``."""

    def __init__(self, request: Request, console: Console) -> None:
        self._request = request
        self._console = console
        self._room = console.width if console.file.isatty() else None
        self._paint = plain if request.layout == "legacy" else painter(console)

    def lines(self, seen: Standing) -> Iterator[str]:
        """The lines for one study."""
        if not self._request.header:
            yield from self._table(seen, self._paint)
            return
        yield self._paint(_title(seen), "bold")
        yield from self._table(seen, self._paint)
        yield from self._closing(seen)
        yield ""

    def fits(self, found: Sequence[Standing]) -> bool:
        """Whether all can be seen at once, with a line for the prompt. A heading or closing line
        that is too long is no reason for a pager: a terminal wraps it.
        """
        columns, height = self._console.width, self._console.height
        if sum(seen.shown for seen in found) >= height:
            return False
        used = 0
        for seen in found:
            table = list(self._table(seen, plain))
            if max(map(width, table), default=0) > columns:
                return False
            around = [_title(seen), *self._closing(seen), ""] if self._request.header else []
            used += len(table) + sum(max(1, -(-width(line) // columns)) for line in around)
        return used < height

    def _table(self, seen: Standing, paint: Paint) -> Iterator[str]:
        header = self._request.header
        if self._request.summary:
            return summary(seen.steps, paint, self._room, self._console.encoding)
        if self._request.layout == "narrow":
            return narrow(seen.rows(), seen.params(), paint, self._room)
        if self._request.layout == "legacy":
            return legacy(seen.rows(), widths(seen), header=header)
        return flat(seen.rows(), widths(seen), paint, self._room, header=header)

    def _closing(self, seen: Standing) -> Iterator[str]:
        total = seen.total if self._request.selection else None
        yield counts_text(seen.states, self._console.encoding, total)
        yield from map(one_line, _standing(seen))


def _title(seen: Standing) -> str:
    return one_line(f"{seen.study.name}: {seen.study.directory}")


def _standing(seen: Standing) -> Iterator[str]:
    """Whether the study has ended, is conducted, or what to type when it is neither."""
    info = seen.info
    if info is None:
        yield f"From {snapshot.FILE}, as it was last written: {seen.study.why_not_store}"
        return
    yield from ending(seen.study.directory, info, seen.conductor)
    if not info.outcome and seen.conductor is not None:
        yield from _waiting(seen, info)


def _waiting(seen: Standing, info: StudyInfo) -> Iterator[str]:
    """Why the scheduler does not start what waits there, as far as it is not just busy, and
    whether it answers.
    """
    yield from queued(seen.waiting, REASONS)
    if info.trouble:
        last = f" It last did at {snapshot.time_text(info.answered)}." if info.answered else ""
        yield f"{info.trouble}.{last} Jobs are taken to be well; it is asked again."
