"""The graph in other tools' formats, read back by those tools."""

from __future__ import annotations

import json
import shutil
import subprocess

import networkx as nx
import pytest
from graph_helpers import after, parameter, spec_of, specifications
from hypothesis import given, settings

from maestro.graph import expand, task_of, to_dot, to_node_link
from maestro.spec import Specification, Step

NASTY = [
    'a"b', "a\\", 'a\\"', "<b>", "<b", "a:b", "one\ntwo", "é日本", "\\N", "\\G x", "&amp;",
    "strict", "1.5", "", " ", "\x1b[31m", "a -> b", "{x|y}", ";", "a\udc80",
]  # fmt: skip


def nasty(name: str) -> nx.DiGraph[str]:
    """A graph with ``name`` in the names of study, step and tasks."""
    spec = spec_of(
        Step(f"s{name}", "", "$(A)"),
        Step("t", "", "", depends=after(f"s{name}_*")),
        parameters=(parameter("A", 1, 2, label=f"A{name}%%"),),
        name=name,
    )
    return expand(spec, hashws=True)


@settings(max_examples=100)
@given(specifications())
def test_node_link_data_is_read_back_by_networkx(spec: Specification) -> None:
    graph = expand(spec)
    data = json.loads(json.dumps(to_node_link(graph)))
    again = nx.node_link_graph(data, edges="edges")
    assert again.is_directed()
    assert not again.is_multigraph()
    assert list(again) == list(graph)
    assert set(again.edges) == set(graph.edges)
    assert nx.is_isomorphic(again, graph)
    for node, attributes in again.nodes(data=True):
        task = task_of(graph, node)
        assert attributes == {
            "step": task.step.name,
            "params": task.combination.values,
            "workspace": task.workspace,
        }


def test_node_link_data_of_a_study_with_states() -> None:
    graph = expand(spec_of(Step("a", "", ""), Step("b", "", "", depends=after("a"))))
    data = to_node_link(graph, {"a": "FINISHED"})
    assert data == {
        "directed": True,
        "multigraph": False,
        "graph": {"study": "study"},
        "nodes": [
            {"id": "a", "step": "a", "params": {}, "workspace": "a", "state": "FINISHED"},
            {"id": "b", "step": "b", "params": {}, "workspace": "b"},
        ],
        "edges": [{"source": "a", "target": "b"}],
    }


def test_node_link_data_is_strict_json_whatever_the_values() -> None:
    column = parameter("A", float("inf"), float("nan"), 0.5, None, True)
    data = to_node_link(expand(spec_of(Step("a", "", "$(A)"), parameters=(column,))))
    json.dumps(data, allow_nan=False)
    assert [n["params"]["A"] for n in data["nodes"]] == ["inf", "nan", 0.5, None, True]


def test_dot() -> None:
    graph = expand(spec_of(Step("a", "", ""), Step("b:c", "", "", depends=after("a"))))
    text = to_dot(graph, {"a": "FINISHED"})
    assert '[label="a\nFINISHED" tooltip=a]' in text
    assert "t0 -> t1" in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz's dot is not installed")
@pytest.mark.parametrize("name", NASTY)
def test_dot_is_accepted_by_graphviz(name: str) -> None:
    graph = nasty(name)
    for states in (None, dict.fromkeys(graph, "RUNNING")):
        done = subprocess.run(
            ["dot", "-Tplain"], input=to_dot(graph, states), capture_output=True, encoding="utf-8"
        )
        assert (done.returncode, done.stderr) == (0, "")
        kinds = [line.split()[0] for line in done.stdout.splitlines() if line[:5] in _KINDS]
        assert kinds == ["graph", *["node"] * 3, *["edge"] * 2]


_KINDS = {"graph", "node ", "edge "}
