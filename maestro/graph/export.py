"""The study graph in the formats of other tools.

All functions take a study graph, with the states of its tasks where they are known, or the graph of
its steps that `maestro.graph.quotient` makes. They are linear in nodes and edges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx

from maestro.graph.task import Task
from maestro.spec.model import Value
from maestro.spec.values import jsonable

__all__ = ["to_graphml", "to_json", "to_node_link"]

States = Mapping[str, str]


def to_node_link(graph: nx.DiGraph[str], states: States | None = None) -> dict[str, Any]:
    """``graph`` as node-link data that `networkx.node_link_graph` reads (``edges="edges"``).

    A node has ``id``, and a task ``step``, ``params`` (value by name), ``workspace`` and, where
    ``states`` knows it, ``state``; a step has what `maestro.graph.quotient` says. An edge has
    ``source`` and ``target``, and between steps what the quotient says.
    """
    return {**_head(graph), "nodes": list(_nodes(graph, states)), "edges": list(_edges(graph))}


def to_json(graph: nx.DiGraph[str], states: States | None = None) -> Iterator[str]:
    """The lines of the JSON text of `to_node_link`, a node or an edge each."""
    head = json.dumps(_head(graph))
    yield f'{head[:-1]}, "nodes": ['
    yield from _separated(_nodes(graph, states))
    yield '], "edges": ['
    yield from _separated(_edges(graph))
    yield "]}"


def _separated(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    before = None
    for row in rows:
        if before is not None:
            yield f"{before},"
        before = json.dumps(row, allow_nan=False)
    if before is not None:
        yield before


def _head(graph: nx.DiGraph[str]) -> dict[str, Any]:
    return {"directed": True, "multigraph": False, "graph": {"study": graph.graph["study"]}}


def _nodes(graph: nx.DiGraph[str], states: States | None) -> Iterator[dict[str, Any]]:
    for node, attributes in graph.nodes.items():
        task = attributes.get("task")
        if not isinstance(task, Task):
            yield {"id": node, **attributes}
            continue
        row = {
            "id": node,
            "step": task.step.name,
            "params": {n: jsonable(v) for n, v in task.combination.values.items()},
            "workspace": task.workspace,
        }
        if states is not None and node in states:
            row["state"] = states[node]
        yield row


def _edges(graph: nx.DiGraph[str]) -> Iterator[dict[str, Any]]:
    for source, target, attributes in graph.edges(data=True):
        yield {"source": source, "target": target, **attributes}


# ---- GraphML -----------------------------------------------------------------------------------


def to_graphml(graph: nx.DiGraph[str], states: States | None = None) -> str:
    r"""``graph`` in GraphML, which `networkx.parse_graphml` reads, with the attributes of
    `to_node_link`.

    GraphML has no mappings: each entry is an attribute of its own type, ``param.SIZE`` or
    ``state.FINISHED``, and a parameter without a value is none. XML has no control characters: they
    are written ``\x1b`` or ``\ud800``, and a backslash before what looks like that, ``\x5c``.
    """
    plain: nx.DiGraph[str] = nx.DiGraph(study=_xml(graph.graph["study"]))
    for row in _nodes(graph, states):
        plain.add_node(_xml(row.pop("id")), **dict(_columns(row)))
    for source, target, attributes in graph.edges(data=True):
        plain.add_edge(_xml(source), _xml(target), **attributes)
    return str(nx.GraphMLWriter(graph=plain)).rstrip("\n")


def _columns(row: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, value in row.items():
        if isinstance(value, dict):
            for key, entry in value.items():
                if entry is not None:
                    yield _xml(f"{name[:-1]}.{key}"), _xml_value(entry)
        else:
            yield name, _xml_value(value)


def _xml_value(value: Value) -> Value:
    return _xml(value) if isinstance(value, str) else value


_LIKE_ESCAPE = re.compile(r"\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _xml(text: str) -> str:
    """``text`` as XML can hold it; no two texts become one."""
    return _NOT_XML.sub(_escape, _LIKE_ESCAPE.sub(r"\\x5c", text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
