"""From a specification and its combinations to the study graph, in one pass over the steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import networkx as nx

from maestro.errors import Problem, SpecError
from maestro.graph.names import LONGEST, digest, safe
from maestro.graph.task import Layout, Task
from maestro.spec.model import Combination, Parameter, Specification, Step
from maestro.spec.tokens import used_parameters

__all__ = ["OWN_FILES", "expand"]

OWN_FILES = frozenset({"logs", "meta", "status.csv", "batch.info"})
"""Names in a study directory that no step may bear."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The distinct rows of ``parameters``, those that a step uses in sorted order of name.

    ``labels[i]`` names the ``i``-th and ``leaves[i]`` is that label as a directory's name;
    ``of_row[r]`` is the one that row ``r`` of all combinations belongs to. Without parameters
    there is one, whose label is empty.
    """

    parameters: tuple[Parameter, ...]
    combinations: Sequence[Combination]
    labels: Sequence[str]
    leaves: Sequence[str]
    of_row: Sequence[int]


def expand(
    spec: Specification,
    parameters: Sequence[Parameter] | None = None,
    *,
    hashws: bool = False,
    reserved: Iterable[str] = (),
) -> nx.DiGraph[str]:
    """Expand ``spec`` over ``parameters`` (its own when None) into a frozen graph of tasks.

    A node is a task's name and carries one attribute, ``task`` (`maestro.graph.Task`); an edge
    runs from a task to one that waits for it. ``hashws`` names workspaces by content hash,
    ``reserved`` are further names in the study directory that no step may bear. Time and memory
    are linear in combinations, tasks and edges.

    Raises
    ------
    SpecError
        Two tasks would have one name or workspace, or a name cannot be had; all such at once.
    """
    columns = tuple(spec.parameters if parameters is None else parameters)
    order = _in_order(spec)
    uses = _used(order, columns)
    names = _Names(spec, hashws)
    names.check_folders(OWN_FILES | {safe(f"{spec.name}.txt")} | set(reserved))
    layout = Layout({step: tuple(sorted(used)) for step, used in uses.items()}, hashws)
    graph: nx.DiGraph[str] = nx.DiGraph(study=spec.name, layout=layout)
    projections: dict[frozenset[str], Projection] = {}
    tasks: dict[str, tuple[Projection, list[str]]] = {}
    for step in order:
        used = uses[step.name]
        if used not in projections:
            chosen = sorted((p for p in columns if p.name in used), key=lambda p: p.name)
            projections[used] = names.project(tuple(chosen))
        projection = projections[used]
        ids = names.tasks(step, projection, graph)
        tasks[step.name] = projection, ids
        graph.add_nodes_from(_nodes(step, projection, ids, hashws))
        for dependency in step.depends:
            edges = _edges(tasks[dependency.step], tasks[step.name], dependency.funnel)
            graph.add_edges_from(edges)
    if names.problems:
        raise SpecError(names.problems)
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
        path = " -> ".join(edge[0] for edge in nx.find_cycle(before))
        raise SpecError([Problem("cycle", f"steps depend on each other: {path}")]) from None
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
    step: Step, projection: Projection, ids: Sequence[str], hashws: bool
) -> Iterator[tuple[str, dict[str, Task]]]:
    folder = safe(step.name)
    if not projection.parameters:
        yield ids[0], {"task": Task(step, projection.combinations[0], folder)}
        return
    leaves = projection.leaves
    if hashws:
        leaves = [digest(step.name, c) for c in projection.combinations]
    for node, combination, leaf in zip(ids, projection.combinations, leaves, strict=True):
        yield node, {"task": Task(step, combination, f"{folder}/{leaf}")}


def _edges(
    parent: tuple[Projection, list[str]], child: tuple[Projection, list[str]], funnel: bool
) -> Iterable[tuple[str, str]]:
    (above, parents), (below, children) = parent, child
    if funnel or not above.parameters:
        return ((p, c) for c in children for p in parents)
    if above is below:
        return zip(parents, children, strict=True)
    rows = (combination.row for combination in below.combinations)
    return ((parents[above.of_row[r]], c) for r, c in zip(rows, children, strict=True))


class _Names:
    """Gives names to tasks and workspaces, and remembers every one that cannot be had."""

    def __init__(self, spec: Specification, hashws: bool) -> None:
        self.spec = spec
        self.hashws = hashws
        self.problems: list[Problem] = []
        self.place = {s.name: i for i, s in enumerate(spec.steps)}

    def refuse(self, code: str, message: str, where: tuple[str | int, ...]) -> None:
        self.problems.append(Problem(code, message, self.spec.where(*where)))

    def check_folders(self, taken: Iterable[str]) -> None:
        """Every step has a directory of its own, apart from the study's own files."""
        kept = frozenset(taken)
        folders: dict[str, str] = {}
        for name, i in self.place.items():
            folder = safe(name)
            if folder in kept or folder.startswith(".") or not folder:
                self.refuse(
                    "reserved-name",
                    f"step '{name}' would have the directory '{folder}', which is kept for the "
                    "study's own files; rename the step",
                    ("study", i, "name"),
                )
            elif other := folders.get(folder):
                self.refuse(
                    "name-collision",
                    f"steps '{other}' and '{name}' would share the directory '{folder}'; "
                    "rename one of them",
                    ("study", i, "name"),
                )
            folders.setdefault(folder, name)

    def project(self, columns: tuple[Parameter, ...]) -> Projection:
        """The distinct projections on ``columns``, which are in sorted order of name."""
        if not columns:
            return Projection((), [Combination((), 0)], [""], [""], [0])
        rows = range(len(columns[0].values))
        joined = [".".join(row) for row in zip(*(p.labels for p in columns), strict=True)]
        first = dict(zip(reversed(joined), reversed(rows), strict=True))
        if len(first) == len(joined):
            combinations = [Combination(columns, row) for row in rows]
            return Projection(columns, combinations, joined, self._leaves(joined, columns), rows)
        labels = list(dict.fromkeys(joined))
        index = {text: i for i, text in enumerate(labels)}
        for row, text in zip(rows, joined, strict=True):
            self._check_same(columns, first[text], row, text)
        combinations = [Combination(columns, first[text]) for text in labels]
        of_row = [index[text] for text in joined]
        return Projection(columns, combinations, labels, self._leaves(labels, columns), of_row)

    def _check_same(
        self, columns: tuple[Parameter, ...], one: int, two: int, text: str
    ) -> None:
        """Rows that share a label must share their values, as they print."""
        for p in columns:
            a, b = p.values[one], p.values[two]
            if str(a) != str(b):
                self.refuse(
                    "label-collision",
                    f"the values {a!r} and {b!r} of parameter '{p.name}' meet in one label, "
                    f"'{text}'; give it a label that tells them apart",
                    ("global.parameters", p.name, "label"),
                )
                return

    def _leaves(self, labels: Sequence[str], columns: tuple[Parameter, ...]) -> Sequence[str]:
        """The labels as directory names, which must still differ."""
        leaves = [safe(text) for text in labels]
        if self.hashws:
            return leaves
        names = ", ".join(p.name for p in columns)
        first: dict[str, str] = {}
        for text, leaf in zip(labels, leaves, strict=True):
            other = first.setdefault(leaf, text)
            if other is not text:
                problem = f"the combinations '{other}' and '{text}' of {names} would share"
            elif not leaf.strip("."):
                problem = f"the combination '{text}' of {names} leaves no usable name for"
            else:
                continue
            self.refuse(
                "name-collision",
                f"{problem} the workspace '{leaf}' (only ASCII letters, digits and -_.() are "
                "kept); change the labels, or use --hashws",
                ("global.parameters", columns[0].name, "label"),
            )
        return leaves

    def tasks(
        self, step: Step, projection: Projection, graph: nx.DiGraph[str]
    ) -> list[str]:
        """The names of the step's tasks, none of which ``graph`` may hold already."""
        ids = [step.name]
        if projection.parameters:
            ids = [f"{step.name}_{text}" for text in projection.labels]
        where = ("study", self.place[step.name], "name")
        longest = max(map(len, map(safe, ids)), default=0) if not self.hashws else 0
        if longest > LONGEST:
            self.refuse(
                "impossible-name",
                f"a task of step '{step.name}' has a name of {longest} bytes, and {LONGEST} are "
                "possible; shorten the labels, or use --hashws",
                where,
            )
        if not graph.nodes.keys().isdisjoint(ids):
            node = next(node for node in ids if node in graph)
            other = graph.nodes[node]["task"].step.name
            self.refuse(
                "name-collision",
                f"steps '{other}' and '{step.name}' would both have a task '{node}'; "
                "rename one of them",
                where,
            )
        return ids
