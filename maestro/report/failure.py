"""What is known of tasks that failed, for people: cause, command, workspace, last words."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile

from maestro.adapters.base import explained
from maestro.conductor.files import regular
from maestro.conductor.store import StudyInfo, TaskRow
from maestro.engine import State
from maestro.report.concealing import NOTHING, Concealer
from maestro.report.look import amount, one_line
from maestro.report.outputs import last_lines, output, script, script_name
from maestro.spec.values import plural

__all__ = ["FIRST", "cause", "failure", "first_failures", "last_words"]

FIRST = 3
"""Failures that are told of unasked."""

LINES = 5
"""Lines of output, of each of those."""

LONG = 400
"""Characters that are shown of a line of a command."""

_CODES = {
    126: "a command is no program, or may not be executed",
    127: "a command was not found (PATH, or a missing module)",
}
_SIGNALS = {
    "SIGABRT": "gave up, as a failed assertion does",
    "SIGBUS": "a memory fault, or a cut file",
    "SIGFPE": "a division by zero, or alike",
    "SIGHUP": "its session was closed",
    "SIGILL": "built for another processor?",
    "SIGINT": "interrupted",
    "SIGKILL": "often because memory ran out",
    "SIGPIPE": "its reader had gone",
    "SIGSEGV": "crashed by a memory fault",
    "SIGTERM": "somebody asked it to end",
    "SIGXCPU": "CPU time limit (ulimit -t)",
    "SIGXFSZ": "file size limit (ulimit -f)",
}


def cause(task: TaskRow) -> str:
    """Why ``task`` failed, in a line: what was recorded, and what its exit code usually means."""
    text = task.detail or ""
    if task.state == State.TIMEDOUT.value:
        return text or "time limit reached"
    if task.state != State.FAILED.value or task.exit_code is None:
        never = task.state == State.FAILED.value and task.started is None
        return f"never started: {text}" if never else text or "it is not known why"
    said = explained(task.exit_code)
    if said not in text:
        text = f"{text}; {said}" if text else said
    meaning = _CODES.get(task.exit_code, "")
    if task.exit_code > 128 and said.startswith("ended by "):
        text = text.replace(said, f"{said} (exit code {task.exit_code})")
        meaning = _SIGNALS.get(signal.Signals(task.exit_code - 128).name, "")
    return f"{text}: {meaning}" if meaning else text


def first_failures(directory: str, info: StudyInfo, failed: Iterable[TaskRow]) -> list[str]:
    """Of the study in ``directory`` the tasks that ``failed`` first, in a few lines each."""
    ordered = sorted(failed, key=lambda task: task.ended or 0.0)
    return [
        line
        for task in ordered[:FIRST]
        for line in failure(directory, info, task, lines=LINES, commands=1)
    ]


def failure(
    directory: str, info: StudyInfo, task: TaskRow, *, lines: int, commands: int
) -> Iterator[str]:
    """What is known of ``task``, which failed in the study in ``directory``, with so many
    ``lines`` of output and of its script's ``commands``, at most.
    """
    after = "" if task.seconds is None else f" after {amount(task.seconds)}"
    which = f" (attempt {task.number})" if task.number > 1 else ""
    yield one_line(f"{task.name} {task.state}{after}{which}")
    yield one_line(f"  cause      {cause(task)}")
    workspace = os.path.join(directory, task.workspace)
    name = script_name(task, hashed=info.settings.hashws)
    folder = info.settings.scripts or workspace
    if path := script(folder, name, restarted=task.restarts > 0):
        yield from _commands(path, commands)
    yield one_line(f"  workspace  {workspace}")
    source, words = last_words(directory, info, task, lines)
    if words:
        yield one_line(f"  the end of {source}")
        yield from (f"    {one_line(line)}" for line in words)
    elif source:
        yield "  It printed nothing."


def _commands(path: str, count: int) -> Iterator[str]:
    """The first ``count`` commands of the script ``path``, after its head."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as file:
            lines = [line.rstrip() for line in file if line.strip()]
    except OSError:
        return
    commands = list(dropwhile(lambda line: line.startswith("#"), lines))
    label = "command"
    for line in commands[:count]:
        yield one_line(f"  {label:9}  {line[:LONG]}")
        label = ""
    if (more := len(commands) - count) > 0:
        yield one_line(f"  {'':9}  and {plural(more, 'line')} more in {os.path.basename(path)}")


def last_words(
    directory: str,
    info: StudyInfo,
    task: TaskRow,
    count: int,
    conceal: Concealer = NOTHING,
) -> tuple[str, Sequence[str]]:
    """The name of the file that tells most of why the latest attempt of ``task`` failed, and its
    last lines as ``conceal`` has them: its error output, or, where that is empty, the other.
    Without an attempt, "".
    """
    if task.job is None:
        return "", ()
    workspace = os.path.join(directory, task.workspace)
    name = script_name(task, hashed=info.settings.hashws)
    source = ""
    for ending in (".err", ".out"):
        path = output(workspace, name, ending, task.job, task.number)
        if path is not None:
            source = os.path.basename(path)
            if words := last_lines(path, count, conceal):
                return source, words
    return source, ()
