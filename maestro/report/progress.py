"""What people see while a study is conducted before them, and a digest when it has ended."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from maestro.conductor import snapshot
from maestro.conductor.loop import Watcher
from maestro.conductor.store import TaskRow
from maestro.conductor.study import Study
from maestro.engine import ACTIVE, Change, Engine, State
from maestro.errors import visible
from maestro.report.look import counts_text, symbol
from maestro.report.study import open_study

__all__ = ["digest", "progress"]

FAILED = frozenset({State.FAILED, State.TIMEDOUT, State.HWFAILURE})
ENDED = FAILED | {State.FINISHED, State.CANCELLED, State.INCOMPLETE}

FEW = 500
"""Tasks of a study of which each gets a line."""

PAUSE = 5.0
"""Seconds between two lines about a larger study, beside its failures."""

SHOWN_FAILURES = 3
SHOWN_LINES = 5


@contextmanager
def progress(study: Study) -> Iterator[Watcher]:
    """A display of how ``study`` gets on: live on a terminal, plain lines elsewhere."""
    total = len(study.graph)
    console = Console(highlight=False)
    if not console.is_terminal:
        yield _Lines(total)
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield _Bar(bar, visible(study.info.name), total, console.encoding)


def _ended(engine: Engine) -> int:
    return sum(engine.counts[state] for state in ENDED)


class _Lines:
    """A line for every task that has ended; of large studies only the failures, and now and then
    how it stands.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0
        self._due = time.monotonic() + PAUSE

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        for change in changes:
            if change.state in ENDED:
                self._ended += 1
                if self._total <= FEW or change.state in FAILED:
                    self._tell(change)
        if self._total > FEW and time.monotonic() >= self._due:
            self._due = time.monotonic() + PAUSE
            print(counts_text(_shown(engine), sys.stdout.encoding), flush=True)

    def _tell(self, change: Change) -> None:
        seen = change.observation
        said = (seen.detail if seen else "") or change.detail
        width = len(str(self._total))
        text = f"[{self._ended:{width}}/{self._total}] {change.task} {change.state.shown}"
        print(visible(f"{text}: {said}" if said else text), flush=True)


class _Bar:
    """One bar for the study, with the states beside it."""

    def __init__(self, bar: Progress, name: str, total: int, encoding: str) -> None:
        self._bar = bar
        self._encoding = encoding
        self._task = bar.add_task(name, total=total, counts="")

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        for change in changes:
            if change.state in FAILED:
                seen = change.observation
                said = f": {seen.detail}" if seen and seen.detail else ""
                mark = symbol(change.state.shown, self._encoding)
                line = f"{mark} {change.task} {change.state.shown}{said}"
                self._bar.console.print(visible(line), markup=False)
        running = sum(engine.counts[state] for state in ACTIVE)
        failed = sum(engine.counts[state] for state in FAILED)
        counts = f"{running} running" + (f", {failed} failed" if failed else "")
        self._bar.update(self._task, completed=_ended(engine), counts=counts)


def _shown(engine: Engine) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state, count in engine.counts.items():
        counts[state.shown] = counts.get(state.shown, 0) + count
    return counts


def digest(directory: str) -> str:
    """How the study in ``directory`` ended, and the first failures with what they said last."""
    study = open_study(directory)
    tasks = study.tasks()
    outcome = study.outcome
    lines = [
        f"{study.info.name}: {outcome.name if outcome else 'has not ended'}",
        counts_text(study.counts(), sys.stdout.encoding),
    ]
    failed = [task for task in tasks if State(task.state) in FAILED]
    for task in failed[:SHOWN_FAILURES]:
        lines += _failure(directory, task)
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"and {len(failed) - SHOWN_FAILURES} more; see them with:")
        lines.append(f"  {shlex.join(['maestro', 'status', directory])}")
    lines.append(f"Results: {directory}")
    return "\n".join(lines)


def _failure(directory: str, task: TaskRow) -> Iterator[str]:
    """What is known of a failure, and the end of its error output."""
    said = f": {task.detail}" if task.detail else ""
    yield f"{task.name} {task.state}{said}, after {snapshot.duration_text(task.seconds)}"
    workspace = os.path.join(directory, task.workspace)
    path = _error_file(workspace, task.job)
    if path is None:
        yield f"  in {workspace}"
        return
    yield f"  {path}"
    for line in _tail(path):
        yield f"    {line}"


def _error_file(workspace: str, job: str | None) -> str | None:
    """The error output of process or job ``job``."""
    try:
        names = sorted(os.listdir(workspace))
    except OSError:
        return None
    ours = [n for n in names if n.endswith(".err") and job is not None and f".{job}" in n]
    return os.path.join(workspace, ours[-1]) if ours else None


def _tail(path: str) -> list[str]:
    """The last lines of a file."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-SHOWN_LINES:]
