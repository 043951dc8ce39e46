"""What the tests of specifications share."""

from __future__ import annotations

from collections.abc import Callable

from maestro.errors import Problem
from maestro.spec import Specification

Checker = Callable[..., "tuple[Specification | None, list[Problem]]"]
"""The fixture ``checked``: text in, what `maestro.spec.check` gives out."""


def errors(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems if problem.severity == "error"]


def warnings(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems if problem.severity == "warning"]
