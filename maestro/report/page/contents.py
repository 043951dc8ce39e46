"""What a report on a study says, as plain data: no browser and no library for pictures yet."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx

from maestro.conductor.store import TaskRow
from maestro.engine import FAILED, Outcome, State
from maestro.graph import quotient, tasks
from maestro.report.analysis import analyze_history
from maestro.report.concealing import Concealer
from maestro.report.failure import cause, last_words
from maestro.report.look import in_order, one_line
from maestro.report.page.columns import Columns, Timeline, task_columns, timeline
from maestro.report.page.layout import Picture, layered, place
from maestro.report.page.provenance import Fact, facts, specification_text
from maestro.report.picture import draw
from maestro.report.study import History, Study
from maestro.report.table import so_far

__all__ = ["Contents", "Failure", "Graph", "gather"]

TOLD = 100
"""Failures whose last words are shown, at most."""

LINES = 20
"""Lines of those."""

NODES, EDGES = 2_000, 5_000
"""A graph with no more of them is drawn with each task."""

ENDS = {
    Outcome.FINISHED: "It has finished.",
    Outcome.FAILURE: "It has ended, with failures.",
    Outcome.CANCELLED: "It was cancelled.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed, at this ``row`` of the tasks, with the ``words`` that it last printed,
    to ``source``.
    """

    row: int
    name: str
    state: str
    cause: str
    workspace: str
    source: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Where tasks and the ends of edges stand: a column, and a height from 0 to 1. None of them
    where they are too many.
    """

    tasks: Sequence[tuple[int, float]] = ()
    edges: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """A report on a study, of the time ``now``; see `maestro.report.analysis` for ``analysis``.

    ``states`` are the numbers of tasks by state, in all and by step; ``parameters`` the names of
    those that have a column in ``tasks``, by column.
    """

    name: str
    description: str
    directory: str
    now: float
    stands: str
    states: Mapping[str, int]
    by_step: Mapping[str, Mapping[str, int]]
    analysis: Mapping[str, Any]
    tasks: Columns
    parameters: Mapping[str, str]
    timeline: Timeline
    graph: Graph
    picture: Picture
    failures: Sequence[Failure]
    facts: Sequence[Fact]
    specification: str


def gather(study: Study, now: float) -> Contents:
    """What there is to say of ``study`` at the time ``now``.

    Raises
    ------
    StudyError, SpecError
        Its store, or its graph, cannot be read.
    """
    history = study.history()
    spec = study.specification
    values = {k: v for k, v in spec.environment.resolved.items() if k != "SPECROOT"}
    conceal = Concealer(values)
    states = {task.name: State(task.state).shown for task in history.tasks}
    running = so_far(history.tasks, history.attempts, now)
    columns, parameters = task_columns(history.tasks, running, conceal)
    return Contents(
        name=one_line(history.info.name),
        description=one_line(conceal(history.info.description)),
        directory=study.directory,
        now=now,
        stands=_stands(history),
        states=_counts(states.values()),
        by_step=_by_step(history.tasks),
        analysis=analyze_history(history, now),
        tasks=columns,
        parameters=parameters,
        timeline=timeline(history.tasks, history.attempts, columns, now),
        graph=_graph(history.graph),
        picture=_picture(history.graph, states, conceal),
        failures=list(_failures(study, history, conceal)),
        facts=[(name, one_line(text)) for name, text in facts(study, history, now)],
        specification=specification_text(spec.path),
    )


def _stands(history: History) -> str:
    """How the study stands, in a sentence."""
    info = history.info
    if info.outcome:
        return ENDS.get(Outcome[info.outcome], f"It has ended: {info.outcome}.")
    if info.settings.dry:
        return "It is a dry run: nothing is run."
    if history.conductor is None:
        return "It has not ended, and nobody conducts it."
    doing = "is being cancelled" if info.cancelling else "is running"
    return f"It {doing}, conducted by {history.conductor}."


def _counts(states: Iterable[str]) -> dict[str, int]:
    counts = Counter(states)
    return {state: counts[state] for state in in_order(counts)}


def _by_step(tasks: Sequence[TaskRow]) -> dict[str, dict[str, int]]:
    states: dict[str, list[str]] = {}
    for task in tasks:
        states.setdefault(one_line(task.step), []).append(State(task.state).shown)
    return {step: _counts(those) for step, those in states.items()}


def _picture(
    graph: nx.DiGraph[str], states: Mapping[str, str], conceal: Callable[[str], str]
) -> Picture:
    """The steps, with their descriptions where a pointer rests."""
    steps, drawing = quotient(graph), draw(graph, states, level="step")
    about = {task.step.name: one_line(conceal(task.step.description)) for _, task in tasks(graph)}
    boxes = (replace(box, hint=about[step]) for step, box in zip(steps, drawing.boxes, strict=True))
    return place(replace(drawing, boxes=boxes), steps)


def _graph(graph: nx.DiGraph[str]) -> Graph:
    if len(graph) > NODES or graph.number_of_edges() > EDGES:
        return Graph()
    places, number = layered(graph), {node: i for i, node in enumerate(graph)}
    edges = [(number[parent], number[child]) for parent, child in graph.edges]
    return Graph([places[node] for node in graph], edges)


def _failures(
    study: Study, history: History, conceal: Concealer
) -> Iterator[Failure]:
    """The tasks that failed first."""
    failed = [(i, t) for i, t in enumerate(history.tasks) if State(t.state) in FAILED]
    failed.sort(key=lambda pair: pair[1].ended or 0.0)
    for row, task in failed[:TOLD]:
        source, words = last_words(study.directory, history.info, task, LINES, conceal)
        yield Failure(
            row=row,
            name=one_line(task.name),
            state=task.state,
            cause=one_line(conceal(cause(task))),
            workspace=one_line(os.path.join(study.directory, task.workspace)),
            source=one_line(source),
            words=tuple(map(one_line, words)),
        )

