"""What there is to know of a study graph, and of a run of it, as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from types import MappingProxyType
from typing import Any

import networkx as nx

from maestro.conductor.store import AttemptRow, TaskRow
from maestro.engine import FAILED, State
from maestro.graph import (
    bottlenecks,
    critical_path,
    estimate_durations,
    makespan_bounds,
    quotient,
    span,
    task_of,
    width_profile,
    work,
)
from maestro.report.study import History, Study
from maestro.report.table import durations, run_time, so_far
from maestro.spec.model import Value
from maestro.spec.values import jsonable

__all__ = ["analyze_graph", "analyze_history", "analyze_study", "failures", "time_spent"]

FEW = 10
"""Tasks, and values, that are named, at most, where they are ranked."""

SHARE = 0.1
"""A bottleneck is a task that this part of all tasks, and more than one, goes through."""


def analyze_graph(
    graph: nx.DiGraph[str],
    slots: int | None = None,
    measured: Mapping[str, float] | None = None,
    running: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Any]:
    """What can be said of ``graph`` on ``slots``, as JSON can have it. Where durations are
    ``measured`` (seconds by task), times are seconds, and those of the other tasks estimated, some
    ``running`` for some seconds already; else each task counts 1.
    """
    seconds = estimate_durations(graph, measured, running) if measured else None
    profile = width_profile(graph)
    total, longest = work(graph, seconds), span(graph, seconds)
    return {
        "tasks": len(graph),
        "edges": graph.number_of_edges(),
        "depth": len(profile),
        "width": max(profile, default=0),
        "profile": profile,
        "steps": list(_steps(graph)),
        "unit": "seconds" if measured else "tasks",
        "measured": len(measured or {}),
        "work": total,
        "span": longest,
        "parallelism": total / longest if longest else None,
        "makespan": _makespan(graph, slots, seconds) if slots else None,
        "critical_path": [
            {"task": node, "duration": seconds[node] if seconds else 1}
            for node in critical_path(graph, seconds)
        ],
        "bottlenecks": list(_bottlenecks(graph)),
    }


def analyze_study(study: Study, now: float, slots: int | None = None) -> dict[str, Any]:
    """What `analyze_graph` says of the graph of ``study`` by its measured durations and, as
    ``run``, where the time until ``now`` went, None where nothing has been submitted. Without
    ``slots``, they are as many as there were attempts at the same time.

    Raises
    ------
    StudyError, SpecError
        Its store, or its graph, cannot be read.
    """
    return analyze_history(study.history(), now, slots)


def analyze_history(history: History, now: float, slots: int | None = None) -> dict[str, Any]:
    """What `analyze_study` says, of a study as ``history`` has it."""
    graph, rows, attempts = history.graph, history.tasks, history.attempts
    measured = durations(rows, attempts)
    run: dict[str, Any] | None = None
    if attempts:
        run = time_spent(attempts, now)
        slots = slots or run["peak"] or None
        run |= {
            "idle_slot_seconds": _idle(run, slots),
            "slowest": list(_slowest(attempts)),
            "slowest_values": _slowest_values(graph, measured),
            "failures": failures(graph, rows),
        }
    found = analyze_graph(graph, slots, measured, so_far(rows, attempts, now))
    states = Counter(State(row.state).shown for row in rows)
    return {**found, "states": states, "run": run}


def _makespan(
    graph: nx.DiGraph[str], slots: int, seconds: Mapping[str, float] | None
) -> dict[str, Any]:
    least, most = makespan_bounds(graph, slots, seconds)
    return {"slots": slots, "least": least, "most": most}


def _steps(graph: nx.DiGraph[str]) -> Iterator[dict[str, Any]]:
    steps = quotient(graph)
    for step, count in steps.nodes(data="tasks"):
        after = [
            {"step": parent, "edges": edge["edges"], "funnel": edge["funnel"]}
            for parent, _, edge in steps.in_edges(step, data=True)
        ]
        yield {"step": step, "tasks": count, "after": after}


def _bottlenecks(graph: nx.DiGraph[str]) -> Iterator[dict[str, Any]]:
    for node, others in list(bottlenecks(graph).items())[:FEW]:
        if others > 1 and others >= SHARE * len(graph):
            yield {"task": node, "others": others}


# ---- a run -------------------------------------------------------------------------------------


def time_spent(attempts: Sequence[AttemptRow], now: float) -> dict[str, Any]:
    """Where the time went: ``elapsed`` is that of a ``clock`` on the wall, while which at least one
    task was ``running``, or none was and some were ``queued``, or nothing was in flight; the
    seconds of ``attempts`` are sums over all of them, and over the ``lost`` ones, which have ended
    and did not finish. ``peak`` is how many ran at the same time, at most.
    """
    stays = [_stay(attempt, now) for attempt in attempts]
    clock, peak = _clock(stays)
    ran = [end - start for _, start, end in stays]
    lost = [a.ended is not None and a.state != State.FINISHED.value for a in attempts]
    first, last = min(s for s, _, _ in stays), max(e for _, _, e in stays)
    return {
        "first": first,
        "last": last,
        "elapsed": last - first,
        "clock": clock,
        "peak": peak,
        "attempts": {
            "count": len(attempts),
            "queue_seconds": sum(start - submitted for submitted, start, _ in stays),
            "run_seconds": sum(ran),
            "lost_count": sum(lost),
            "lost_seconds": sum(seconds for seconds, gone in zip(ran, lost, strict=True) if gone),
        },
    }


def _stay(attempt: AttemptRow, now: float) -> tuple[float, float, float]:
    """When an attempt was submitted, started and ended; what has not happened did at its end, or
    now.
    """
    end = max(attempt.submitted, now if attempt.ended is None else attempt.ended)
    start = end if attempt.started is None else attempt.started
    return attempt.submitted, min(max(start, attempt.submitted), end), end


def _clock(stays: Sequence[tuple[float, float, float]]) -> tuple[dict[str, float], int]:
    """Seconds of the clock that went into each of three, and how many attempts ran at the same
    time at most.
    """
    moments: list[tuple[float, int, int]] = []
    for submitted, start, end in stays:
        moments += [(submitted, 0, 1), (start, 1, 0), (end, -1, -1)]
    moments.sort()  # what ends at a moment has ended when another starts
    spent = {"running": 0.0, "queued": 0.0, "idle": 0.0}
    running = flying = peak = 0
    for (moment, runs, flies), (later, _, _) in pairwise(moments):
        running, flying = running + runs, flying + flies
        peak = max(peak, running)
        spent["running" if running else "queued" if flying else "idle"] += later - moment
    return spent, peak


def _idle(run: dict[str, Any], slots: int | None) -> float | None:
    """Seconds that ``slots`` stood idle, all together; None where more than those were in use."""
    if not slots or slots < run["peak"]:
        return None
    idle: float = slots * run["elapsed"] - run["attempts"]["run_seconds"]
    return max(0.0, idle)


def _slowest(attempts: Sequence[AttemptRow]) -> Iterator[dict[str, Any]]:
    """The attempts that ran longest, of those that have ended."""
    ended = [a for a in attempts if a.started is not None and a.ended is not None]
    for attempt in sorted(ended, key=run_time, reverse=True)[:FEW]:
        yield {"task": attempt.task, "seconds": run_time(attempt), "state": attempt.state}


def _slowest_values(graph: nx.DiGraph[str], measured: Mapping[str, float]) -> list[dict[str, Any]]:
    """The values whose tasks took longest in the mean, of those that have finished."""
    rows = [
        {**value, "tasks": len(nodes), "mean_seconds": fmean(measured[node] for node in nodes)}
        for value, nodes in _by_value(graph, (node for node in graph if node in measured))
    ]
    return sorted(rows, key=lambda row: -row["mean_seconds"])[:FEW]


def failures(graph: nx.DiGraph[str], rows: Sequence[TaskRow]) -> dict[str, Any]:
    """How many tasks failed, by step and by value, of all that ended: most first."""
    states = {row.name: State(row.state) for row in rows}
    failed = {node for node, state in states.items() if state in FAILED}
    ended = [node for node, s in states.items() if node in failed or s is State.FINISHED]
    by_step: dict[str, list[str]] = defaultdict(list)
    for node in ended:
        by_step[task_of(graph, node).step.name].append(node)

    def ranked(groups: Iterable[tuple[dict[str, Any], list[str]]]) -> list[dict[str, Any]]:
        counts = [
            {**key, "failed": sum(node in failed for node in nodes), "of": len(nodes)}
            for key, nodes in groups
        ]
        return sorted(
            (row for row in counts if row["failed"]), key=lambda row: (-row["failed"], row["of"])
        )

    return {
        "count": len(failed),
        "incomplete": sum(state is State.INCOMPLETE for state in states.values()),
        "by_step": ranked(({"step": step}, nodes) for step, nodes in by_step.items()),
        "by_value": ranked(_by_value(graph, ended)),
    }


def _by_value(
    graph: nx.DiGraph[str], nodes: Iterable[str]
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """``nodes`` by step, parameter and value, where they have several values."""
    groups: dict[tuple[str, str], dict[str, tuple[Value, list[str]]]] = defaultdict(dict)
    for node in nodes:
        task = task_of(graph, node)
        for name, value in task.combination.values.items():
            # By text: 1 and True are equal, nan and nan are not.
            groups[task.step.name, name].setdefault(repr(value), (value, []))[1].append(node)
    for (step, parameter), values in groups.items():
        if len(values) > 1:
            for value, those in values.values():
                yield {"step": step, "parameter": parameter, "value": jsonable(value)}, those
