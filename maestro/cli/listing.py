"""``maestro list``: the studies below a directory."""

from __future__ import annotations

import argparse

from maestro.cli.parser import Parser
from maestro.cli.terminal import at_least
from maestro.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro list`` to ``parser``."""
    parser.explain(
        description="List the studies below a directory, newest first, with how far they have "
        "come and how they stand. It looks into no study, and follows no links.",
        examples=[
            ("maestro list", "Those below the current directory."),
            ("maestro list --depth 2 /scratch/ann", "Only two directories deep."),
            ("maestro list -f json runs", "For a program: what 'status --summary' tells of each."),
        ],
        see_also=["status"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument(
        "root", nargs="?", default=".", metavar="ROOT",
        help="The directory to look in. [The current one]",
    )  # fmt: skip
    parser.add_argument(
        "--depth", type=at_least(0), default=5, metavar="N",
        help="Look at most so many directories below it. [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "-f", "--format", choices=("text", "json", "csv"), default="text",
        help="For people, or for programs. [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--no-header", action="store_true", help="Show no headings.")


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro list``; the exit status."""
    from maestro.report.listing import show

    if options.no_header and options.format == "json":
        raise UsageError("--format json has no header: leave out --no-header")
    show(options.root, options.depth, options.format, header=not options.no_header)
    return 0
