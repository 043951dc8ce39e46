"""How long a study graph takes: the critical path method, work and span.

``durations`` are seconds by task, at least for every task of the graph: measured, as
`maestro.report.study.Study.durations` gives them, or estimated; without them, every task takes 1.
V is the number of tasks, E that of edges; everything here is O(V + E).

References
----------
Kelley and Walker, "Critical-path planning and scheduling", Eastern Joint Computer Conference
(1959): the critical path, and slack. Graham, "Bounds on multiprocessing timing anomalies", SIAM J.
Appl. Math. 17 (1969): the bounds of `makespan_bounds`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from types import MappingProxyType

import networkx as nx

from maestro.graph.task import tasks

__all__ = ["critical_path", "estimate_durations", "makespan_bounds", "slack", "span", "work"]

Durations = Mapping[str, float]


def work(graph: nx.DiGraph[str], durations: Durations | None = None) -> float:
    """Total seconds of all tasks: how long one slot takes.

    Raises
    ------
    KeyError
        A task has no duration; so in all functions here.
    ValueError
        One is negative or not a number; so in all functions here.
    """
    return sum(_checked(graph, durations).values())


def span(graph: nx.DiGraph[str], durations: Durations | None = None) -> float:
    """Seconds of the critical path: how long the study takes on any number of slots."""
    return max(_finishes(graph, _checked(graph, durations)).values(), default=0.0)


def critical_path(graph: nx.DiGraph[str], durations: Durations | None = None) -> list[str]:
    """The chain of tasks, from a first to a last one, that takes longest. Of several, one."""
    finish = _finishes(graph, _checked(graph, durations))
    path: list[str] = []
    candidates: Iterable[str] = [node for node in graph if not graph.out_degree(node)]
    while (last := max(candidates, key=finish.__getitem__, default=None)) is not None:
        path.append(last)
        candidates = graph.predecessors(last)
    return path[::-1]


def slack(graph: nx.DiGraph[str], durations: Durations | None = None) -> dict[str, float]:
    """Seconds by which each task could take longer, with slots for all, before the study did: its
    total float. 0 on the critical path, up to rounding.
    """
    seconds = _checked(graph, durations)
    upto = _finishes(graph, seconds)
    after = _finishes(graph.reverse(copy=False), seconds)
    longest = max(upto.values(), default=0.0)
    return {node: max(0.0, longest - (upto[node] + after[node] - seconds[node])) for node in graph}


def makespan_bounds(
    graph: nx.DiGraph[str], slots: int, durations: Durations | None = None
) -> tuple[float, float]:
    """The seconds that the study takes at least, and at most, on ``slots`` when no slot is left
    idle while a task could run and every task takes one.

    With N slots, work W and span S, no schedule takes less than max(S, W / N), and none that
    leaves no slot idle more than W / N + (1 - 1 / N) S. The best lies between: to find it is
    NP-hard. With a slot for every task, both are S.

    Raises
    ------
    ValueError
        ``slots`` are less than 1.
    """
    if slots < 1:
        raise ValueError(f"there is at least one slot, not {slots}")
    longest = span(graph, durations)
    if slots >= len(graph):
        return longest, longest
    share = work(graph, durations) / slots
    return max(longest, share), max(longest, share + (1 - 1 / slots) * longest)


def estimate_durations(
    graph: nx.DiGraph[str], measured: Durations, so_far: Durations = MappingProxyType({})
) -> dict[str, float]:
    """A duration for every task: as ``measured``; or else the mean of its step; or, where none of
    its step is measured, the mean of all that are; or, where nothing is, 1. A task that is not
    measured, and has run for some seconds ``so_far``, takes no less than those.
    """
    of_step: dict[str, list[float]] = defaultdict(list)
    for node, task in tasks(graph):
        if node in measured:
            of_step[task.step.name].append(measured[node])
    everything = [seconds for known in of_step.values() for seconds in known]
    mean = fmean(everything) if everything else 1.0
    means = {step: fmean(known) for step, known in of_step.items()}
    return {
        node: measured[node]
        if node in measured
        else max(means.get(task.step.name, mean), so_far.get(node, 0.0))
        for node, task in tasks(graph)
    }


def _checked(graph: nx.DiGraph[str], durations: Durations | None) -> dict[str, float]:
    """The seconds of every task of ``graph``."""
    if durations is None:
        return dict.fromkeys(graph, 1.0)
    seconds = {node: durations[node] for node in graph}
    for node, value in seconds.items():
        if not value >= 0:
            raise ValueError(f"a task takes 0 seconds or more, not {value}: {node}")
    return seconds


def _finishes(graph: nx.DiGraph[str], seconds: Durations) -> dict[str, float]:
    """When each task ends that starts as soon as its parents have ended."""
    finish: dict[str, float] = {}
    for node in nx.topological_sort(graph):
        begin = max(map(finish.__getitem__, graph.predecessors(node)), default=0.0)
        finish[node] = begin + seconds[node]
    return finish
