"""Which tasks are run again when some are chosen to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro.engine.states import ACTIVE, State

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Again", "again"]

_BLOCKING = frozenset(State) - ACTIVE - {State.INITIALIZED, State.FINISHED}
"""The states of a task whose children cannot run."""


@dataclass(frozen=True, slots=True)
class Again:
    """``tasks`` to run again, parents first, each with the reason; ``kept`` are those that have
    finished, depend on them, and keep their results all the same; ``flying`` are in flight, and
    have begun with what these make anew.
    """

    tasks: Mapping[str, str]
    kept: tuple[str, ...] = ()
    flying: tuple[str, ...] = ()


def again(
    graph: nx.DiGraph[str],
    states: Mapping[str, State],
    chosen: Mapping[str, str],
    *,
    descendants: bool,
) -> Again:
    """What runs again when ``chosen`` tasks do, each for a reason: they themselves, what they need
    and has not finished, and what depends on them: all that could not run, or failed, and, with
    ``descendants``, what has finished. Tasks that wait, or are in flight, are left as they are.

    ``graph`` is a study graph. Time is linear in its tasks and edges.
    """
    wanted = _needed(graph, states, chosen)
    tasks: dict[str, str] = {}
    kept: list[str] = []
    flying: list[str] = []
    touched: set[str] = set()
    for task in graph:
        above = next((p for p in graph.predecessors(task) if p in touched), None)
        if task not in wanted and above is None:
            continue
        state = states[task]
        if state is State.INITIALIZED:
            touched.add(task)
        elif state in ACTIVE:
            if above is not None:
                flying.append(task)
        elif task in wanted:
            tasks[task] = wanted[task]
        elif state is State.FINISHED and not descendants:
            kept.append(task)
        elif all(states[p] not in _BLOCKING or p in tasks for p in graph.predecessors(task)):
            tasks[task] = f"{above} runs again"
        if task in tasks:
            touched.add(task)
    return Again(tasks, tuple(kept), tuple(flying))


def _needed(
    graph: nx.DiGraph[str], states: Mapping[str, State], chosen: Mapping[str, str]
) -> dict[str, str]:
    """``chosen``, and all that must run before it can."""
    wanted = dict(chosen)
    for task in reversed(list(graph)):
        if task in wanted:
            for parent in graph.predecessors(task):
                if states[parent] in _BLOCKING:
                    wanted.setdefault(parent, f"{task} needs it")
    return wanted
