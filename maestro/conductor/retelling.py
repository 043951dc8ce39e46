"""The history of a study's tasks, told again from what is left of their attempts.

Every task goes through the engine by itself, so that what is told can have happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import networkx as nx

from maestro.engine import (
    ACTIVE,
    AttemptId,
    Change,
    Demand,
    Engine,
    Observation,
    Policy,
    Record,
    Seen,
    State,
)
from maestro.graph import task_of

__all__ = ["Glance", "Past", "records", "retell"]

_ENDS = {
    State.FINISHED.value: Seen.FINISHED,
    State.FAILED.value: Seen.FAILED,
    State.TIMEDOUT.value: Seen.TIMED_OUT,
    State.HWFAILURE.value: Seen.LOST,
    State.CANCELLED.value: Seen.CANCELLED,
}
"""States of tasks that have ended, and what was seen of their last attempt then."""

_OPEN = (Seen.ACCEPTED, Seen.STARTED)
_FLYING = (State.PENDING.value, State.RUNNING.value, State.UNKNOWN.value)

_OUTRANKING = frozenset({Seen.TIMED_OUT, Seen.LOST, Seen.CANCELLED})
"""Ends of which an exit code tells nothing."""

_SOURCE = "as status.csv had it"

_UNTIRING = Policy(rlimit=0, losses=1_000_000)
"""Of an attempt that another followed: whatever has become of it allowed for that."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A task as people last saw it; times in seconds since the epoch."""

    state: str
    job: str | None = None
    submitted: float | None = None
    ended: float | None = None

    @property
    def flies(self) -> bool:
        """Whether an attempt was in flight."""
        return self.state in _FLYING


@dataclass(frozen=True, slots=True)
class Past:
    """What is left of a task: what was seen of each of its ``attempts``, by number, how many it had
    had when it was to run again (``kept``), and how it last looked.
    """

    kept: int = 0
    attempts: Mapping[int, Sequence[Observation]] = field(default_factory=dict)
    glance: Glance | None = None
    local: bool = True


def retell(
    graph: nx.DiGraph[str], policy: Policy, pasts: Mapping[str, Past], begin: float
) -> list[Change]:
    """What has happened to the tasks of ``graph`` since ``begin``, in order."""
    changes: list[Change] = []
    for node, past in pasts.items():
        life = _Life(graph, node, policy, begin)
        life.tell(past)
        changes += life.engine.drain()
    changes.sort(key=lambda change: change.time)
    return changes


def records(changes: Iterable[Change]) -> list[Record]:
    """How the tasks stand after ``changes``."""
    latest = {change.task: change for change in changes}
    return [
        Record(c.task, c.state, c.number, c.restarts, c.refusals, c.losses) for c in latest.values()
    ]


class _Life:
    """One task's, from ``begin``."""

    def __init__(self, graph: nx.DiGraph[str], node: str, policy: Policy, begin: float) -> None:
        alone: nx.DiGraph[str] = nx.DiGraph()
        alone.add_node(node, **graph.nodes[node])
        self.engine = Engine(nx.freeze(alone), policy, lambda _: Demand(local=True))
        self._node = node
        self._policy = policy
        self._restartable = bool(task_of(graph, node).step.restart)
        self._now = begin
        self._number = 0

    def tell(self, past: Past) -> None:
        """Go through it."""
        for number, seen in sorted(past.attempts.items()):
            if number < past.kept:
                self._attempt(number, seen, followed=True)
            elif number == past.kept:
                self._attempt(number, seen, final=True)
        if past.kept:
            self._run_again(past.kept)
        now, glance = _now(self._node, past)
        state = "" if glance is None else glance.state
        if glance is not None:
            self._now = max(self._now, glance.submitted or 0.0)
        for number, seen in sorted(now.items()):  # who waits has done with its last one
            followed = number < max(now) or state == State.INITIALIZED.value
            self._attempt(number, seen, followed=followed)
        if not now and state == State.CANCELLED.value:
            self.engine.cancel(self._now)

    def _attempt(
        self,
        number: int,
        seen: Sequence[Observation],
        *,
        followed: bool = False,
        final: bool = False,
    ) -> None:
        """One attempt, which another ``followed``, or that was ``final``, until people wanted more:
        both have ended, whatever was seen of that.
        """
        attempt = AttemptId(self._node, number)
        if self.engine.state(self._node) is not State.INITIALIZED:
            self.engine.rerun({self._node: "another attempt followed"}, self._now)
        self.engine.policy = _UNTIRING if followed else self._policy
        self.engine.cancelling = final  # then nothing follows by itself
        self._now = max(self._now, seen[0].time if seen else 0.0)
        self.engine.adopt(attempt, self._now)
        for observation in seen:
            self._now = max(self._now, observation.time)
            self.engine.observe(observation, self._now)
        if (followed or final) and self.engine.state(self._node) in ACTIVE:
            self.engine.observe(self._end(attempt, seen, final), self._now)
        self.engine.cancelling = False
        self._number = number

    def _end(self, attempt: AttemptId, seen: Sequence[Observation], final: bool) -> Observation:
        """How an attempt must have ended of which that is not known."""
        end = Seen.TIMED_OUT if self._restartable else Seen.NODE_LOST
        if final:
            end = Seen.LOST
        elif not any(one.seen is Seen.STARTED for one in seen):
            end = Seen.NEVER_STARTED
        detail = "how it ended is not known any more"
        return Observation(attempt, end, self._now, transient=True, detail=detail)

    def _run_again(self, kept: int) -> None:
        """People had the task run again after ``kept`` attempts."""
        if self._number < kept:
            self._attempt(kept, (), final=True)
        self.engine.rerun({self._node: "it was run again"}, self._now)


