"""Anything may be seen at any time, and the engine stays at one with itself."""

from __future__ import annotations

import itertools
from dataclasses import replace

import networkx as nx
from engine_helpers import (
    FAILING,
    FINAL,
    check,
    check_busy,
    check_limits,
    dags,
    graph_of,
    memory,
    records_of,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from maestro.engine import (
    TABLE,
    AttemptId,
    Change,
    Demand,
    Engine,
    Event,
    Observation,
    Outcome,
    Policy,
    Seen,
    State,
    again,
)

policies = st.builds(
    Policy,
    throttle=st.integers(0, 3),
    rlimit=st.integers(0, 2),
    attempts=st.integers(1, 3),
    slots=st.integers(1, 4),
    throttles_local=st.booleans(),
    losses=st.integers(0, 2),
)
demands = st.builds(Demand, local=st.booleans(), slots=st.integers(1, 6))


class Conducting(RuleBasedStateMachine):
    """An engine, a store that remembers its changes, and a world without manners."""

    @initialize(parents=dags(), policy=policies, data=st.data())
    def begin(self, parents: dict[str, list[str]], policy: Policy, data: st.DataObject) -> None:
        restartable = data.draw(st.sets(st.sampled_from(sorted(parents))), label="restartable")
        self.graph = graph_of(parents, restartable)
        self.demands = {name: data.draw(demands, label=name) for name in parents}
        self.engine = Engine(self.graph, policy, self.demand)
        self.asked: set[str] = set()
        self.changes: list[Change] = []
        self.submitted: set[AttemptId] = set()
        self.rlimits = [policy.rlimit]
        self.now = 1e9

    def demand(self, task: str) -> Demand:
        return self.demands[task]

    # ---- what may happen -----------------------------------------------------------------------

    @rule(later=st.sampled_from([0.0, 0.05, 9.0, 99.0]))
    def decide(self, later: float) -> None:
        self.now += later
        held = {local: self.engine.held(self.now, local=local) for local in (True, False)}
        submissions = self.engine.decide(self.now)
        assert not (submissions and self.engine.cancelling)
        assert not any(held[submission.local] for submission in submissions)
        if submissions:
            check_limits(self.engine)
        check_busy(self.engine, held)
        for submission in submissions:
            task = submission.attempt.task
            assert submission.attempt not in self.submitted
            assert submission.local == self.demands[task].local
            assert submission.restart == (self.engine._progress[task].restarts > 0)
            assert all(
                self.engine.state(above) is State.FINISHED
                for above in self.graph.predecessors(task)
            )
            self.submitted.add(submission.attempt)

    @precondition(lambda self: self.submitted)
    @rule(data=st.data(), seen=st.sampled_from(Seen), transient=st.booleans())
    def observe(self, data: st.DataObject, seen: Seen, transient: bool) -> None:
        """Of any attempt there ever was: late, twice, out of order."""
        active = sorted(self.engine.active())
        attempt = data.draw(st.sampled_from(active or sorted(self.submitted)), label="attempt")
        self.engine.observe(Observation(attempt, seen, self.now, transient=transient), self.now)

    @precondition(lambda self: self.submitted)
    @rule(data=st.data(), seen=st.sampled_from(Seen))
    def observe_the_past(self, data: st.DataObject, seen: Seen) -> None:
        past = sorted(self.submitted - set(self.engine.active()))
        if past:
            attempt = data.draw(st.sampled_from(past), label="attempt")
            before = memory(self.engine)
            self.engine.observe(Observation(attempt, seen, self.now), self.now)
            assert memory(self.engine) == before

    @rule()
    def cancel(self) -> None:
        attempts = self.engine.cancel(self.now)
        assert attempts == list(self.engine.active())
        assert self.engine.counts[State.INITIALIZED] == 0

    @rule(throttle=st.integers(0, 3), rlimit=st.integers(0, 2), slots=st.integers(1, 4))
    def change_limits(self, throttle: int, rlimit: int, slots: int) -> None:
        self.engine.policy = replace(
            self.engine.policy, throttle=throttle, rlimit=rlimit, slots=slots
        )
        self.rlimits.append(rlimit)

    @rule()
    def restore(self) -> None:
        """A conductor dies, and another takes up what the store remembers."""
        old = self.engine
        self.engine = Engine(self.graph, old.policy, self.demand)
        self.engine.restore(records_of(self.changes), self.now)
        if old.cancelling:
            assert self.engine.cancel(self.now) == list(old.active())
        assert self.engine.drain() == []
        assert memory(self.engine) == memory(old)

    @precondition(lambda self: not self.engine.cancelling)
    @rule(data=st.data())
    def rerun(self, data: st.DataObject) -> None:
        """People want some tasks again, with all that depends on them."""
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.graph))), label="chosen")
        states = {task: self.engine.state(task) for task in self.graph}
        found = again(self.graph, states, dict.fromkeys(chosen, "chosen"), descendants=True)
        assert not found.kept
        if not found.flying:
            self.engine.rerun(found.tasks, self.now)
            assert all(self.engine.state(task) is State.INITIALIZED for task in found.tasks)

    # ---- what must hold ------------------------------------------------------------------------

    @invariant()
    def consistent(self) -> None:
        if not hasattr(self, "engine"):
            return
        check(self.engine)
        before = {c.task: c for c in self.changes}
        for change in self.engine.drain():
            last = before.get(change.task)
            state = last.state if last else State.INITIALIZED
            assert TABLE[state, change.event] is change.state
            number = last.number if last else 0
            assert change.number == number + (change.event is Event.SUBMIT)
            self.changes.append(change)
            before[change.task] = change
        check_bounds(self.changes, self.engine.policy, self.rlimits)

    def teardown(self) -> None:
        """From anywhere, a world that lets everything finish ends the study."""
        if not hasattr(self, "engine"):
            return
        for _ in range(3 * len(self.graph) + 3):
            self.now += 60
            self.decide(0.0)
            for attempt in list(self.engine.active()):
                self.engine.observe(Observation(attempt, Seen.FINISHED, self.now), self.now)
            self.consistent()
        check_outcome(self.engine, self.changes)


