"""The study graph in the formats of other tools."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import networkx as nx

from maestro.errors import visible
from maestro.graph.task import tasks
from maestro.spec.model import Value

__all__ = ["to_dot", "to_node_link"]


def to_node_link(
    graph: nx.DiGraph[str], states: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """``graph`` as node-link data that `networkx.node_link_graph` reads (``edges="edges"``).

    Nodes have ``id``, ``step``, ``params`` (value by name), ``workspace`` and, where ``states``
    knows them, ``state``; edges have ``source`` and ``target``. Linear in nodes and edges.
    """
    nodes = []
    for node, task in tasks(graph):
        row = {
            "id": node,
            "step": task.step.name,
            "params": {n: _plain(v) for n, v in task.combination.values.items()},
            "workspace": task.workspace,
        }
        if states is not None and node in states:
            row["state"] = states[node]
        nodes.append(row)
    return {
        "directed": True,
        "multigraph": False,
        "graph": {"study": graph.graph["study"]},
        "nodes": nodes,
        "edges": [{"source": a, "target": b} for a, b in graph.edges],
    }


def _plain(value: Value) -> Value:
    """``value`` as JSON can have it, which knows no infinity."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def to_dot(graph: nx.DiGraph[str], states: Mapping[str, str] | None = None) -> str:
    """``graph`` in the DOT language; ``states`` are written below the names."""
    import graphviz

    def text(name: str) -> str:
        return str(graphviz.escape(visible(name)))

    dot = graphviz.Digraph(text(graph.graph["study"]), node_attr={"shape": "box"})
    # Nodes go by number: in an edge, DOT reads a colon in a name as a port.
    numbers = {node: f"t{i}" for i, node in enumerate(graph)}
    for node, task in tasks(graph):
        state = (states or {}).get(node)
        label = node if state is None else f"{node}\n{state}"
        dot.node(numbers[node], text(label), tooltip=text(task.step.name))
    dot.edges((numbers[a], numbers[b]) for a, b in graph.edges)
    return str(dot.source)
