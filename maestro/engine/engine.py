"""The policy: what has been observed of tasks goes in, what to do about it comes out.

The engine owns all states. Time is an argument, so that every run can be replayed; the cost of a
call is proportional to what changes, not to the size of the study.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import networkx as nx

from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.engine.states import ACTIVE, Event, Outcome, State, transition
from maestro.errors import IllegalTransition
from maestro.graph import tasks

__all__ = ["Change", "Demand", "Engine", "Policy", "Record", "Submit"]

BACKOFF = (0.1, 5.0)
"""Seconds to hold submissions after a refusal: first, and at most (it doubles in between)."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a task takes while it is in flight: a scheduler's job, or slots of this machine."""

    local: bool
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of a study; 0 means no limit for ``throttle`` and ``rlimit``.

    ``slots`` is what the machine offers to local tasks; ``throttles_local`` says whether they
    count as jobs in flight; ``attempts`` bounds how often a submission may be refused, and
    ``losses`` how often a job that never started is submitted again.
    """

    throttle: int = 0
    rlimit: int = 1
    attempts: int = 1
    slots: int = 1
    throttles_local: bool = True
    losses: int = 3


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit this attempt, by the task's restart script where ``restart`` says so."""

    attempt: AttemptId
    restart: bool
    local: bool


@dataclass(frozen=True, slots=True)
class Change:
    """An event happened to a task, which is in ``state`` since; ``detail`` is for people."""

    task: str
    event: Event
    state: State
    number: int
    restarts: int
    time: float
    observation: Observation | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a store remembers of a task that has left INITIALIZED."""

    task: str
    state: State
    number: int
    restarts: int


@dataclass(slots=True)
class _Progress:
    """Where a task stands. ``waiting`` counts the parents that have not finished; from the first
    restart on, every attempt is by the restart script.
    """

    waiting: int
    restartable: bool
    state: State = State.INITIALIZED
    number: int = 0
    restarts: int = 0
    refusals: int = 0
    losses: int = 0
    demand: Demand | None = None


class Engine:
    """Conducts one study graph by decisions alone.

    ``graph`` is a frozen study graph, ``demand`` tells what a task takes (asked once a task, when
    it becomes ready). Call `observe` with what is seen, `decide` for what to submit, `drain` for
    the changes to record.
    """

    def __init__(
        self, graph: nx.DiGraph[str], policy: Policy, demand: Callable[[str], Demand]
    ) -> None:
        self.graph = graph
        self.policy = policy
        self.cancelling = False
        self.counts: Counter[State] = Counter({State.INITIALIZED: len(graph)})
        self._demand = demand
        self._changes: list[Change] = []
        self._progress = {
            node: _Progress(graph.in_degree(node), bool(task.step.restart))
            for node, task in tasks(graph)
        }
        self._ready: dict[bool, deque[str]] = {True: deque(), False: deque()}
        self._flying: dict[bool, int] = {True: 0, False: 0}
        self._slots_used = 0
        self._hold = 0.0
        self._delay = 0.0
        for node, progress in self._progress.items():
            if not progress.waiting:
                self._enqueue(node, progress)

    # ---- what is known -------------------------------------------------------------------------

    def state(self, task: str) -> State:
        """The state of ``task``."""
        return self._progress[task].state

    def active(self) -> Iterator[AttemptId]:
        """The attempts in flight."""
        for task, progress in self._progress.items():
            if progress.state in ACTIVE:
                yield AttemptId(task, progress.number)

    @property
    def outcome(self) -> Outcome | None:
        """How the study ended, or None while anything can still happen."""
        if self._flying[True] or self._flying[False] or self._ready[True] or self._ready[False]:
            return None
        if self.counts[State.CANCELLED]:
            return Outcome.CANCELLED
        failed = (State.FAILED, State.TIMEDOUT, State.HWFAILURE, State.INCOMPLETE)
        return Outcome.FAILURE if any(self.counts[s] for s in failed) else Outcome.FINISHED

    def hold(self, now: float) -> float | None:
        """Seconds until submissions may go on after a refusal, or None."""
        return self._hold - now if self._hold > now else None

    def drain(self) -> list[Change]:
        """The changes since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    # ---- what happens --------------------------------------------------------------------------

    def restore(self, records: Iterable[Record], now: float) -> None:
        """Take up a study where a store left it. Call it once, before anything else."""
        ended: list[str] = []
        for record in records:
            progress = self._progress[record.task]
            self.counts[progress.state] -= 1
            self.counts[record.state] += 1
            progress.state = record.state
            progress.number, progress.restarts = record.number, record.restarts
            if record.state in ACTIVE:
                self._fly(record.task, progress)
            elif record.state is not State.INITIALIZED:
                ended.append(record.task)
            if record.state is State.FINISHED:
                for child in self.graph.successors(record.task):
                    self._progress[child].waiting -= 1
        self._ready = {True: deque(), False: deque()}
        for task, progress in self._progress.items():
            if progress.state is State.INITIALIZED and not progress.waiting:
                self._enqueue(task, progress)
        for task in ended:
            self._settle(task, self._progress[task], now)

    def adopt(self, attempt: AttemptId, now: float) -> None:
        """Take in an attempt that was submitted, and not recorded before the conductor died.
        Attempts that are known are left alone.
        """
        progress = self._progress[attempt.task]
        if attempt.number <= progress.number:
            return
        demand = progress.demand
        if demand is None or attempt.task not in self._ready[demand.local]:
            raise IllegalTransition(f"{attempt} was submitted before its time")
        self._ready[demand.local].remove(attempt.task)
        progress.number = attempt.number
        self._step(attempt.task, progress, Event.SUBMIT, now)
        self._fly(attempt.task, progress)

    def observe(self, seen: Observation, now: float) -> None:
        """Take in one observation. What is seen of an earlier attempt, or of a task that has
        ended, changes nothing.
        """
        task, number = seen.attempt
        progress = self._progress[task]
        if number != progress.number or progress.state not in ACTIVE:
            return
        match seen.seen:
            case Seen.ACCEPTED:
                if progress.state is not State.PENDING:
                    self._step(task, progress, Event.ACCEPT, now, seen)
            case Seen.STARTED:
                self._delay = 0.0
                if progress.state is not State.RUNNING:
                    self._step(task, progress, Event.START, now, seen)
            case Seen.REFUSED:
                self._refused(task, progress, seen, now)
            case Seen.NEVER_STARTED:
                progress.losses += 1
                allowed = progress.losses <= self.policy.losses
                self._withdraw(task, progress, seen, now, again=allowed)
            case _:
                self._end(task, progress, _ENDS[seen.seen], now, seen)

    def cancel(self, now: float) -> list[AttemptId]:
        """Cancel the study: nothing more is submitted, and what waits is CANCELLED.

        Returns the attempts in flight, which must be ended.
        """
        self.cancelling = True
        for queue in self._ready.values():
            for task in queue:  # waiting for another attempt
                progress = self._progress[task]
                if progress.state is not State.INITIALIZED:
                    self._step(task, progress, Event.CANCEL, now)
            queue.clear()
        for task, progress in self._progress.items():
            if progress.state is State.INITIALIZED:
                self._step(task, progress, Event.CANCEL, now)
        return list(self.active())

    def rehearse(self, now: float) -> None:
        """Mark every task DRYRUN: written, and not to be run."""
        for task, progress in self._progress.items():
            self._step(task, progress, Event.REHEARSE, now)
        self._ready = {True: deque(), False: deque()}

    def decide(self, now: float) -> list[Submit]:
        """What to submit now: tasks in the order in which they became ready, within the limits."""
        if self.cancelling or now < self._hold:
            return []
        submissions = []
        for local in (True, False):
            queue = self._ready[local]
            while queue and self._fits(self._progress[queue[0]]):
                task = queue.popleft()
                progress = self._progress[task]
                progress.number += 1
                self._step(task, progress, Event.SUBMIT, now)
                self._fly(task, progress)
                attempt = AttemptId(task, progress.number)
                submissions.append(Submit(attempt, progress.restarts > 0, local))
        return submissions

    # ---- how -----------------------------------------------------------------------------------

    def _step(
        self,
        task: str,
        progress: _Progress,
        event: Event,
        now: float,
        seen: Observation | None = None,
        detail: str = "",
    ) -> None:
        state = transition(progress.state, event)
        self.counts[progress.state] -= 1
        self.counts[state] += 1
        progress.state = state
        self._changes.append(
            Change(task, event, state, progress.number, progress.restarts, now, seen, detail)
        )

    def _enqueue(self, task: str, progress: _Progress) -> None:
        if progress.demand is None:
            progress.demand = self._demand(task)
        self._ready[progress.demand.local].append(task)

    def _fits(self, progress: _Progress) -> bool:
        policy, demand = self.policy, progress.demand
        assert demand is not None
        if policy.throttle and (policy.throttles_local or not demand.local):
            flying = self._flying[False] + (self._flying[True] if policy.throttles_local else 0)
            if flying >= policy.throttle:
                return False
        return not demand.local or self._slots_used + self._slots(demand) <= policy.slots

    def _slots(self, demand: Demand) -> int:
        """A task larger than the machine takes all of it, and so runs alone."""
        return min(demand.slots, self.policy.slots)

    def _fly(self, task: str, progress: _Progress) -> None:
        if progress.demand is None:
            progress.demand = self._demand(task)
        self._flying[progress.demand.local] += 1
        if progress.demand.local:
            self._slots_used += self._slots(progress.demand)

    def _land(self, progress: _Progress) -> None:
        assert progress.demand is not None
        self._flying[progress.demand.local] -= 1
        if progress.demand.local:
            self._slots_used -= self._slots(progress.demand)

    def _refused(self, task: str, progress: _Progress, seen: Observation, now: float) -> None:
        first, most = BACKOFF
        self._delay = min(max(2 * self._delay, first), most)
        self._hold = now + self._delay
        if not seen.transient:
            progress.refusals += 1
        again = seen.transient or progress.refusals < self.policy.attempts
        self._withdraw(task, progress, seen, now, again=again)

    def _withdraw(
        self, task: str, progress: _Progress, seen: Observation, now: float, *, again: bool
    ) -> None:
        """An attempt that did not take place: another follows, or the task ends."""
        if self.cancelling:
            self._end(task, progress, Event.CANCEL, now, seen)
        elif not again:
            self._end(task, progress, Event.FAIL, now, seen)
        else:
            self._land(progress)
            self._step(task, progress, Event.WITHDRAW, now, seen)
            self._enqueue(task, progress)

    def _end(
        self, task: str, progress: _Progress, event: Event, now: float, seen: Observation
    ) -> None:
        self._land(progress)
        self._step(task, progress, event, now, seen)
        if progress.state is State.FINISHED:
            for child in self.graph.successors(task):
                below = self._progress[child]
                below.waiting -= 1
                if not below.waiting and below.state is State.INITIALIZED:
                    self._enqueue(child, below)
        else:
            self._settle(task, progress, now)

    def _settle(self, task: str, progress: _Progress, now: float) -> None:
        """A task stopped short of FINISHED: it gets another attempt, or takes others along."""
        if progress.state is State.TIMEDOUT and self._may_restart(progress):
            progress.restarts += 1
            self._enqueue(task, progress)
        elif progress.state is State.CANCELLED:
            self._spread(task, Event.CANCEL, now)
        elif progress.state is not State.FINISHED:
            self._spread(task, Event.BLOCK, now)

    def _may_restart(self, progress: _Progress) -> bool:
        limit = self.policy.rlimit
        return (
            progress.restartable
            and not self.cancelling
            and (limit == 0 or progress.restarts < limit)
        )

    def _spread(self, origin: str, event: Event, now: float) -> None:
        """All that waits below ``origin`` can never run."""
        detail = f"{origin} is {self._progress[origin].state.value}"
        below = deque(self.graph.successors(origin))
        while below:
            task = below.popleft()
            progress = self._progress[task]
            if progress.state is State.INITIALIZED:
                self._step(task, progress, event, now, detail=detail)
                below.extend(self.graph.successors(task))


_ENDS = {
    Seen.FINISHED: Event.FINISH,
    Seen.FAILED: Event.FAIL,
    Seen.TIMED_OUT: Event.TIME_OUT,
    Seen.CANCELLED: Event.CANCEL,
    Seen.LOST: Event.BREAK,
}
