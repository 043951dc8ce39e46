"""Parts of a study graph, and its steps as a graph of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import networkx as nx

from maestro.errors import UsageError
from maestro.graph.task import Task, layout_of, tasks
from maestro.graph.where import Condition, condition
from maestro.spec.values import nearest

__all__ = ["parameter_names", "quotient", "select", "subgraph"]


def parameter_names(graph: nx.DiGraph[str]) -> list[str]:
    """The parameters that steps of ``graph`` use, sorted."""
    return sorted(set().union(*layout_of(graph).uses.values()))


def select(
    graph: nx.DiGraph[str],
    *,
    steps: Collection[str] = (),
    where: Condition | str | None = None,
) -> Iterator[tuple[str, Task]]:
    """The tasks of ``graph`` that belong to one of ``steps`` (any, when empty) and whose
    parameters meet the condition ``where`` (`maestro.graph.condition`), in their order. Linear.

    Raises
    ------
    UsageError
        There is no such step, or the text is no condition on parameters of the graph.
    TypeError
        ``steps`` is one text, where several are meant.
    """
    if isinstance(steps, str):
        raise TypeError(f"steps are several; write [{steps!r}]")
    known = layout_of(graph).uses
    for step in steps:
        if step not in known:
            raise UsageError(f"there is no step '{step}'{nearest(step, known)}")
    if isinstance(where, str):
        where = condition(where, parameter_names(graph))
    for node, task in tasks(graph):
        if steps and task.step.name not in steps:
            continue
        if where is None or where(task.combination.values):
            yield node, task


def subgraph(
    graph: nx.DiGraph[str],
    *,
    steps: Collection[str] = (),
    where: Condition | str | None = None,
    in_states: Collection[str] = (),
    states: Mapping[str, str] | None = None,
) -> nx.DiGraph[str]:
    """The frozen graph of the tasks that `select` finds and, with ``in_states``, that are in one
    of these by ``states`` (state by task), with the edges between them. Linear in the tasks of
    ``graph`` and their edges.

    Raises
    ------
    UsageError
        As `select`.
    ValueError
        ``in_states`` is given without ``states``.
    TypeError
        It is one text, where several are meant.
    """
    if isinstance(in_states, str):
        raise TypeError(f"in_states are several; write {{{in_states!r}}}")
    if in_states and states is None:
        raise ValueError("a state is asked for, and no states are given")
    chosen = {
        node: task
        for node, task in select(graph, steps=steps, where=where)
        if not in_states or (states or {}).get(node) in in_states
    }
    part: nx.DiGraph[str] = nx.DiGraph(**graph.graph)
    part.add_nodes_from((node, {"task": task}) for node, task in chosen.items())
    part.add_edges_from(
        (node, child) for node in chosen for child in graph.successors(node) if child in chosen
    )
    nx.freeze(part)
    return part


def quotient(graph: nx.DiGraph[str], states: Mapping[str, str] | None = None) -> nx.DiGraph[str]:
    """The frozen graph of the steps of ``graph``, parents first: tasks of one step are one node.
    Linear in tasks and edges.

    A node has ``tasks``, the number of its tasks, and, where ``states`` (state by task) are given,
    ``states``, their number by state; an edge has ``edges``, the number of edges between the
    tasks of the two, and ``funnel``: whether each task waits for all of the other step.
    """
    steps: nx.DiGraph[str] = nx.DiGraph(study=graph.graph.get("study", ""))
    step_of = {node: task.step.name for node, task in tasks(graph)}
    for step, count in Counter(step_of.values()).items():
        steps.add_node(step, tasks=count)
        if states is not None:
            steps.nodes[step]["states"] = {}
    for node, state in (states or {}).items():
        if node in step_of:
            counts = steps.nodes[step_of[node]]["states"]
            counts[state] = counts.get(state, 0) + 1
    funnels = {task.step.name: task.step.funnels() for _, task in tasks(graph)}
    edges = Counter((step_of[parent], step_of[child]) for parent, child in graph.edges)
    for (parent, child), count in edges.items():
        steps.add_edge(parent, child, edges=count, funnel=parent in funnels[child])
    nx.freeze(steps)
    return steps
