"""The shape of a study graph: its generations, and the tasks that much depends on.

V is the number of tasks, E that of edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

import networkx as nx

__all__ = ["bottlenecks", "downstream", "generations", "width_profile"]


def generations(graph: nx.DiGraph[str]) -> list[list[str]]:
    """The tasks by depth: the first generation has no parents, and each other task stands in the
    one after the latest of its parents. O(V + E).

    Their number is the depth of the graph: tasks in its longest chain.
    """
    return [list(layer) for layer in nx.topological_generations(graph)]


def width_profile(graph: nx.DiGraph[str]) -> list[int]:
    """Number of tasks in each generation. O(V + E).

    Its maximum is how many tasks can surely run at the same time; with tasks of other generations
    it can be more: what Dilworth calls the width takes more than linear time.
    """
    return [len(layer) for layer in nx.topological_generations(graph)]


def downstream(graph: nx.DiGraph[str], tasks: Iterable[str]) -> list[str]:
    """What any of ``tasks`` takes along when it fails: all that depends on them, parents first,
    without themselves. O(V + E), however many they are.

    Raises
    ------
    networkx.NetworkXError
        One of them is not in the graph.
    """
    given = set(tasks)
    reached = {node for layer in nx.bfs_layers(graph, given) for node in layer} - given
    return [node for node in nx.topological_sort(graph) if node in reached]


def bottlenecks(graph: nx.DiGraph[str]) -> dict[str, int]:
    """For each task, how many others have it on every one of their chains from the start of the
    study, or on every one to its end; most first, and parents before their children.

    These are the tasks that it dominates in the graph with one node before all tasks, or, with
    one after all, post-dominates. V - 1 means that everything goes through it, so that nothing can
    run at the same time. O((V + E) D), where D is the depth of the dominator tree, which in a
    study is at most the number of its steps.

    References
    ----------
    Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph", ACM TOPLAS 1
    (1979). Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm", Rice University
    (2001): the one used here, which `networkx.immediate_dominators` has for graphs with cycles.
    """
    order = list(nx.topological_sort(graph))
    below = _dominated(order, graph.predecessors)
    above = _dominated(order[::-1], graph.successors)
    counts = {node: below[node] + above[node] for node in order}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _dominated(
    order: Sequence[str], parents: Callable[[str], Iterable[str]]
) -> dict[str | None, int]:
    """How many others each task of ``order`` (parents first) dominates, and None, which stands
    before all of them. Without cycles, one pass finds the dominators.
    """
    dominator: dict[str | None, str | None] = {None: None}
    depth: dict[str | None, int] = {None: 0}

    def nearest_common(one: str | None, other: str | None) -> str | None:
        while one != other:
            if depth[one] < depth[other]:
                one, other = other, one
            one = dominator[one]
        return one

    for node in order:
        above = iter(parents(node))
        dominator[node] = reduce(nearest_common, above, next(above, None))
        depth[node] = depth[dominator[node]] + 1
    counts: dict[str | None, int] = dict.fromkeys((None, *order), 0)
    for node in reversed(order):
        counts[dominator[node]] += counts[node] + 1
    return counts
