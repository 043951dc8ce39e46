"""From a specification and its combinations to the study graph, in one pass over the steps."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import networkx as nx

from maestro.errors import Problem, SpecError
from maestro.graph.names import safe
from maestro.graph.naming import Naming, Projection
from maestro.graph.task import Layout, Task
from maestro.spec.model import Parameter, Specification, Step
from maestro.spec.tokens import used_parameters

__all__ = ["expand"]

TOGETHER = 100
"""Nodes that are followed by their edges: while these are made, the processor has them at hand."""


def expand(
    spec: Specification,
    parameters: Sequence[Parameter] | None = None,
    *,
    hashws: bool = False,
    reserved: Iterable[str] = (),
) -> nx.DiGraph[str]:
    """Expand ``spec`` over ``parameters`` (its own when None) into a frozen graph of tasks.

    A node is a task's name and carries one attribute, ``task`` (`maestro.graph.Task`); an edge
    runs from a task to one that waits for it; nodes stand parents first. ``hashws`` names
    workspaces by content hash, ``reserved`` are further names in the study directory that no step
    may bear. Time and memory are linear in combinations, tasks and edges.

    Raises
    ------
    SpecError
        Two tasks would have one name or workspace, or a name cannot be had: all such at once. Or
        steps wait for each other.
    """
    with _uncollected():
        return _expand(spec, parameters, hashws, reserved)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: of what is made here nothing is garbage, and the more there
    is, the longer it takes to see that.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _expand(
    spec: Specification,
    parameters: Sequence[Parameter] | None,
    hashws: bool,
    reserved: Iterable[str],
) -> nx.DiGraph[str]:
    columns = tuple(spec.parameters if parameters is None else parameters)
    order = _in_order(spec)
    uses = _used(order, columns)
    naming = Naming(spec, hashws)
    naming.check_folders(reserved)
    layout = Layout({step: tuple(sorted(used)) for step, used in uses.items()}, hashws)
    graph: nx.DiGraph[str] = nx.DiGraph(study=spec.name, layout=layout)
    projections: dict[frozenset[str], Projection] = {}
    made: dict[str, tuple[Projection, Sequence[str]]] = {}
    for step in order:
        used = uses[step.name]
        if used not in projections:
            projections[used] = naming.project(tuple(p for p in columns if p.name in used))
        projection = projections[used]
        ids = naming.ids(step, projection)
        made[step.name] = projection, ids
        leaves = naming.leaves(step, projection)
        nodes = _nodes(step, projection, ids, leaves)
        edges = [iter(_edges(made[d.step], made[step.name], d.funnel)) for d in step.depends]
        for _ in range(0, len(ids), TOGETHER):
            graph.add_nodes_from(islice(nodes, TOGETHER))
            for some in edges:
                graph.add_edges_from(islice(some, TOGETHER))
        for rest in edges:  # of funnels, which have more than one for each node
            graph.add_edges_from(rest)
    naming.check_tasks({step: ids for step, (_, ids) in made.items()})
    if naming.problems:
        raise SpecError(naming.problems)
    nx.freeze(graph)
    return graph


def _in_order(spec: Specification) -> list[Step]:
    """The steps, parents first, otherwise as they are written."""
    place = {step.name: i for i, step in enumerate(spec.steps)}
    before: nx.DiGraph[str] = nx.DiGraph()
    before.add_nodes_from(place)
    for step in spec.steps:
        before.add_edges_from((d.step, step.name) for d in step.depends)
        before.add_edges_from((w, step.name) for w in step.workspaces)
    try:
        names = list(nx.lexicographical_topological_sort(before, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        cycle = [above for above, _ in nx.find_cycle(before)]
        path = " -> ".join([*cycle, cycle[0]])
        where = spec.where("study", place[cycle[0]], "run", "depends")
        message = f"steps depend on each other in a cycle: {path}"
        raise SpecError([Problem("cycle", message, where)]) from None
    return [spec.steps[place[name]] for name in names]


def _used(order: Sequence[Step], columns: Sequence[Parameter]) -> dict[str, frozenset[str]]:
    """The parameters that each step uses: its own, its plain parents', and those of the steps
    whose workspaces it names other than through a funnel.
    """
    known = [p.name for p in columns]
    uses: dict[str, frozenset[str]] = {}
    for step in order:
        funnels = step.funnels()
        parents = [d.step for d in step.depends if not d.funnel]
        parents += [w for w in step.workspaces if w not in funnels]
        uses[step.name] = used_parameters(step, known).union(*(uses[p] for p in parents))
    return uses


def _nodes(
    step: Step, projection: Projection, ids: Sequence[str], leaves: Sequence[str]
) -> Iterator[tuple[str, dict[str, Task]]]:
    folder = safe(step.name)
    if not projection.parameters:
        yield ids[0], {"task": Task(step, projection.combinations[0], folder)}
        return
    for node, combination, leaf in zip(ids, projection.combinations, leaves, strict=True):
        yield node, {"task": Task(step, combination, f"{folder}/{leaf}")}


def _edges(
    parent: tuple[Projection, Sequence[str]], child: tuple[Projection, Sequence[str]], funnel: bool
) -> Iterable[tuple[str, str]]:
    (above, parents), (below, children) = parent, child
    if funnel or not above.parameters:
        return ((p, c) for c in children for p in parents)
    if above is below:
        return zip(parents, children, strict=True)
    rows = (combination.row for combination in below.combinations)
    return ((parents[above.of_row[r]], c) for r, c in zip(rows, children, strict=True))
