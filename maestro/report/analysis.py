"""What there is to know of a study graph, and of a run of it, as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
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
from maestro.report.study import Study
from maestro.report.table import durations, run_time, so_far
from maestro.spec.model import Value
from maestro.spec.values import jsonable

__all__ = ["analyze_graph", "analyze_study", "time_spent"]

FEW = 10
"""Tasks that are named, at most, where they are ranked."""

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
    bounds = makespan_bounds(graph, slots, seconds) if slots else (None, None)
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
        "slots": slots,
        "least": bounds[0],
        "most": bounds[1],
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
    history = study.history()
    graph, rows, attempts = history.graph, history.tasks, history.attempts
    run: dict[str, Any] | None = None
    if attempts:
        run = time_spent(attempts, now)
        slots = slots or run["most"] or None
        run |= {
            "slots": slots,
            "slot_idle": max(0.0, (slots or 0) * run["elapsed"] - run["run"]),
            "slowest": list(_slowest(attempts)),
            **_failures(graph, rows),
        }
    found = analyze_graph(
        graph, slots, durations(rows, attempts), so_far(rows, attempts, now)
    )
    states = Counter(State(row.state).shown for row in rows)
    return {**found, "states": states, "run": run}


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
    """Where the time went: ``elapsed`` is that of a clock on the wall, of which at least one task
    was ``running``, or none while some were ``queued``, or nothing was in flight; ``queue`` and
    ``run`` are sums over all attempts, ``unfinished`` over those that did not finish.
    """
    stays = [_stay(attempt, now) for attempt in attempts]
    wall, most = _wall(stays)
    ran = [end - start for _, start, end in stays]
    lost = [a.ended is not None and a.state != State.FINISHED.value for a in attempts]
    first, last = min(s for s, _, _ in stays), max(e for _, _, e in stays)
    return {
        "first": first,
        "last": last,
        "elapsed": last - first,
        **wall,
        "most": most,
        "attempts": len(attempts),
        "queue": sum(start - submitted for submitted, start, _ in stays),
        "run": sum(ran),
        "unfinished_attempts": sum(lost),
        "unfinished": sum(seconds for seconds, gone in zip(ran, lost, strict=True) if gone),
    }


def _stay(attempt: AttemptRow, now: float) -> tuple[float, float, float]:
    """When an attempt was submitted, started and ended; what has not happened did at its end, or
    now.
    """
    end = max(attempt.submitted, now if attempt.ended is None else attempt.ended)
    start = end if attempt.started is None else attempt.started
    return attempt.submitted, min(max(start, attempt.submitted), end), end


def _wall(stays: Sequence[tuple[float, float, float]]) -> tuple[dict[str, float], int]:
    """Seconds of the clock that went into each of three, and how many attempts ran at the same
    time at most.
    """
    moments: list[tuple[float, int, int]] = []
    for submitted, start, end in stays:
        moments += [(submitted, 0, 1), (start, 1, 0), (end, -1, -1)]
    moments.sort()  # what ends at a moment has ended when another starts
    spent = {"running": 0.0, "queued": 0.0, "idle": 0.0}
    running = flying = most = 0
    for (moment, runs, flies), (later, _, _) in pairwise(moments):
        running, flying = running + runs, flying + flies
        most = max(most, running)
        spent["running" if running else "queued" if flying else "idle"] += later - moment
    return spent, most


def _slowest(attempts: Sequence[AttemptRow]) -> Iterator[dict[str, Any]]:
    """The attempts that ran longest, of those that have ended."""
    ended = [a for a in attempts if a.started is not None and a.ended is not None]
    for attempt in sorted(ended, key=run_time, reverse=True)[:FEW]:
        yield {"task": attempt.task, "seconds": run_time(attempt), "state": attempt.state}


def _failures(graph: nx.DiGraph[str], rows: Sequence[TaskRow]) -> dict[str, Any]:
    """How many tasks failed, and by value of each parameter that has several: most first."""
    states = {row.name: State(row.state) for row in rows if row.name in graph}
    failed: Counter[tuple[str, str]] = Counter()
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    values: dict[str, Value] = {}
    for node, state in states.items():
        if state not in FAILED and state is not State.FINISHED:
            continue
        for name, value in task_of(graph, node).combination.values.items():
            text = repr(value)  # 1 and True are equal, nan and nan are not
            values[text] = value
            ended[name][text] += 1
            failed[name, text] += state in FAILED
    by_value: list[dict[str, Any]] = [
        {
            "parameter": name,
            "value": jsonable(values[text]),
            "failed": count,
            "of": ended[name][text],
        }
        for (name, text), count in failed.items()
        if count and len(ended[name]) > 1
    ]
    by_value.sort(key=lambda row: (-row["failed"], row["of"]))
    return {
        "failed": sum(state in FAILED for state in states.values()),
        "incomplete": sum(state is State.INCOMPLETE for state in states.values()),
        "failed_by_value": by_value,
    }
