"""``maestro analyze``: the shape of a study, and where the time of its run went."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from maestro.cli.parser import Parser
from maestro.cli.source import add_source, opened
from maestro.cli.terminal import at_least

__all__ = ["add_arguments", "run"]

MOST_SLOTS = 10**9
"""More than any machine has, and few enough to reckon with."""


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro analyze`` to ``parser``."""
    parser.explain(
        description="Say how large a study is, how long it must take, and what holds it up; of a "
        "run, also where its time went. It never disturbs the conductor.",
        examples=[
            ("maestro analyze sweep.yaml", "How large is it, how deep, how parallel?"),
            ("maestro analyze --slots 64 sweep.yaml", "How long will it take with 64 tasks at a "
             "time?"),
            ("maestro analyze trial", "Where did the time of this run go?"),
            ("maestro analyze -f json trial", "The same for a program."),
        ],
        see_also=["graph", "results", "status"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_source(parser)
    parser.add_argument(
        "--slots", type=_slots, metavar="N",
        help="Tasks that can run at the same time. [Of a run: as many as did]",
    )  # fmt: skip
    parser.add_argument(
        "-f", "--format", choices=("text", "json"), default="text",
        help="For people, or for programs. [%(default)s]",
    )  # fmt: skip


def _slots(text: str) -> int:
    slots = at_least(1)(text)
    if slots > MOST_SLOTS:
        raise argparse.ArgumentTypeError(f"must be {MOST_SLOTS} or less")
    return slots


_slots.__name__ = "whole number"


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro analyze``; the exit status."""
    from maestro.report.analysis import analyze_graph, analyze_study
    from maestro.report.analysis_text import lines
    from maestro.report.study import Study
    from maestro.report.writing import deliver

    source = opened(options)
    if isinstance(source, Study):
        name, path = source.name, source.directory
        found = analyze_study(source, time.time(), options.slots)
    else:
        name, path = source.graph["study"], os.path.abspath(options.source)
        found = analyze_graph(source, options.slots)
    if options.format == "json":
        deliver(json.dumps({"study": name, "source": path, **found}, indent=1))
    else:
        deliver("\n".join(lines(f"{name}: {path}", found, sys.stdout.encoding)))
    return 0