def _now(node: str, past: Past) -> tuple[dict[int, list[Observation]], Glance | None]:
    """The attempts since the task was last run again, with what its look adds to them; and that
    look, where it is not of earlier times.
    """
    attempts = {n: list(seen) for n, seen in past.attempts.items() if n > past.kept}
    glance = past.glance
    number = None if glance is None else _shown(glance, past, max(attempts, default=past.kept))
    if glance is None or number is None:
        return attempts, None
    if number > past.kept:
        attempt = AttemptId(node, number)
        attempts[number] = _completed(attempt, attempts.get(number, []), glance, local=past.local)
    return attempts, glance


def _shown(glance: Glance, past: Past, latest: int) -> int | None:
    """The attempt that ``glance`` shows: ``latest``, or one after that of which nothing else is
    left; None for an earlier one.
    """
    seen = past.attempts.get(latest, ()) if latest > past.kept else ()
    known = {job: number for number, s in past.attempts.items() if (job := _job(s)) is not None}
    if glance.job in known:
        return latest if known[glance.job] == latest > past.kept else None
    ended, flies = glance.state in _ENDS, glance.flies
    if latest == past.kept:
        unsent = glance.job is None and (not ended or glance.state == State.CANCELLED.value)
        return latest + 1 if (ended or flies) and not unsent else latest
    if _job(seen) is not None:
        return None
    if seen and seen[-1].seen is Seen.NEVER_STARTED and flies:
        return latest + 1 if glance.job is not None else None
    return latest


def _completed(
    attempt: AttemptId, seen: list[Observation], glance: Glance, *, local: bool
) -> list[Observation]:
    """``seen``, and what ``glance`` tells beyond it."""
    at = max([one.time for one in seen], default=glance.submitted or 0.0)
    end = _ENDS.get(glance.state)
    decided = bool(seen) and seen[-1].seen not in (*_OPEN, Seen.NEVER_STARTED)
    if end is not None and (not decided or end in _OUTRANKING):
        before = [one for one in seen if one.seen in _OPEN]
        time = at if glance.ended is None else glance.ended
        return [*before, Observation(attempt, end, time, job=glance.job, detail=_SOURCE)]
    if seen or end is not None or glance.job is None:
        return seen
    runs = glance.state == State.RUNNING.value
    if local:  # what runs is in a ledger: that has been lost, and it may run
        return [Observation(attempt, Seen.LOST, at, job=glance.job, detail=_SOURCE)]
    return [Observation(attempt, Seen.STARTED if runs else Seen.ACCEPTED, at, job=glance.job)]


def _job(seen: Sequence[Observation]) -> str | None:
    """The job of an attempt, as far as that is known."""
    return next((one.job for one in reversed(seen) if one.job is not None), None)
