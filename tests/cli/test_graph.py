"""``maestro graph`` and ``maestro validate``: what tools read."""

from __future__ import annotations

import json
import shutil
import subprocess

import networkx as nx
import pytest

from tests.cli.test_run import FAN
from tests.conftest import Shell


def test_a_specification_as_node_link_data(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    data = json.loads(shell("maestro", "graph", "--format", "json", "fan.yaml").stdout)
    node = next(node for node in data["nodes"] if node["id"] == "say_N.2")
    assert node == {"id": "say_N.2", "step": "say", "params": {"N": 2}, "workspace": "say/N.2"}
    graph = nx.node_link_graph(data, edges="edges")
    assert (len(graph), graph.number_of_edges()) == (7, 3 + 3 + 3)


def test_a_study_has_states(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "test $(N) = 2 && exit 7; tr a-z"))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml", code=2)
    data = json.loads(shell("maestro", "graph", "-f", "json", "out").stdout)
    states = {node["id"]: node["state"] for node in data["nodes"]}
    assert states == shell.states("out")
    assert "INCOMPLETE" in shell("maestro", "graph", "--format", "dot", "out").stdout


def test_dot_is_accepted_by_graphviz(shell: Shell) -> None:
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    shell.write("fan.yaml", FAN)
    text = shell("maestro", "graph", "--format", "dot", "fan.yaml").stdout
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.count('class="node"') == 7


def test_validate_as_json(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell.write("bad.yaml", FAN.replace("depends: [say]", "dependz: [say]"))
    done = shell("maestro", "validate", "--format", "json", "fan.yaml", "bad.yaml", code=1)
    (problem,) = [p for p in json.loads(done.stdout) if p["severity"] == "error"]
    assert problem["specification"] == "bad.yaml"
    assert problem["code"] == "unknown-key"
    assert problem["position"] == {"file": "bad.yaml", "line": 16, "column": 5}


def test_several_directories_at_once(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    for name in ("one", "two"):
        shell("maestro", "run", "-n", "-o", name, "fan.yaml")
    done = shell("maestro", "update", "--throttle", "1", "--throttle", "2", "one", "two")
    assert "one: throttle = 1" in done.stdout
    assert "two: throttle = 2" in done.stdout
    shell("maestro", "update", *["--rlimit", "1"] * 3, "one", "two", code=1)
    shell("maestro", "cancel", "-y", "one", "two")
    assert set(shell.states("two").values()) == {"CANCELLED"}
