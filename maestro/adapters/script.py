"""The parts that scripts are made of, whatever scheduler they are for."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Options, Resources, Value
from maestro.spec.resources import walltime_seconds
from maestro.spec.tokens import apply_launcher
from maestro.spec.values import as_options

__all__ = [
    "amount",
    "clock",
    "directives",
    "further",
    "grouped",
    "option",
    "owned",
    "plain_script",
    "quoted",
    "scheduled_script",
    "script",
    "seconds",
    "setting",
    "urgency",
    "word",
]

Launcher = Callable[[Resources, int | None, int | None], str]
"""What starts processes on nodes and procs of a step that has these resources; None where a call
does not say how many.
"""

URGENCIES = {
    "held": 0, "minimal": 1, "low": 9, "medium": 16, "high": 24, "expedite": 31, "expedited": 31,
}  # fmt: skip
"""The names of priorities on the scale of Flux: 0 is held, 16 is usual, 31 the most."""


_OTHER_DOLLAR = re.compile(r"\$(?![A-Za-z_]|\{[A-Za-z_]\w*\})")


def script(shell: str, head: Sequence[str], command: str) -> str:
    """A script: the interpreter, ``head`` line by line, an empty line, and the command."""
    lines = (_one_line(line).rstrip() for line in (f"#!{shell}", *head))
    return "\n".join([*lines, "", command, ""])


def scheduled_script(
    batch: Batch, task: Rendered, command: str, head: Iterable[str], launcher: Launcher
) -> str:
    """The script of ``task`` in a study for a scheduler: with ``head`` and ``$(LAUNCHER)`` as
    ``launcher`` has it, if the task names nodes or procs. Words of the launcher that are not plain
    must stand between double quotes: the shell puts in its variables there, and runs nothing.
    """
    resources = task.resources
    if not resources.scheduled:
        return plain_script(batch, resources, command)
    command = apply_launcher(
        command, lambda nodes, procs: _running_nothing(launcher(resources, nodes, procs))
    )
    return script(batch.shell, tuple(head), command)


def _running_nothing(launcher: str) -> str:
    return _OTHER_DOLLAR.sub(r"\$", launcher.replace("`", r"\`"))


def plain_script(batch: Batch, resources: Resources, command: str) -> str:
    """The script of a task that runs on the conductor's machine."""
    launcher = batch.settings.get("launcher")
    if launcher is not None and "$(LAUNCHER)" in command:
        command = apply_launcher(command, _launch(str(launcher), resources))
    return script(batch.shell, (), command)


def _launch(launcher: str, resources: Resources) -> Callable[[int | None, int | None], str]:
    """The launcher's text for a part of the step: what a call does not name, it has whole."""

    def text(nodes: int | None, procs: int | None) -> str:
        filled = launcher.replace("{nodes}", str(nodes or resources.nodes or 1))
        return filled.replace("{procs}", str(procs or resources.procs or 1))

    return text


def directives(text: str, sentinel: str) -> tuple[str, ...]:
    """The options after ``sentinel`` in the comments that ``text`` begins with, words apart and
    quotes taken away; what follows a ``#`` outside of quotes is a comment.
    """
    words: list[str] = []
    for line in text.split("\n"):
        if line.startswith(sentinel):
            words += _words(line[len(sentinel) :])
        elif line.strip() and not line.startswith("#"):
            break
    return tuple(words)


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quote that does not end
        return text.partition("#")[0].split()


def quoted(text: str) -> str:
    """``text`` between double quotes, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_one_line(escaped)}"'


def _one_line(text: str) -> str:
    return re.sub("\r\n|[\r\n]", " ", text)


def word(text: str) -> str:
    """``text`` as it is, where it is one word by itself, else between quotes."""
    return text if text == shlex.quote(text) else quoted(text)


def setting(batch: Batch, key: str) -> str:
    """What ``batch`` says for ``key``, as text; empty when it says nothing."""
    value = batch.settings.get(key)
    return "" if value is None else str(value)


def amount(batch: Batch, key: str) -> str:
    """`setting`, as one word: what ought to be a number may be any text."""
    value = setting(batch, key)
    return word(value) if value else ""


def further(batch: Batch, own: Options, key: str) -> Options:
    """The further options ``key`` of a step: those of ``batch``, and its ``own`` in their place."""
    return _merged(as_options(batch.settings.get(key)), own)


def _merged(below: Options, above: Options) -> Options:
    merged = dict(below)
    for key, value in above:
        under = merged.get(key)
        if isinstance(value, tuple) and isinstance(under, tuple):
            value = _merged(under, value)
        merged[key] = value
    return tuple(merged.items())


def grouped(resources: Resources) -> Iterator[tuple[str, str]]:
    """The groups among the further options, as `Codec.objections` of a codec that has none."""
    for key in ("allocation_args", "launcher_args"):
        for name, value in getattr(resources, key):
            if isinstance(value, tuple):
                yield key, f"holds the group '{name}', which is ignored: an option has one value"


def owned(
    resources: Resources, key: str, names: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Those of the further options ``key`` whose ``names`` a codec keeps to itself, as
    `Codec.objections`.
    """
    for name, _ in getattr(resources, key):
        if name in names:
            yield key, f"holds '{name}', which Maestro sees to itself: it is ignored"


def option(name: str, value: Value) -> str:
    """An option as it is written on a command line: ``-x 1`` or ``--mail-type=END``; nothing or
    true is a flag, false no option at all.
    """
    dash, equals = ("-", " ") if len(name) == 1 else ("--", "=")
    name = word(name)
    if value is False:
        return ""
    if value is None or value is True or value == "":
        return f"{dash}{name}"
    return f"{dash}{name}{equals}{word(str(value))}"


def urgency(priority: float | str | None) -> int | None:
    """A step's ``priority`` on the scale from 0 (held) to 31; None where it names none."""
    if priority is None:
        return None
    if isinstance(priority, str):
        return URGENCIES[priority.lower()]
    return math.ceil(priority * 31)


def seconds(walltime: float | str | None, *, hours_first: bool = False) -> int | None:
    """A walltime in whole seconds, rounded up; None for no limit, or one not understood."""
    try:
        found = walltime_seconds(walltime, hours_first=hours_first)
    except ValueError:
        return None
    return None if found is None else math.ceil(found)


def clock(total: int) -> str:
    """``total`` seconds as ``HH:MM:SS``."""
    return f"{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}"
