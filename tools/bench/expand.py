#!/usr/bin/env python3
"""Expansion beside a bare networkx loop that makes the same nodes and edges.

Each runs in a process of its own; time and memory are what the making alone takes, with the
specification and all modules loaded before. The best of some rounds counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import networkx as nx

from maestro.graph import expand
from maestro.spec import Dependency, Parameter, Specification, Step


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


WAYS: dict[str, Callable[[Specification], nx.DiGraph[str]]] = {
    "expand": expand,
    "bare": bare,
    "hashws": lambda spec: expand(spec, hashws=True),
}


def peak() -> float:
    """The most memory that this process has had, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(way: str, combinations: int) -> None:
    """Print the seconds, the MB and the size of one making, as JSON."""
    spec = specification(combinations)
    WAYS[way](specification(10))
    gc.collect()
    memory, start = peak(), time.perf_counter()
    graph = WAYS[way](spec)
    seconds = time.perf_counter() - start
    figures = [seconds, peak() - memory, len(graph), graph.number_of_edges()]
    print(json.dumps(figures))


def best(way: str, combinations: int, rounds: int) -> list[float]:
    """The least of each figure over ``rounds`` processes."""
    command = [sys.executable, __file__, "--child", way, "-n", str(combinations)]
    figures = [json.loads(subprocess.check_output(command)) for _ in range(rounds)]
    return [min(column) for column in zip(*figures, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=100_000, help="combinations (default 100,000)")
    parser.add_argument("--rounds", type=int, default=3, help="processes each (default 3)")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.child, options.n)
        return
    figures = {way: best(way, options.n, options.rounds) for way in WAYS}
    reference = figures["bare"]
    for way in ("expand", "hashws"):
        seconds, memory = (figures[way][i] / reference[i] for i in (0, 1))
        print(f"{way}: {seconds:.2f} x the time and {memory:.2f} x the memory of a bare loop")
    for way, (seconds, memory, nodes, edges) in figures.items():
        print(f"{way:7} {seconds:7.3f} s {memory:8.1f} MB {nodes:9,} nodes {edges:9,} edges")


if __name__ == "__main__":
    main()
