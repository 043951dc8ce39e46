"""``maestro report``: a page for browsers with all there is to see of a study."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_directory
from maestro.cli.parser import Parser
from maestro.cli.source import target
from maestro.report.concealing import SHORTEST

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro report`` to ``parser``."""
    parser.explain(
        description="Write one file for a browser, which needs nothing else and no network: how "
        "the study stands, its graph, when each attempt ran, durations by step and parameter, a "
        "table to sort and filter, failures with the end of what they printed, and where the study "
        "comes from. It can be made at any time.",
        examples=[
            ("maestro report trial", "Write trial-report.html."),
            ("maestro report -o /tmp/ball.html trial", "Write it elsewhere."),
        ],
        notes=[
            "Values of 'env' in the specification are hidden: their names stand in their place. "
            "Not hidden are, in what tasks print, values of fewer than "
            f"{SHORTEST} characters, parts of values, and the environment of the process itself; "
            "and the names of steps and tasks, the values of parameters, and comments in the "
            "specification. Look at a report before you pass it on.",
            "It is made with bokeh: pip install 'maestro-conductor[report]'.",
        ],
        see_also=["status", "results", "analyze"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directory(parser)
    parser.add_argument(
        "-o", "--out", metavar="FILE",
        help="Where to; - is the standard output. [<study name>-report.html]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro report``; the exit status."""
    from maestro.report.page.page import report
    from maestro.report.writing import deliver

    out = target(options.out, options.directory)
    written = report(options.directory, out, default=options.out is None)
    if written is not None:
        deliver(f"The report: {written}")
    return 0
