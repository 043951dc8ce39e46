"""What every command needs to talk with people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from maestro.errors import MaestroError, Problem, SpecError, UsageError, visible

__all__ = ["ask", "at_least", "complain", "show_problems", "tell"]

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


def ask(question: str, *, yes: bool, no: bool | None) -> bool:
    """Ask a question that ``-y`` or ``-n`` (None: the command has none) may have answered already.

    Raises
    ------
    UsageError
        There is nobody to answer it.
    """
    if yes or no:
        return yes
    give = "give -y (yes)" if no is None else "give -y (yes) or -n (no)"
    try:
        answer = input(f"{visible(question)} [y/n] ")
    except EOFError:
        tell("")
        raise UsageError(f"nobody answered; {give}") from None
    except OSError as error:
        raise UsageError(f"nobody can be asked: {error.strerror}; {give}") from error
    return answer.strip().lower() in ("y", "yes")
