"""``maestro logs``: the log of a study, or what a task has printed."""

from __future__ import annotations

import argparse

from maestro.cli.terminal import at_least

__all__ = ["add_parser", "run"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``logs`` to ``commands``."""
    parser = commands.add_parser("logs", help="Show the log of a study, or the output of a task.")
    parser.set_defaults(run=run)
    parser.add_argument("directory", metavar="DIR", help="The directory of a study.")
    parser.add_argument(
        "task", nargs="?", metavar="TASK", help="The task whose output is shown. [The study's log]"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true",
        help="Go on with what comes, until the task or the study has ended, or with Ctrl-C.",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--lines", type=at_least(0), default=100, metavar="LINES",
        help="So many of the last lines of each file (0: all). [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--attempt", type=at_least(1), metavar="N",
        help="What this attempt of the task has printed. [The latest]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro logs``; the exit status."""
    from maestro.errors import UsageError
    from maestro.report.logs import Request, show
    from maestro.report.writing import delivering

    if options.follow and options.attempt is not None:
        raise UsageError("-f follows the latest attempt: leave out --attempt")
    request = Request(options.task, options.lines, options.attempt, options.follow)
    try:
        with delivering():
            show(options.directory, request)
    except KeyboardInterrupt:
        if not options.follow:
            raise
    return 0
