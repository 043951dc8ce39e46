"""Reading a specification from its file, with everything that is wrong with it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

from maestro.errors import Position, Problem, SpecError
from maestro.spec.build import build
from maestro.spec.checks import check_all
from maestro.spec.lint import lint
from maestro.spec.model import Specification
from maestro.spec.reader import Document, read
from maestro.spec.schema import schema_problems

__all__ = ["check", "load"]

VALUE_CODES = frozenset({"resource-value", "walltime", "wrong-value"})

LARGEST = 200 * 1024 * 1024
"""Bytes of a file that are read at most."""


def load(
    path: str | os.PathLike[str],
    *,
    cwd: str | None = None,
    specroot: str | None = None,
) -> Specification:
    """The specification in the file ``path``.

    Relative paths in it count from ``cwd``, by default the current directory; ``$(SPECROOT)`` is
    ``specroot``, by default the folder of the file.

    Raises
    ------
    SpecError
        It has errors: all of them, in the order of the file.
    """
    spec, problems = check(path, cwd=cwd, specroot=specroot)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or spec is None:
        raise SpecError(errors)
    return spec


def check(
    path: str | os.PathLike[str],
    *,
    cwd: str | None = None,
    specroot: str | None = None,
) -> tuple[Specification | None, list[Problem]]:
    """The specification in the file ``path`` and what is wrong or doubtful in it.

    As `load`, but nothing is raised: with an error among the problems there is no specification.
    The problems stand in the order of the file.
    """
    name = os.fspath(path)
    text = _text(name)
    if isinstance(text, Problem):
        return None, [text]
    document = read(text, name)
    if not isinstance(document.data, dict):
        if not any(problem.severity == "error" for problem in document.problems):
            document.problems.append(_unusable(document))
        return None, _in_order(document.problems)
    here = os.getcwd() if cwd is None else os.path.abspath(cwd)
    root = os.path.dirname(os.path.abspath(name)) if specroot is None else specroot
    wrong = schema_problems(document)
    places = {problem.position for problem in wrong}
    spec = build(document, name, here, root)
    found = check_all(document, spec)
    problems = [*document.problems, *wrong]
    # A value that the schema refuses has been reported, with what is accepted.
    problems += (p for p in found if p.code not in VALUE_CODES or p.position not in places)
    problems += lint(document, spec)
    failed = any(problem.severity == "error" for problem in problems)
    return None if failed else spec, _in_order(problems)


def _text(path: str) -> str | Problem:
    """The text of the file ``path``, or why it has none."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Problem("unreadable", f"cannot read the specification '{path}': {reason}")
    if len(content) > LARGEST:
        message = f"'{path}' is larger than {LARGEST >> 20} MB, which no specification is"
        return Problem("unreadable", message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return Problem("encoding", message, Position(path, line, column))


def _unusable(document: Document) -> Problem:
    """That ``document`` is YAML, but no mapping."""
    at = document.where(())
    wanted = "a specification is a mapping with at least 'description' and 'study'"
    if document.data is None:
        return Problem("empty", f"the file is empty; {wanted}", at)
    kind = "a list" if isinstance(document.data, list) else "a single value"
    return Problem("wrong-value", f"this is {kind}; {wanted}", at)


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order of the file, each once; those without a place come last."""

    def place(problem: Problem) -> tuple[float, int]:
        at = problem.position
        return (at.line, at.column) if at else (math.inf, 0)

    # Names in them may hold line breaks; a problem is one line.
    flat = (p._replace(message=p.message.replace("\n", "\\n")) for p in problems)
    return sorted(dict.fromkeys(flat), key=place)
