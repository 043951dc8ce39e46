"""``maestro why``: why a task has not run, or why it failed."""

from __future__ import annotations

import argparse
import sys

__all__ = ["add_parser", "run"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``why`` to ``commands``."""
    parser = commands.add_parser("why", help="Say why a task has not run, or why it failed.")
    parser.set_defaults(run=run)
    parser.add_argument("directory", metavar="DIR", help="The directory of a study.")
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
