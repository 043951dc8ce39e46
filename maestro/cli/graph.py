"""``maestro graph``: the graph of a specification or of a study, as text or picture."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_selection
from maestro.cli.parser import Parser
from maestro.cli.source import add_source, add_target, opened, target

__all__ = ["add_arguments", "run"]

FORMATS = ("dot", "mermaid", "json", "graphml", "svg", "png", "pdf", "html")


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro graph`` to ``parser``."""
    parser.explain(
        description="Print or draw the graph of a specification, or of a study with the states "
        "that its tasks have now. Pictures are drawn by Graphviz, whose 'dot' has to be "
        "installed; the other formats need nothing.",
        examples=[
            ("maestro graph -o ball.html ball.yaml", "A page to look at in a browser."),
            ("maestro graph -f png --level step -o ball.png trial", "The steps of a study, with "
             "counts by state."),
            ("maestro graph --where 'ANGLE > 30' -f mermaid ball.yaml", "Some of its tasks, for a "
             "README."),
            ("maestro graph -f json -o ball.json trial", "For a program, such as networkx."),
        ],
        see_also=["validate", "analyze", "status"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_source(parser)
    parser.add_argument(
        "-f", "--format", choices=FORMATS,
        help="The language of Graphviz or mermaid, networkx node-link data, GraphML, a picture, or "
        "a page for browsers. [As FILE ends, or dot]",
    )  # fmt: skip
    add_target(parser)
    parser.add_argument(
        "--level", choices=("step", "task"),
        help="Show the steps, with counts, or each task. [task; the steps in a picture that would "
        "be too large]",
    )  # fmt: skip
    parser.add_argument(
        "--color", choices=("step", "state"),
        help="What colours show in a picture. [Of a study, its states]",
    )  # fmt: skip
    add_selection(parser)
    parser.add_argument(
        "--hashws", action="store_true", help="Name workspaces as 'maestro run --hashws' does."
    )


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro graph``; the exit status."""
    from maestro.report.graph_file import Request, export

    request = Request(
        form=options.format,
        out=target(options.out, options.source, options.pgen),
        level=options.level,
        color=options.color,
        steps=options.step,
        where=options.where,
    )
    export(opened(options, hashws=options.hashws), request)
    return 0
