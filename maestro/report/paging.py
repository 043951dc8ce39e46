"""Showing more than fits a terminal, as it is made."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice

from maestro.report.writing import delivering

__all__ = ["page", "print_lines"]

CHUNK = 2000
"""Lines that are written at once, after the first."""

FIRST = 100
"""Lines that are written at first, so that there is something to read."""


def page(lines: Iterable[str]) -> None:
    """Show ``lines`` in the pager (MANPAGER, PAGER, or less), each made when that asks for more;
    print them where there is none. Who leaves the pager early has seen enough.
    """
    command = _pager()
    if command is None:
        print_lines(lines)
        return
    given = {"LESS": "-RS"} | os.environ  # styles, and long lines can be scrolled
    sys.stdout.flush()
    with subprocess.Popen(
        command, shell=True, stdin=subprocess.PIPE, env=given,
        text=True, encoding=sys.stdout.encoding, errors="backslashreplace",
    ) as pager:  # fmt: skip
        assert pager.stdin is not None
        with _interrupts_ignored():
            with suppress(BrokenPipeError), pager.stdin:
                for chunk in _chunks(lines):
                    pager.stdin.write(chunk)
                    pager.stdin.flush()
            pager.wait()


def print_lines(lines: Iterable[str]) -> None:
    """Print ``lines``, for which alone a command was given.

    Raises
    ------
    UsageError
        They cannot be written.
    """
    with delivering():
        for chunk in _chunks(lines):
            sys.stdout.write(chunk)
            sys.stdout.flush()


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    rest = iter(lines)
    size = FIRST
    while chunk := list(islice(rest, size)):
        yield "\n".join(chain(chunk, [""]))
        size = CHUNK


def _pager() -> str | None:
    """The command of a pager that there is."""
    for command in (os.environ.get("MANPAGER"), os.environ.get("PAGER"), "less", "more"):
        if command and shutil.which(_program(command)):
            return command
    return None


def _program(command: str) -> str:
    """The first word of a shell command that sets no variable."""
    try:
        words = shlex.split(command)
    except ValueError:  # the shell will say what is wrong with it
        return "sh"
    return next((word for word in words if "=" not in word), "")


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C is the pager's, which is used to it."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
