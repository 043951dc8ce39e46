"""``maestro logs``: the log of a study, or what a task has printed."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_directory
from maestro.cli.parser import Parser
from maestro.cli.terminal import at_least
from maestro.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro logs`` to ``parser``."""
    parser.explain(
        description="Show the end of the log of a study or, with a task, of what its latest "
        "attempt has printed: .out and .err, each below its name. It works in a pipe.",
        examples=[
            ("maestro logs trial", "The end of the study's log."),
            ("maestro logs -f trial throw_ANGLE.30", "What a task prints, as it comes."),
            ("maestro logs -n 0 --attempt 1 trial throw_ANGLE.30", "All that its first attempt "
             "has printed."),
        ],
        see_also=["why", "status"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directory(parser)
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
    from maestro.report.logs import Request, show
    from maestro.report.writing import delivering

    if options.attempt is not None and options.task is None:
        raise UsageError("--attempt is for a task; name it")
    if options.attempt is not None and options.follow:
        raise UsageError("-f follows the latest attempt: leave out --attempt")
    request = Request(options.task, options.lines, options.attempt, options.follow)
    try:
        with delivering():
            show(options.directory, request)
    except KeyboardInterrupt:
        if not options.follow:
            raise
    return 0
