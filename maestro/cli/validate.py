"""``maestro validate``: what is wrong, or doubtful, in specifications."""

from __future__ import annotations

import argparse
import json
from typing import Any

from maestro.cli.parser import Parser
from maestro.cli.terminal import show_problems
from maestro.errors import Problem, SpecError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro validate`` to ``parser``."""
    parser.explain(
        description="Report everything that is wrong or doubtful in specifications, with file, "
        "line and column, and do nothing else.",
        examples=[
            ("maestro validate ball.yaml", "Is anything wrong, or doubtful?"),
            ("maestro validate -f json ball.yaml", "The same for an editor or a script."),
        ],
        exit_status=[
            ("0", "There are no errors; there may be warnings."),
            ("1", "There are errors, or a file cannot be read."),
        ],
        see_also=["run", "graph", "analyze"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument(
        "specification", nargs="+", metavar="SPECIFICATION",
        help="A study specification, a YAML file.",
    )  # fmt: skip
    parser.add_argument(
        "-f", "--format", choices=("text", "json"), default="text",
        help="For people, or for tools: a JSON list of problems. [%(default)s]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro validate``: 1 when there are errors, 0 otherwise."""
    from maestro.report.writing import deliver

    found = {path: _problems(path) for path in options.specification}
    if options.format == "json":
        everything = [
            {"specification": path, **_plain(problem)}
            for path, problems in found.items()
            for problem in problems
        ]
        deliver(json.dumps(everything, indent=2))
    else:
        for path, problems in found.items():
            show_problems(problems)
            deliver(f"{path}: {_summary(problems)}")
    return int(any(p.severity == "error" for problems in found.values() for p in problems))


def _problems(path: str) -> list[Problem]:
    """The problems of one specification; names can only be checked on one without errors."""
    from maestro.adapters.unheeded import unheeded
    from maestro.graph import expand
    from maestro.spec import check

    spec, problems = check(path)
    if spec is not None:
        problems += unheeded(spec)
    if spec is not None and not any(p.severity == "error" for p in problems):
        try:
            expand(spec)
        except SpecError as error:
            problems.extend(error.problems)
    return problems


def _plain(problem: Problem) -> dict[str, Any]:
    at = problem.position
    return problem._asdict() | {"position": at and at._asdict()}


def _summary(problems: list[Problem]) -> str:
    from maestro.spec.values import plural

    counts = {
        kind: sum(problem.severity == kind for problem in problems) for kind in ("error", "warning")
    }
    said = [plural(n, kind) for kind, n in counts.items() if n]
    return ", ".join(said) or "no problems"
