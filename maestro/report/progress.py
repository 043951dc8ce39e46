"""What people see while a study is conducted in front of them, and when it has ended."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from maestro.conductor.loop import Watcher
from maestro.conductor.study import Study
from maestro.engine import ENDED, FAILED, Change, Engine, State
from maestro.report.advice import after
from maestro.report.failure import FIRST, first_failures
from maestro.report.look import command, counts_text, in_order, one_line, shown, style, symbol
from maestro.report.study import open_study

__all__ = ["Digest", "digest", "progress"]

FEW = 500
"""Tasks of a study of which each gets a line."""

PAUSE = 5.0
"""Seconds between two lines about a larger study, beside its failures."""

TOLD = 20
"""Failures that are named above the bar; further ones only count."""

NAMED = 20
"""Running tasks that are named below the bar, at most: what does not fit the line is cut."""


@contextmanager
def progress(study: Study) -> Iterator[Watcher]:
    """A display of how ``study`` gets on: live on a terminal, plain lines elsewhere."""
    total = len(study.graph)
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.file.isatty() or console.is_dumb_terminal:
        yield _Lines(total)
        return
    display = _Display(console, one_line(study.info.name), total)
    live = Live(get_renderable=display.look, console=console, transient=True, refresh_per_second=10)
    try:
        with suppress(OSError):
            live.start()
        yield display
    finally:
        with suppress(OSError):  # a terminal that is gone; the study has gone on
            live.stop()


def _said(change: Change) -> str:
    """What happened, for people."""
    seen = change.observation
    detail = (seen.detail if seen else "") or change.detail
    text = f"{change.task} {change.state.shown}"
    return one_line(f"{text}: {detail}" if detail else text)


class _Lines:
    """A line for every task that has ended; of large studies only the failures, and now and then
    how it stands.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._due = time.monotonic() + PAUSE

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        ended = sum(engine.counts[state] for state in ENDED)
        ends = [change for change in changes if change.state in ENDED]
        digits = len(str(self._total))
        # The engine is ahead: it counts what all of these changes have led to.
        for number, change in enumerate(ends, max(0, ended - len(ends)) + 1):
            if self._total <= FEW or change.state in FAILED:
                print(f"[{number:{digits}}/{self._total}] {_said(change)}", flush=True)
        if self._total > FEW and time.monotonic() >= self._due:
            self._due = time.monotonic() + PAUSE
            print(counts_text(shown(engine.counts), sys.stdout.encoding), flush=True)

    def heard(self, text: str) -> None:
        print(one_line(text), flush=True)


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
            self._console.print(f"{mark} {_said(change)}", soft_wrap=True)
        elif self._failures == TOLD + 1:
            self._console.print("further failures are counted below", soft_wrap=True)


# ---- afterwards ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Digest:
    """How a study ended: a few lines of that, of what failed first, and of what to do then."""

    standing: list[str]
    failures: list[str]
    after: list[str]
    results: str

    def __str__(self) -> str:
        return "\n".join([*self.standing, *self.failures, *self.after, self.results])


def digest(directory: str) -> Digest:
    """How the study in ``directory`` ended, and the first failures with what they said last."""
    study = open_study(directory)
    info, tasks = study.info, study.tasks()
    counts = Counter(State(task.state).shown for task in tasks)
    standing = [
        one_line(f"{info.name}: {info.outcome or 'has not ended'}"),
        counts_text(counts, sys.stdout.encoding),
    ]
    failed = [task for task in tasks if State(task.state) in FAILED]
    failures = first_failures(study.directory, info, failed)
    why = command("why", study.directory)
    if (more := len(failed) - FIRST) > 0:
        failures.append(one_line(f"and {more} more: {why}"))
    elif failed:
        failures.append(one_line(f"To know more: {why}"))
    then = [one_line(after(study.directory, info.outcome))] if info.outcome else []
    return Digest(standing, failures, then, one_line(f"Results: {study.directory}"))