def check_bounds(changes: list[Change], policy: Policy, rlimits: list[int]) -> None:
    """Further attempts keep to the limits (those that change: to the widest there was)."""
    for last in {c.task: c for c in changes}.values():
        assert 0 in rlimits or last.restarts <= max(rlimits)
        assert last.refusals <= policy.attempts
        assert last.losses <= policy.losses + 1
        mine: list[Change] = []
        for change in changes:
            if change.task == last.task:
                mine = [change] if change.event is Event.RERUN else [*mine, change]
        refused = lost = restarts = 0
        for before, change in itertools.pairwise(mine):
            seen = change.observation
            if change.event is Event.WITHDRAW and seen and not seen.transient:
                refused += seen.seen is Seen.REFUSED
                lost += seen.seen is Seen.NEVER_STARTED
            lost += change.event is Event.RETRY and before.state is State.HWFAILURE
            restarts += change.event is Event.RETRY and before.state is State.TIMEDOUT
        assert restarts == last.restarts
        assert lost <= policy.losses
        assert refused <= (policy.attempts - 1) * (last.restarts + 1)


def check_outcome(engine: Engine, changes: list[Change]) -> None:
    """Every task has ended as it must have, and the study with them."""
    graph, last = engine.graph, {c.task: c for c in changes}
    states = {task: engine.state(task) for task in graph}
    assert set(states.values()) <= FINAL
    for task, state in states.items():
        above = {states[t] for t in nx.ancestors(graph, task)}
        if state is State.INCOMPLETE:
            assert FAILING & above
            named, _, what = last[task].detail.partition(" is ")
            assert named in nx.ancestors(graph, task)
            assert states[named].value == what
            assert states[named] in FAILING
        elif state is State.CANCELLED and last[task].observation is None:
            assert engine.cancelling or State.CANCELLED in above
        elif last[task].observation is not None:
            assert above <= {State.FINISHED}
        if not engine.cancelling and State.CANCELLED in above:
            assert state is State.CANCELLED or (state is State.INCOMPLETE and FAILING & above)
    if State.CANCELLED in states.values():
        assert engine.outcome is Outcome.CANCELLED
    elif FAILING & set(states.values()):
        assert engine.outcome is Outcome.FAILURE
    else:
        assert set(states.values()) <= {State.FINISHED}
        assert engine.outcome is Outcome.FINISHED


TestConducting = Conducting.TestCase
TestConducting.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
