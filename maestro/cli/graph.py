"""``maestro graph``: the graph of a specification or of a study."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["add_parser", "run"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``graph`` to ``commands``."""
    parser = commands.add_parser("graph", help="Print the graph of a specification or a study.")
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SPEC|DIR", help="A specification, or a study directory.")
    parser.add_argument(
        "-f", "--format", choices=("json", "dot"), default="dot",
        help="networkx node-link data, or the DOT language of Graphviz. [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--hashws", action="store_true", help="Name workspaces as 'maestro run --hashws' does."
    )


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro graph``; the exit status."""
    from maestro.graph import to_dot, to_node_link

    graph, states = _graph(options)
    if options.format == "json":
        print(json.dumps(to_node_link(graph, states), indent=1))
    else:
        print(to_dot(graph, states))
    return 0


def _graph(options: argparse.Namespace) -> tuple[nx.DiGraph[str], dict[str, str] | None]:
    """The graph, and for a study directory the states of its tasks."""
    if os.path.isdir(options.source):
        from maestro.report.study import open_study

        study = open_study(options.source)
        return study.graph, study.states()
    from maestro.graph import expand
    from maestro.spec import load

    return expand(load(options.source), hashws=options.hashws), None
