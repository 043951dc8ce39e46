"""The study graph in the formats of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from maestro.errors import visible
from maestro.graph.task import tasks

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
            "params": task.combination.values,
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


def to_dot(graph: nx.DiGraph[str], states: Mapping[str, str] | None = None) -> str:
    """``graph`` in the DOT language; ``states`` are written below the names."""
    import graphviz

    dot = graphviz.Digraph(graph.graph["study"], node_attr={"shape": "box"})
    # Nodes go by number: in an edge, DOT reads a colon in a name as a port.
    numbers = {node: f"t{i}" for i, node in enumerate(graph)}
    for node, task in tasks(graph):
        state = (states or {}).get(node)
        text = visible(node) if state is None else f"{visible(node)}\n{state}"
        step = graphviz.escape(visible(task.step.name))
        dot.node(numbers[node], graphviz.escape(text), tooltip=step)
    dot.edges((numbers[a], numbers[b]) for a, b in graph.edges)
    return str(dot.source)
