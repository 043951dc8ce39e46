"""Make one graph, by ``expand`` or by a bare networkx loop, or conduct it without anything to run:
prints figures as JSON. Specification and modules are loaded before.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import networkx as nx

from maestro.engine import Demand, Engine, Observation, Outcome, Policy, Seen
from maestro.graph import expand
from maestro.spec import Dependency, Parameter, Specification, Step

SLOTS = 64
"""Tasks in flight at a time, where nothing runs."""


def specification(combinations: int) -> Specification:
    """One step before and one behind two that are expanded over two parameters."""

    def parameter(name: str, values: range) -> Parameter:
        return Parameter(name, tuple(values), tuple(f"{name}.{v}" for v in values), name)

    return Specification(
        "bench",
        "",
        (
            Step("prep", "", "true"),
            Step("sim", "", "echo $(SIZE) $(SEED)", depends=(Dependency("prep"),)),
            Step("post", "", "cat $(sim.workspace)/out", depends=(Dependency("sim"),)),
            Step("report", "", "true", depends=(Dependency("post", funnel=True),)),
        ),
        (parameter("SIZE", range(combinations)), parameter("SEED", range(combinations))),
    )


def bare(spec: Specification) -> nx.DiGraph[str]:
    """The same nodes, each with one attribute, and the same edges."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("prep", task=None)
    graph.add_node("report", task=None)
    size, seed = spec.parameters
    for row in range(len(size.values)):
        label = f"{seed.labels[row]}.{size.labels[row]}"
        sim, post = f"sim_{label}", f"post_{label}"
        graph.add_node(sim, task=row)
        graph.add_node(post, task=row)
        graph.add_edge("prep", sim)
        graph.add_edge(sim, post)
        graph.add_edge(post, "report")
    return graph


def conduct(graph: nx.DiGraph[str]) -> None:
    """Every decision about a study, whose tasks finish as soon as they are submitted."""
    engine = Engine(graph, Policy(slots=SLOTS), lambda task: Demand(local=True))
    now = 0.0
    while engine.outcome is None:
        now += 1.0
        for submission in engine.decide(now):
            for seen in (Seen.STARTED, Seen.FINISHED):
                engine.observe(Observation(submission.attempt, seen, now, job="1"), now)
        engine.drain()
    assert engine.outcome is Outcome.FINISHED


def walk(graph: nx.DiGraph[str]) -> None:
    """The least that any conductor does."""
    assert sum(1 for _ in nx.topological_sort(graph)) == len(graph)


MAKING: dict[str, Callable[[Specification], nx.DiGraph[str]]] = {
    "expand": expand,
    "bare": bare,
    "hashws": lambda spec: expand(spec, hashws=True),
}
WALKING: dict[str, Callable[[nx.DiGraph[str]], None]] = {"conduct": conduct, "walk": walk}


def memory(kind: str) -> float:
    """Of this process in MB, now (VmRSS) or at most so far (VmHWM). What getrusage tells counts
    the process that this one was forked from.
    """
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(kind)


def main() -> None:
    """``graphs WAY TASKS``: prints the seconds of processor time and the most MB that it took,
    nodes and edges.
    """
    way, tasks = sys.argv[1], int(sys.argv[2])
    making = MAKING.get(way, expand)
    making(specification(10))
    spec = specification((tasks - 2) // 2)
    gc.collect()
    before, start = memory("VmRSS"), time.process_time()
    graph = making(spec)
    if way in WALKING:
        gc.collect()
        before, start = memory("VmRSS"), time.process_time()
        WALKING[way](graph)
    seconds = time.process_time() - start
    most = memory("VmHWM") - before
    print(json.dumps([seconds, most, len(graph), graph.number_of_edges()]))


main()
