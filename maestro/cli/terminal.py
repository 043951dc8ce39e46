"""What every command needs to talk with people."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from maestro.errors import MaestroError, Problem, SpecError, UsageError, visible

__all__ = ["ask", "at_least", "complain", "log_to", "show_problems", "tell"]

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def at_least(least: int) -> Callable[[str], int]:
    """An argparse type: whole numbers from ``least`` on."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more, not {value}")
        return value

    number.__name__ = "whole number"
    return number


def tell(text: str) -> None:
    """Say something on the standard output at once, where anything can be said: what it is about
    goes on. What a command is for is written with `maestro.report.writing.deliver`.
    """
    with suppress(OSError):
        print(visible(text), flush=True)


def complain(error: MaestroError) -> None:
    """Say on the standard error what went wrong, where anything can be said."""
    with suppress(OSError):
        if isinstance(error, SpecError):
            show_problems(error.problems)
        else:
            print(visible(f"error: {error}"), file=sys.stderr, flush=True)


def show_problems(problems: Iterable[Problem]) -> None:
    """Show the problems of a specification on the standard error, one a line, where anything can
    be said.
    """
    with suppress(OSError):
        for problem in problems:
            print(problem, file=sys.stderr, flush=True)


def ask(question: str, *, yes: bool, no: bool) -> bool:
    """Ask a question that ``-y`` or ``-n`` may have answered already.

    Raises
    ------
    UsageError
        There is nobody to answer it.
    """
    if yes or no:
        return yes
    try:
        answer = input(f"{visible(question)} [y/n] ")
    except EOFError:
        tell("")
        raise UsageError("nobody answered; give -y (yes) or -n (no)") from None
    except OSError as error:
        raise UsageError(
            f"nobody can be asked: {error.strerror}; give -y (yes) or -n (no)"
        ) from error
    return answer.strip().lower() in ("y", "yes")


def log_to(path: str | None, level: int, *, console: bool) -> None:
    """Send the messages of ``level`` (1 debug, to 5 critical) and above to the file ``path`` and,
    with ``console``, to the standard output. Earlier destinations are left. Messages that cannot be
    written later on are left out: what they are about goes on.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    logger = logging.getLogger("maestro")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level * 10)
    if path is not None:
        try:
            file = _LogFile(path)
        except OSError as error:
            raise UsageError(
                f"the log {path} cannot be written: {error.strerror}; name another with -l FILE"
            ) from error
        file.setFormatter(_Visible(FORMAT))
        logger.addHandler(file)
    if console:
        logging.raiseExceptions = False
        screen = logging.StreamHandler(sys.stdout)
        screen.setFormatter(_Visible("%(message)s"))
        logger.addHandler(screen)


class _LogFile(logging.Handler):
    """Appends to the file ``path``. That it does not take what happens is said once.

    Raises
    ------
    OSError
        It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._told = False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def emit(self, record: logging.LogRecord) -> None:
        # Not through a stream: what that could not write, it would try again, at the latest at
        # the end of the program, and complain of in its own way.
        line = f"{self.format(record)}\n".encode()
        try:
            os.write(self._file, line)
        except OSError as error:
            if not self._told:
                self._told = True
                why = f"the log {self._path} cannot be written: {error.strerror}"
                complain(UsageError(f"{why}; messages are left out"))

    def close(self) -> None:
        super().close()
        os.close(self._file)


class _Visible(logging.Formatter):
    """Messages hold users' values: control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
