"""The error tree, split by who must act, and the problems a specification can have.

MaestroError
├── SpecError        the author of the specification (or generator file) must act
├── UsageError       the person at the command line must act
├── StudyError       the study directory cannot be used as it is
├── BackendError     a scheduler or the machine refused; ``transient`` where a retry can help
└── IllegalTransition  a bug of ours
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "BackendError",
    "IllegalTransition",
    "MaestroError",
    "Position",
    "Problem",
    "SpecError",
    "StudyError",
    "UsageError",
    "visible",
]


class Position(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing wrong, or doubtful, in a specification.

    ``code`` is a stable slug for tools (``unknown-key``), ``message`` a sentence for people that
    says what is wrong, what is accepted and, where there is one, the nearest name.
    """

    code: str
    message: str
    position: Position | None = None
    severity: str = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else f"{self.severity}: "
        where = f"{self.position}: " if self.position else ""
        return visible(f"{where}{mark}{self.message}").replace("\n", "\\n")


class MaestroError(Exception):
    """Anything that people are told in a sentence instead of a traceback."""


class SpecError(MaestroError):
    """The specification, or its generator file, has errors: all that were found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(MaestroError):
    """The command line asks for something that cannot be had."""


class StudyError(MaestroError):
    """A study directory cannot be used: no study, conducted elsewhere, damaged."""


class BackendError(MaestroError):
    """A scheduler or the machine refused a request.

    ``transient`` says that the same request can succeed later; ``number`` is the errno of the file
    system, where that is why.
    """

    def __init__(
        self, message: str, *, transient: bool = False, number: int | None = None
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.number = number


class IllegalTransition(MaestroError):
    """A state and an event that do not go together: a defect in Maestro itself."""


def visible(text: str) -> str:
    """``text`` with terminal control characters (but newline and tab) shown as escapes."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )
