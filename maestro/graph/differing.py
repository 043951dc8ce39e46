"""What two study graphs have and have not in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import networkx as nx

from maestro.graph.names import canonical
from maestro.graph.task import task_of, tasks
from maestro.spec.model import Step

__all__ = ["Difference", "difference"]

_OF_STEP = tuple(f.name for f in fields(Step) if f.name not in ("depends", "workspaces"))
"""What a task has of its step, beside what its edges and its commands say."""

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one graph has and the other has not; ``changed`` are the tasks of both that are not the
    same in both, each with what differs: ``cmd``, ``restart``, ``resources`` or another field of
    `maestro.spec.model.Step`, ``parameters``, ``workspace``, ``parents``. False when nothing does.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    added_edges: tuple[Edge, ...]
    removed_edges: tuple[Edge, ...]

    def __bool__(self) -> bool:
        return bool(
            self.added or self.removed or self.changed or self.added_edges or self.removed_edges
        )


def difference(old: nx.DiGraph[str], new: nx.DiGraph[str]) -> Difference:
    """What makes ``new`` of ``old``: tasks are the same when their names are. Linear in the tasks
    and edges of both.
    """
    added_edges = tuple(edge for edge in new.edges if not old.has_edge(*edge))
    removed_edges = tuple(edge for edge in old.edges if not new.has_edge(*edge))
    moved = {child for _, child in (*added_edges, *removed_edges)}
    of_steps: dict[tuple[str, str], tuple[str, ...]] = {}
    changed: dict[str, tuple[str, ...]] = {}
    for node, task in tasks(new):
        if node not in old:
            continue
        before = task_of(old, node)
        steps = before.step.name, task.step.name
        if steps not in of_steps:
            of_steps[steps] = _step_difference(before.step, task.step)
        what = list(of_steps[steps])
        if canonical(task.combination) != canonical(before.combination):
            what.append("parameters")
        if task.workspace != before.workspace:
            what.append("workspace")
        if node in moved:
            what.append("parents")
        if what:
            changed[node] = tuple(what)
    return Difference(
        tuple(node for node in new if node not in old),
        tuple(node for node in old if node not in new),
        changed,
        added_edges,
        removed_edges,
    )


def _step_difference(old: Step, new: Step) -> tuple[str, ...]:
    return tuple(name for name in _OF_STEP if getattr(old, name) != getattr(new, name))
