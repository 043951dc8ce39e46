"""``maestro why``: why a task has not run, or why it failed."""

from __future__ import annotations

import argparse
import sys

from maestro.cli.options import add_directory
from maestro.cli.parser import Parser

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro why`` to ``parser``."""
    parser.explain(
        description="Say why a task has not run, or why it failed, and what to type next. Of a "
        "step, or of all of the study, it tells how many failed, by value of a parameter and by "
        "cause, and why the rest has not finished. It never disturbs the conductor.",
        examples=[
            ("maestro why trial", "Why has this study not finished?"),
            ("maestro why trial throw_ANGLE.30", "Why has this task failed, or not run?"),
            ("maestro why trial throw", "For which parameters do the tasks of a step fail?"),
        ],
        see_also=["logs", "status", "rerun"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directory(parser)
    parser.add_argument(
        "task", nargs="?", metavar="TASK|STEP",
        help="A task, or a step, whose tasks are told of by cause. [All of the study]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro why``; the exit status."""
    from maestro.report.why import why
    from maestro.report.writing import deliver

    deliver("\n".join(why(options.directory, options.task, sys.stdout.encoding)))
    return 0
