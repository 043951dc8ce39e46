"""What a picture of a study graph shows: every task, or every step with the number of its tasks."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import networkx as nx

from maestro.graph import Arrow, Box, Drawing, Task, layout_of, quotient, tasks
from maestro.report.look import fill, in_order, one_line, symbol
from maestro.spec.values import plural

__all__ = ["draw"]

LONGEST = 40
"""Characters of a value, at most."""

MOST = 8
"""Parameters that are named, at most."""

GOLDEN = 0.618034
"""Hues this far apart stay apart, however many there are."""

States = Mapping[str, str]
Paint = Callable[[str, Mapping[str, int]], Mapping[str, float]]
"""From a step, and the number of tasks by state, to colours with their shares."""


def draw(
    graph: nx.DiGraph[str],
    states: States | None = None,
    *,
    level: str = "task",
    color: str = "state",
) -> Drawing:
    """A drawing of the study graph ``graph``.

    On the ``level`` "task" there is a box for each task, with its parameters and, where ``states``
    knows it, its state; on the level "step" one for each step, with the number of its tasks, in all
    and by state, and heavy arrows that wait for all tasks of a step. They are coloured by "state"
    or by "step".

    Raises
    ------
    ValueError
        There is no such level or colouring.
    """
    if level not in ("task", "step") or color not in ("state", "step"):
        raise ValueError(f"pictures have no level {level!r} coloured by {color!r}")
    paint = _by_state if color == "state" else _by_step(graph)
    parts = _tasks if level == "task" else _steps
    return Drawing(graph.graph["study"], *parts(graph, states, paint))


def _tasks(
    graph: nx.DiGraph[str], states: States | None, paint: Paint
) -> tuple[Iterator[Box], Iterator[Arrow]]:
    number = {node: i for i, node in enumerate(graph)}

    def box(node: str, task: Task) -> Box:
        state = None if states is None else states.get(node)
        lines = [one_line(task.step.name), *_parameters(task)]
        if state is not None:
            lines.append(f"{symbol(state, 'utf-8')} {one_line(state)}")
        hint = f"{one_line(node)}\n{one_line(task.workspace)}"
        return Box(tuple(lines), hint, paint(task.step.name, {} if state is None else {state: 1}))

    boxes = (box(node, task) for node, task in tasks(graph))
    return boxes, (Arrow(number[parent], number[child]) for parent, child in graph.edges)


def _parameters(task: Task) -> Iterator[str]:
    values = list(task.combination.values.items())
    for name, value in values[:MOST]:
        yield f"{_short(name)} = {_short(str(value))}"
    if len(values) > MOST:
        yield f"and {plural(len(values) - MOST, 'parameter')} more"


def _steps(
    graph: nx.DiGraph[str], states: States | None, paint: Paint
) -> tuple[Iterator[Box], Iterator[Arrow]]:
    steps = quotient(graph, states)
    number = {step: i for i, step in enumerate(steps)}
    about = {task.step.name: task.step.description for _, task in tasks(graph)}
    uses = layout_of(graph).uses

    def box(step: str) -> Box:
        counts = steps.nodes[step].get("states", {})
        lines = [one_line(step), plural(steps.nodes[step]["tasks"], "task")]
        if uses[step]:
            lines.append(f"over {_short(', '.join(uses[step]))}")
        lines += [f"{symbol(s, 'utf-8')} {counts[s]} {one_line(s)}" for s in in_order(counts)]
        return Box(tuple(lines), one_line(about[step]), paint(step, counts))

    def arrow(parent: str, child: str) -> Arrow:
        funnel = steps.edges[parent, child]["funnel"]
        return Arrow(number[parent], number[child], "all" if funnel else "")

    return map(box, steps), (arrow(parent, child) for parent, child in steps.edges)


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _by_state(step: str, counts: Mapping[str, int]) -> Mapping[str, float]:
    total = sum(counts.values())
    shares: Counter[str] = Counter()
    for state in in_order(counts):
        shares[fill(state)] += counts[state]
    return {colour: count / total for colour, count in shares.items()}


def _by_step(graph: nx.DiGraph[str]) -> Paint:
    colours: dict[str, Mapping[str, float]] = {}
    for number, step in enumerate(layout_of(graph).uses):
        rgb = colorsys.hls_to_rgb(0.58 + number * GOLDEN, 0.9, 0.7)
        colours[step] = {"#" + "".join(f"{round(255 * c):02x}" for c in rgb): 1.0}
    return lambda step, counts: colours[step]
