"""The policy: what has been observed of tasks goes in, what to do about it comes out.

The engine owns all states. Time is an argument, so that every run can be replayed; the cost of a
call is proportional to what changes, not to the size of the study.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.engine.states import ACTIVE, FAILED, Event, Outcome, State, transition
from maestro.engine.values import Change, Demand, Policy, Record, Submit
from maestro.errors import IllegalTransition
from maestro.graph import tasks

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Engine"]

_NONE: Mapping[str, str] = MappingProxyType({})

FIRST = 0.1
BACKOFF = {True: 5.0, False: 60.0}
"""Seconds to hold submissions after a refusal at most, by whether they are local: `FIRST`, and
twice as long after each that follows.
"""


@dataclass(slots=True)
class _Progress:
    """Where a task stands, and what is remembered of its attempts (see `Record`).

    ``waiting`` counts the parents that have not finished; ``demand`` is known from when the task
    first is ready. From the first restart on, every attempt is by the restart script.
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
    the changes to record. ``policy`` may be replaced at any time.
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
            node: _Progress(parents, bool(task.step.restart))
            for (node, task), (_, parents) in zip(tasks(graph), graph.in_degree, strict=True)
        }
        # Each by whether the task is local. Ready: INITIALIZED, and all parents have finished.
        self._ready: dict[bool, deque[str]] = {True: deque(), False: deque()}
        self._flying = {True: 0, False: 0}
        self._submitting = 0  # of those that are not local
        self.ahead = 0
        """Slots' worth of local tasks that may be submitted beyond those that there are, in the
        order in which they will run: whoever runs them has them wait."""
        self._slots_used = 0
        self._hold = {True: 0.0, False: 0.0}
        self._delay = {True: 0.0, False: 0.0}  # 0: the last answer was no refusal
        self._line_up()

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
        if any(self._flying.values()) or any(self._ready.values()):
            return None
        if self.counts[State.CANCELLED]:
            return Outcome.CANCELLED
        failed = any(self.counts[state] for state in FAILED | {State.INCOMPLETE})
        return Outcome.FAILURE if failed else Outcome.FINISHED

    def hold(self, now: float) -> float | None:
        """Seconds until some submissions may go on after a refusal, or None."""
        waits = [wait for local in BACKOFF if (wait := self.held(now, local=local)) is not None]
        return min(waits, default=None)

    def held(self, now: float, *, local: bool) -> float | None:
        """Seconds until those of one kind may go on: a scheduler holds up no local tasks."""
        wait = self._hold[local] - now
        # A longer wait was never meant: the clock has been set back.
        return wait if 0 < wait < 2 * BACKOFF[local] else None

    @property
    def undrained(self) -> Sequence[Change]:
        """The changes that the next `drain` will return."""
        return tuple(self._changes)

    def drain(self) -> list[Change]:
        """The changes since the last call, in order. They belong together: a store records all
        of them or none.
        """
        changes, self._changes = self._changes, []
        return changes

    # ---- what happens --------------------------------------------------------------------------

    def restore(
        self, records: Iterable[Record], now: float, again: Mapping[str, str] = _NONE
    ) -> None:
        """Take up a study where a store left it, but for the tasks that run ``again`` (as for
        `rerun`): nothing is blocked by how they had ended. Call it once, before anything else.

        That a study is being cancelled is no record: call `cancel` again.
        """
        for record in records:
            progress = self._progress[record.task]
            self.counts[progress.state] -= 1
            self.counts[record.state] += 1
            progress.state = record.state
            progress.number, progress.restarts = record.number, record.restarts
            progress.refusals, progress.losses = record.refusals, record.losses
            if record.state in ACTIVE:
                self._fly(record.task, progress)
                self._submitting += self._waits_for_answer(progress)
            elif record.state is State.FINISHED:
                for child in self.graph.successors(record.task):
                    self._progress[child].waiting -= 1
        self.rerun(again, now)

    def rerun(self, reasons: Mapping[str, str], now: float) -> None:
        """Run tasks that have ended again, each for the reason that people are told. Their attempts
        are counted on, and all limits begin anew.

        Raises
        ------
        IllegalTransition
            One of them has not ended.
        """
        for task, reason in reasons.items():
            progress = self._progress[task]
            if progress.state is State.FINISHED:
                for child in self.graph.successors(task):
                    self._progress[child].waiting += 1
            progress.restarts = progress.refusals = progress.losses = 0
            self._step(task, progress, Event.RERUN, now, detail=reason)
        self._settle(now)

    def adopt(self, attempt: AttemptId, now: float) -> None:
        """Take in an attempt that was submitted, and not recorded before the conductor died.
        Attempts that are known are left alone.

        Raises
        ------
        IllegalTransition
            The task cannot have been submitted by then.
        """
        task, number = attempt
        progress = self._progress[task]
        if number <= progress.number:
            return
        if progress.state in ACTIVE:  # unknown to the store, this attempt followed that one
            self._withdraw(task, progress, now)
        if progress.demand is None or task not in self._ready[progress.demand.local]:
            raise IllegalTransition(f"attempt {number} of {task} came before its time")
        self._ready[progress.demand.local].remove(task)
        self._submit(task, progress, number, now)

    def observe(self, seen: Observation, now: float) -> None:
        """Take in one observation. What is seen of an earlier attempt, or of a task that has
        ended, changes nothing; nor does what is known already.
        """
        task, number = seen.attempt
        progress = self._progress[task]
        if number != progress.number or progress.state not in ACTIVE:
            return
        if seen.seen in _NEWS:
            event, state = _NEWS[seen.seen]
            if progress.state is not state or (event is Event.ACCEPT and seen.detail):
                if progress.state is State.SUBMITTING and event is not Event.VANISH:
                    self._delay[self._demand_of(task, progress).local] = 0.0
                self._step(task, progress, event, now, seen)
        elif seen.seen is Seen.REFUSED:
            if progress.state is not State.RUNNING:
                self._refused(task, progress, now, seen)
        elif seen.seen is Seen.NEVER_STARTED:
            if not seen.transient:
                progress.losses += 1
            again = progress.losses <= self.policy.losses
            self._spoil(task, progress, now, seen, again=again)
        else:
            self._end(task, progress, _ENDS[seen.seen], now, seen)

    def cancel(self, now: float) -> list[AttemptId]:
        """Cancel the study: nothing more is submitted, and what waits is CANCELLED.

        Returns the attempts in flight, which must be ended.
        """
        self.cancelling = True
        self._dismiss(Event.CANCEL, now)
        return list(self.active())

    def rehearse(self, now: float) -> None:
        """Mark every task DRYRUN: written, and not to be run."""
        self._dismiss(Event.REHEARSE, now)

    def decide(self, now: float) -> list[Submit]:
        """What to submit now: tasks in the order in which they became ready, within the limits."""
        submissions = []
        for local, queue in self._ready.items():
            if self.held(now, local=local) is not None:
                continue
            while queue and self._fits(self._progress[queue[0]].demand):
                task = queue.popleft()
                progress = self._progress[task]
                self._submit(task, progress, progress.number + 1, now)
                attempt = AttemptId(task, progress.number)
                slots = self._demand_of(task, progress).slots
                submissions.append(Submit(attempt, progress.restarts > 0, local, slots))
        return submissions

    # ---- how: waiting --------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Line up what can run, and block what never can."""
        self._line_up()
        for task in self._progress:
            self._spread(task, now)

    def _line_up(self) -> None:
        """Put every task that is ready into its queue, in the order of the graph."""
        for queue in self._ready.values():
            queue.clear()
        for task, progress in self._progress.items():
            if progress.state is State.INITIALIZED and not progress.waiting:
                self._enqueue(task, progress)

    def _enqueue(self, task: str, progress: _Progress) -> None:
        self._ready[self._demand_of(task, progress).local].append(task)

    def _demand_of(self, task: str, progress: _Progress) -> Demand:
        if progress.demand is None:
            progress.demand = self._demand(task)
        return progress.demand

    def _dismiss(self, event: Event, now: float) -> None:
        """``event`` happens to every task that is not in flight and has not ended."""
        for queue in self._ready.values():
            queue.clear()
        for task, progress in self._progress.items():
            if progress.state is State.INITIALIZED:
                self._step(task, progress, event, now)

    def _fits(self, demand: Demand | None) -> bool:
        """Whether the limits leave room for one more ``demand``."""
        assert demand is not None
        policy = self.policy
        if policy.throttle and (policy.throttles_local or not demand.local):
            flying = self._flying[False] + (self._flying[True] if policy.throttles_local else 0)
            if flying >= policy.throttle:
                return False
        if not demand.local:
            window = 1 if self._delay[False] else policy.window  # one tells whether it refuses yet
            return not window or self._submitting < window
        if not self._slots_used:  # alone, a task may be larger than the machine
            return True
        return self._slots_used + demand.slots <= policy.slots + self.ahead

    # ---- how: in flight ------------------------------------------------------------------------

    def _submit(self, task: str, progress: _Progress, number: int, now: float) -> None:
        progress.number = number
        self._step(task, progress, Event.SUBMIT, now)
        self._fly(task, progress)

    def _fly(self, task: str, progress: _Progress) -> None:
        demand = self._demand_of(task, progress)
        self._flying[demand.local] += 1
        self._slots_used += demand.slots if demand.local else 0

    def _waits_for_answer(self, progress: _Progress) -> bool:
        """Whether it is being submitted to a scheduler."""
        demand = progress.demand
        return progress.state is State.SUBMITTING and demand is not None and not demand.local

    def _land(self, progress: _Progress) -> None:
        demand = progress.demand
        assert demand is not None
        self._flying[demand.local] -= 1
        self._slots_used -= demand.slots if demand.local else 0

    def _refused(self, task: str, progress: _Progress, now: float, seen: Observation) -> None:
        if not seen.transient:
            progress.refusals += 1
        again = seen.transient or progress.refusals < self.policy.attempts
        local = self._demand_of(task, progress).local
        if again and self.held(now, local=local) is None:
            # A hundred refusals at once tell no more than one.
            self._delay[local] = min(max(2 * self._delay[local], FIRST), BACKOFF[local])
            self._hold[local] = now + self._delay[local]
        self._spoil(task, progress, now, seen, again=again)

    def _spoil(
        self, task: str, progress: _Progress, now: float, seen: Observation, *, again: bool
    ) -> None:
        """The attempt did not take place: another follows, or the task ends."""
        if self.cancelling:
            self._end(task, progress, Event.CANCEL, now, seen)
        elif again:
            self._withdraw(task, progress, now, seen)
        else:
            self._end(task, progress, Event.FAIL, now, seen)

    def _withdraw(
        self, task: str, progress: _Progress, now: float, seen: Observation | None = None
    ) -> None:
        self._land(progress)
        self._step(task, progress, Event.WITHDRAW, now, seen)
        self._enqueue(task, progress)

    # ---- how: ended ----------------------------------------------------------------------------

    def _end(
        self, task: str, progress: _Progress, event: Event, now: float, seen: Observation
    ) -> None:
        """The attempt has ended: another follows, or others may run, or never can."""
        self._land(progress)
        self._step(task, progress, event, now, seen)
        if progress.state is State.FINISHED:
            for child in self.graph.successors(task):
                below = self._progress[child]
                below.waiting -= 1
                if not below.waiting and below.state is State.INITIALIZED:
                    self._enqueue(child, below)
        elif self._may_retry(progress, seen.seen):
            if seen.seen is Seen.TIMED_OUT:
                progress.restarts += 1
                progress.refusals = 0
            else:
                progress.losses += 1
            self._step(task, progress, Event.RETRY, now, detail="waits for another attempt")
            self._enqueue(task, progress)
        else:
            self._spread(task, now)

    def _may_retry(self, progress: _Progress, seen: Seen) -> bool:
        """Whether another attempt follows one that ended in ``seen``."""
        if self.cancelling:
            return False
        if seen is Seen.TIMED_OUT:
            limit = self.policy.rlimit
            return progress.restartable and (not limit or progress.restarts < limit)
        return seen is Seen.NODE_LOST and progress.losses < self.policy.losses

    def _spread(self, origin: str, now: float) -> None:
        """All that waits below ``origin`` can never run, if that ended short of FINISHED."""
        state = self._progress[origin].state
        if state not in _SPREADS:
            return
        detail = f"{origin} is {state.value}"
        below = deque(self.graph.successors(origin))
        while below:
            task = below.popleft()
            progress = self._progress[task]
            if progress.state is State.INITIALIZED:
                self._step(task, progress, _SPREADS[state], now, detail=detail)
                below.extend(self.graph.successors(task))

    def _step(
        self,
        task: str,
        progress: _Progress,
        event: Event,
        now: float,
        seen: Observation | None = None,
        detail: str = "",
    ) -> None:
        """The one place where a state changes."""
        state = transition(progress.state, event)
        self.counts[progress.state] -= 1
        self.counts[state] += 1
        self._submitting -= self._waits_for_answer(progress)
        progress.state = state
        self._submitting += self._waits_for_answer(progress)
        change = Change(
            task,
            event,
            state,
            progress.number,
            progress.restarts,
            now,
            seen,
            detail,
            progress.refusals,
            progress.losses,
        )
        self._changes.append(change)


_NEWS = {
    Seen.ACCEPTED: (Event.ACCEPT, State.PENDING),
    Seen.STARTED: (Event.START, State.RUNNING),
    Seen.MISSING: (Event.VANISH, State.UNKNOWN),
}
"""What is seen of an attempt in flight, and the state that it is news in any other than."""

_ENDS = {
    Seen.FINISHED: Event.FINISH,
    Seen.FAILED: Event.FAIL,
    Seen.TIMED_OUT: Event.TIME_OUT,
    Seen.CANCELLED: Event.CANCEL,
    Seen.LOST: Event.BREAK,
    Seen.NODE_LOST: Event.BREAK,
}

_SPREADS = {
    **dict.fromkeys(FAILED | {State.INCOMPLETE}, Event.BLOCK),
    State.CANCELLED: Event.CANCEL,
}
"""What happens to a task that waits for one in that state."""
