"""A node of the study graph, and where its workspace lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro.graph.names import digest, safe
from maestro.spec.model import Combination, Step

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Layout", "Task", "layout_of", "task_of", "tasks"]


@dataclass(frozen=True, slots=True)
class Task:
    """A step with one combination of the parameters that it uses: the attribute ``task`` of a node.

    ``workspace`` is relative to the study directory, with ``/`` between its parts.
    """

    step: Step
    combination: Combination
    workspace: str

    @property
    def name(self) -> str:
        """The name of the task, which is its node in the graph."""
        if not self.combination.parameters:
            return self.step.name
        return f"{self.step.name}_{label(self.combination)}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which parameters each step uses, in sorted order, and so where the workspaces lie."""

    uses: Mapping[str, tuple[str, ...]]
    hashed: bool = False

    def folder(self, step: str) -> str:
        """The directory that holds all workspaces of ``step``."""
        return safe(step)

    def workspace(self, step: str, combination: Combination) -> str:
        """The workspace of ``step`` that agrees with ``combination``, which may hold more
        parameters than the step uses.
        """
        used = self.uses[step]
        if not used:
            return self.folder(step)
        own = project(combination, used)
        leaf = digest(step, own) if self.hashed else safe(label(own))
        return f"{self.folder(step)}/{leaf}"

    def script(self, task: Task) -> str:
        """The name, without ending, of the task's scripts and output files."""
        if self.hashed:
            return task.workspace.rpartition("/")[2]
        return safe(task.name)


def project(combination: Combination, names: tuple[str, ...]) -> Combination:
    """``combination`` with only the parameters in ``names``."""
    if len(names) == len(combination.parameters):
        return combination
    chosen = tuple(p for p in combination.parameters if p.name in names)
    return Combination(chosen, combination.row)


def label(combination: Combination) -> str:
    """The labels, in sorted order of parameter name, joined by a full stop."""
    columns = sorted(combination.parameters, key=lambda p: p.name)
    return ".".join(p.labels[combination.row] for p in columns)


def tasks(graph: nx.DiGraph[str]) -> Iterator[tuple[str, Task]]:
    """Every node of ``graph`` with its `Task`, parents first."""
    for node, attributes in graph.nodes.items():
        yield node, attributes["task"]


def task_of(graph: nx.DiGraph[str], node: str) -> Task:
    """The `Task` of ``node``."""
    task: Task = graph.nodes[node]["task"]
    return task


def layout_of(graph: nx.DiGraph[str]) -> Layout:
    """The `Layout` that ``graph`` was expanded with."""
    layout: Layout = graph.graph["layout"]
    return layout
