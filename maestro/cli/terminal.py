"""What every command needs to talk with people."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterable

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
    """Say something on the standard output at once."""
    print(visible(text), flush=True)


def complain(error: MaestroError) -> None:
    """Say on the standard error what went wrong."""
    if isinstance(error, SpecError):
        show_problems(error.problems)
    else:
        print(visible(f"error: {error}"), file=sys.stderr, flush=True)


def show_problems(problems: Iterable[Problem]) -> None:
    """Show the problems of a specification on the standard error, one a line."""
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
        if sys.stdin is None:  # closed
            raise EOFError
        answer = input(f"{visible(question)} [y/n] ")
    except EOFError:
        print(flush=True)
        raise UsageError("nobody answered; give -y (yes) or -n (no)") from None
    return answer.strip().lower() in ("y", "yes")


def log_to(path: str | None, level: int, *, console: bool) -> None:
    """Send the messages of ``level`` (1 debug, to 5 critical) and above to the file ``path`` and,
    with ``console``, to the standard output. Earlier destinations are left.

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
            file = logging.FileHandler(path, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"the log {path} cannot be written: {error.strerror}") from error
        file.setFormatter(_Visible(FORMAT))
        logger.addHandler(file)
    if console:
        screen = logging.StreamHandler(sys.stdout)
        screen.setFormatter(_Visible("%(message)s"))
        logger.addHandler(screen)


class _Visible(logging.Formatter):
    """Messages hold users' values: control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
