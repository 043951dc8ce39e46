"""A bar that shows on a terminal how a study gets on, with rich."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from maestro.conductor.loop import Watcher
from maestro.engine import ENDED, FAILED, Change, Engine, State
from maestro.report.look import in_order, one_line, said, shown, style, symbol

__all__ = ["live"]

TOLD = 20
"""Failures that are named above the bar; further ones only count."""

NAMED = 20
"""Running tasks that are named below the bar, at most: what does not fit the line is cut."""


@contextmanager
def live(name: str, total: int) -> Iterator[Watcher | None]:
    """A bar for the study ``name`` of ``total`` tasks; None where the terminal cannot show one."""
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_dumb_terminal:
        yield None
        return
    display = _Display(console, name, total)
    screen = Live(
        get_renderable=display.look, console=console, transient=True, refresh_per_second=10
    )
    try:
        with suppress(OSError):
            screen.start()
        yield display
    finally:
        with suppress(OSError):  # a terminal that is gone; the study has gone on
            screen.stop()


def _cropped(max_width: int | None = None) -> Column:
    # No ellipsis: not every encoding has one.
    return Column(no_wrap=True, overflow="crop", max_width=max_width)


class _Display:
    """A bar for the study; below it the tasks by state, and the names of some that run."""

    def __init__(self, console: Console, name: str, total: int) -> None:
        self._console = console
        self._lock = threading.Lock()  # a thread of rich's asks for the look
        self._counts: dict[str, int] = {}
        self._cancelling = False
        self._running: dict[str, None] | None = None
        self._failures = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False, table_column=_cropped(max_width=30)),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
            MofNCompleteColumn(table_column=_cropped()),
            TimeElapsedColumn(table_column=_cropped()),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task(self._writable(name), total=total)

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        with self._lock:
            self._follow(changes, engine)
            self._counts = shown(engine.counts)
            self._cancelling = engine.cancelling
        ended = sum(engine.counts[state] for state in ENDED)
        self._bar.update(self._task, completed=ended)
        for change in changes:
            if change.state in FAILED:
                self._tell(change)

    def heard(self, text: str) -> None:
        self._console.print(one_line(text), soft_wrap=True)

    def look(self) -> RenderableType:
        """What is shown now."""
        with self._lock:
            counts, cancelling = self._counts, self._cancelling
            names = list(self._running or ())[:NAMED]
        line = Text(no_wrap=True, overflow="crop")
        if cancelling:
            line.append("cancelling  ", "bold yellow")
        for state in in_order(counts):
            mark = symbol(state, self._console.encoding)
            line.append(f"{mark} {counts[state]} {state}  ", style(state))
        some = self._writable(", ".join(map(one_line, names)))
        below = Text(some, "dim", no_wrap=True, overflow="crop")
        # The terminal echoes ^C at the end of the last line: that must not begin another.
        below.truncate(max(0, self._console.width - 4), overflow="crop")
        return Group(self._bar, line, below)

    def _writable(self, text: str) -> str:
        """``text`` as the stream will show it: it must not turn out longer than was reckoned."""
        encoding = self._console.encoding
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _follow(self, changes: Sequence[Change], engine: Engine) -> None:
        """Keep the names of what runs."""
        if self._running is None:  # a study that is taken up may have tasks that run already
            running = (attempt.task for attempt in engine.active())
            self._running = {t: None for t in running if engine.state(t) is State.RUNNING}
        for change in changes:
            if change.state is State.RUNNING:
                self._running[change.task] = None
            else:
                self._running.pop(change.task, None)

    def _tell(self, change: Change) -> None:
        """Name a failure, in a line that stays."""
        self._failures += 1
        if self._failures <= TOLD:
            mark = symbol(change.state.shown, self._console.encoding)
            self._console.print(f"{mark} {said(change)}", soft_wrap=True)
        elif self._failures == TOLD + 1:
            self._console.print("further failures are counted below", soft_wrap=True)
