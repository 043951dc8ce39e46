"""The graph in other tools' formats, read back by those tools."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import networkx as nx
from graph_helpers import after, hostile_graphs, parameter, spec_of, specifications
from hypothesis import given, settings

from maestro.graph import expand, quotient, task_of, tasks, to_graphml, to_json, to_node_link
from maestro.spec import Specification, Step


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
    graph = expand(spec_of(Step("a", "", "$(A)"), parameters=(column,)))
    data = json.loads("\n".join(to_json(graph)), parse_constant=lambda name: 1 / 0)
    assert [n["params"]["A"] for n in data["nodes"]] == ["inf", "nan", 0.5, None, True]


def exactly(value: object) -> tuple[str, str]:
    """What tells 1 from 1.0 and True, and 0.0 from -0.0."""
    return type(value).__name__, repr(value)


@settings(max_examples=200)
@given(hostile_graphs())
def test_json_with_any_names_and_values_is_read_back_by_networkx(graph: nx.DiGraph) -> None:
    states = dict.fromkeys(list(graph)[::2], "FINISHED")
    again = nx.node_link_graph(json.loads("\n".join(to_json(graph, states))), edges="edges")
    assert again.graph == {"study": graph.graph["study"]}
    assert list(again) == list(graph)
    assert set(again.edges) == set(graph.edges)
    for node, task in tasks(graph):
        attributes = again.nodes[node]
        params = {name: exactly(v) for name, v in attributes.pop("params").items()}
        assert params == {name: exactly(v) for name, v in task.combination.values.items()}
        state = {"state": "FINISHED"} if node in states else {}
        assert attributes == {"step": task.step.name, "workspace": task.workspace} | state


def from_xml(text: str) -> str:
    """``text`` as the documentation says that it is had back."""
    return DOCUMENTED["name"](text)


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands" / "graph.md"
(CODE,) = re.findall(r"^import re.*?return.*?\)\n$", PAGE.read_text("utf-8"), re.DOTALL | re.M)
DOCUMENTED: dict = {}
exec(CODE, DOCUMENTED)


@settings(max_examples=200)
@given(hostile_graphs())
def test_graphml_with_any_names_and_values_is_read_back_by_networkx(graph: nx.DiGraph) -> None:
    states = dict.fromkeys(list(graph)[::2], "FINISHED")
    text = to_graphml(graph, states)
    assert text.isascii()
    again = nx.parse_graphml(text)
    assert from_xml(again.graph["study"]) == graph.graph["study"]
    assert list(map(from_xml, again)) == list(graph)
    assert {(from_xml(a), from_xml(b)) for a, b in again.edges} == set(graph.edges)
    for (_, attributes), (node, task) in zip(again.nodes(data=True), tasks(graph), strict=True):
        found = {from_xml(name): exactly_from_xml(v) for name, v in attributes.items()}
        expected = {"step": task.step.name, "workspace": task.workspace}
        if node in states:
            expected["state"] = "FINISHED"
        for name, value in task.combination.values.items():
            if value is not None:
                expected[f"param.{name}"] = value
        assert found == {name: exactly(v) for name, v in expected.items()}


def exactly_from_xml(value: object) -> tuple[str, str]:
    return exactly(from_xml(value) if isinstance(value, str) else value)


def test_graphml_has_columns_of_their_types() -> None:
    column = parameter("A", 1, 0.5, "x", True, None)
    text = to_graphml(expand(spec_of(Step("a", "", "$(A)"), parameters=(column,))))
    keys = ElementTree.fromstring(text).iter("{http://graphml.graphdrawing.org/xmlns}key")
    types = {key.get("attr.type") for key in keys if key.get("attr.name") == "param.A"}
    assert types == {"long", "double", "string", "boolean"}


def test_the_steps_in_either_format() -> None:
    column = parameter("A", 1, 2)
    steps = Step("a", "", "$(A)"), Step("b", "", "", depends=after("a_*"))
    graph = expand(spec_of(*steps, parameters=(column,)))
    states = {"a_A.1": "FINISHED", "a_A.2": "FAILED", "b": "INCOMPLETE"}
    steps_graph = quotient(graph, states)
    data = json.loads("\n".join(to_json(steps_graph)))
    assert data == to_node_link(steps_graph)
    assert data["nodes"] == [
        {"id": "a", "tasks": 2, "states": {"FINISHED": 1, "FAILED": 1}},
        {"id": "b", "tasks": 1, "states": {"INCOMPLETE": 1}},
    ]
    assert data["edges"] == [{"source": "a", "target": "b", "edges": 2, "funnel": True}]
    again = nx.parse_graphml(to_graphml(steps_graph))
    assert again.nodes["a"] == {"tasks": 2, "state.FINISHED": 1, "state.FAILED": 1}
    assert again.edges["a", "b"] == {"edges": 2, "funnel": True}
