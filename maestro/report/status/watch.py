"""``maestro status --watch``: a study as it gets on, on a screen or, without one, as lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from rich.console import Console

from maestro.conductor import snapshot
from maestro.conductor.store import Happening, TaskRow
from maestro.engine import FAILED, State
from maestro.report.look import counts_text, one_line, shown, width
from maestro.report.paint import Paint, painter
from maestro.report.status.board import KEYS, Board, Line, View
from maestro.report.status.following import Following
from maestro.report.status.request import Request
from maestro.report.status.screen import Ended, Screen
from maestro.report.status.standing import ending
from maestro.report.status.tables import show
from maestro.report.writing import delivering, wait_for_more

__all__ = ["watch"]

PAUSE = 1.0
"""Seconds between two looks."""

BURST = 200
"""Changes between two looks of which each gets a line: of more, the failures do."""


def watch(directory: str, request: Request) -> int:
    """Show how the study in ``directory`` gets on until it has ended, or people have seen enough;
    the exit status.

    Raises
    ------
    StudyError
        There is no study, or it cannot be read, or no longer be found.
    UsageError
        It has no such step, or the standard output cannot be written.
    """
    console = Console(color_system="auto" if request.theme else None)
    following = Following(directory, request.selection)
    if following.ended:
        return _sum_up(directory, request)
    if not console.is_terminal or console.is_dumb_terminal:
        with delivering():
            _Lines(following, request).go_on()
        return 0
    try:
        with Screen() as screen:
            _Watching(following, request, screen, console).go_on()
    except KeyboardInterrupt:
        _sum_up(directory, request)
        raise
    except Ended as ended:
        ended.again()
    return _sum_up(directory, request)


def _chosen(request: Request) -> frozenset[State]:
    """The states that are asked for; none: any."""
    return frozenset(state for state in State if state.shown in request.selection.states)


def _sum_up(directory: str, request: Request) -> int:
    """What stays on the terminal."""
    summary = Request(request.selection, summary=True, theme=request.theme, pager=False)
    return show([directory], summary)


# ---- on a screen ---------------------------------------------------------------------------------


class _Watching:
    """Draws a study on ``screen``, and does what the keys say."""

    def __init__(
        self, following: Following, request: Request, screen: Screen, console: Console
    ) -> None:
        self._following = following
        self._screen = screen
        self._paint = painter(console)
        self._encoding = console.encoding
        chosen = _chosen(request)
        self._view = View("a" if chosen else "s", 0, chosen)
        self._room = 1
        self._size = 0

    def go_on(self) -> None:
        """Until the study has ended, or ``q`` is pressed."""
        due = time.monotonic() + PAUSE
        while not self._following.ended:
            self._draw()
            for key in self._screen.keys(max(0.0, due - time.monotonic())):
                if key == "q":
                    return
                self._press(key)
            if time.monotonic() >= due:
                self._following.look()
                due = time.monotonic() + PAUSE

    def _press(self, key: str) -> None:
        view = self._view
        step = {"up": -1, "down": 1, "page up": -self._room, "page down": self._room}
        if key in KEYS:
            view.key, view.top = key, 0
        elif key in step:
            view.top += step[key]
        elif key in ("home", "end"):
            view.top = self._size if key == "end" else 0
        view.top = max(0, min(view.top, self._size - self._room))

    def _draw(self) -> None:
        columns, height = self._screen.size
        seen, view = self._following, self._view
        board = Board(
            seen.directory, seen.info, seen.conductor, seen.course, seen.total, seen.at,
            time.time(), seen.trouble, self._encoding,
        )  # fmt: skip
        around = len(board.head(columns)) + len(board.foot(view, columns)) + 1
        self._room = room = max(1, height - around)
        rows: list[TaskRow] = []
        if view.key == "s":
            self._size = len(seen.course.steps)
        else:
            tasks = seen.course.tasks(view.wanted)
            self._size = len(tasks)
        view.top = max(0, min(view.top, self._size - room))
        if view.key != "s":
            rows = seen.rows(tasks[view.top : view.top + room])
        lines = board.lines(view, rows, self._size, room, columns)
        self._screen.draw([_written(line, columns, self._paint) for line in lines[:height]])


def _written(line: Line, columns: int, paint: Paint) -> str:
    """``line`` with its styles, as far as it fits."""
    parts = []
    for text, look in line:
        while width(text) > columns:
            text = text[: columns if width(text[:columns]) <= columns else len(text[:columns]) - 1]
        columns -= width(text)
        if text:
            parts.append(paint(text, look) if look else text)
    return "".join(parts)


# ---- as lines ------------------------------------------------------------------------------------


class _Lines:
    """Tells of every change of a task in a line; of very many at once, of the failures, and how
    it stands.
    """

    def __init__(self, following: Following, request: Request) -> None:
        self._following = following
        self._states = _chosen(request)
        self._told: list[str] = []
        self._trouble: str | None = None

    def go_on(self) -> None:
        """Until the study has ended.

        Raises
        ------
        BrokenPipeError
            Whoever read has left.
        """
        seen = self._following
        print(one_line(f"{seen.info.name}: {seen.directory}"))
        self._say(self._counts())
        self._tell([])
        while not seen.ended:
            wait_for_more(PAUSE)
            self._tell(seen.look())
        self._say(self._counts())

    def _tell(self, changes: list[Happening]) -> None:
        wanted = [c for c in changes if not self._states or c.state in self._states]
        few = len(wanted) <= BURST
        for change in wanted:
            if few or change.state in FAILED:
                self._say(_said(change), change.time)
        if not few:
            self._say(self._counts())
        told = list(self._standing())
        for line in told:
            if line not in self._told:
                self._say(line)
        self._told = told
        sys.stdout.flush()

    def _standing(self) -> Iterator[str]:
        """What is news when it is not what it was."""
        seen = self._following
        yield from ending(seen.directory, seen.info, seen.conductor)
        if seen.info.trouble and not seen.ended:
            yield f"{seen.info.trouble}; jobs are taken to be well"
        if seen.trouble is not None:
            yield f"Nothing can be seen now: {seen.trouble}"

    def _counts(self) -> str:
        counts = shown(self._following.course.counted(self._states))
        total = self._following.total
        of = None if counts.total() == total else total
        return counts_text(counts, sys.stdout.encoding, of)

    def _say(self, text: str, moment: float | None = None) -> None:
        at = snapshot.time_text(time.time() if moment is None else moment)
        print(f"{at}  {one_line(text)}")


def _said(change: Happening) -> str:
    text = f"{change.name} {change.state.shown}"
    return f"{text}: {change.detail}" if change.detail else text
