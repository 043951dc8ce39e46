"""Whole studies, conducted in a world of chance."""

from __future__ import annotations

from collections import deque
from random import Random

from engine_helpers import FINAL, check, check_limits, dags, graph_of, local, memory, records_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_machine import check_bounds, check_outcome, demands, policies

from maestro.engine import (
    AttemptId,
    Change,
    Engine,
    Observation,
    Outcome,
    Policy,
    Seen,
    State,
)

ENDS = (Seen.FINISHED,) * 6 + (Seen.FAILED, Seen.TIMED_OUT, Seen.LOST, Seen.NODE_LOST)
SIGHTS = (*Seen, Seen.STARTED, *ENDS)
chance = st.integers(0, 2**32).map(Random)


@settings(max_examples=300)
@given(parents=dags(12), policy=policies, data=st.data(), random=chance)
def test_every_study_ends(
    parents: dict[str, list[str]], policy: Policy, data: st.DataObject, random: Random
) -> None:
    """Whatever is seen in whatever order, with the conductor dying now and then."""
    graph = graph_of(parents, [name for name in parents if random.random() < 0.5])
    takes = {name: data.draw(demands) for name in parents}
    engine = Engine(graph, policy, takes.__getitem__)
    changes: list[Change] = []
    attempts: set[AttemptId] = set()
    now, turns = 1e9, 0
    while engine.outcome is None:
        now, turns = now + random.choice([0.01, 0.2, 6.0]), turns + 1
        assert turns < 1000, "it never ends"
        submissions = engine.decide(now)
        assert attempts.isdisjoint(s.attempt for s in submissions)
        attempts.update(s.attempt for s in submissions)
        check(engine)
        check_limits(engine)
        for attempt in list(engine.active()):
            # Some worlds never tire of refusing and timing out: this one does.
            seen = random.choice(SIGHTS if turns < 100 else (Seen.FINISHED,))
            sight = Observation(attempt, seen, now, transient=random.random() < 0.5)
            for _ in range(random.choice([0, 1, 1, 2])):
                engine.observe(sight, now)
                check(engine)
        changes += engine.drain()
        check_bounds(changes, policy, [policy.rlimit])
        if random.random() < 0.1:
            old, engine = engine, Engine(graph, policy, takes.__getitem__)
            engine.restore(records_of(changes), now)
            assert memory(engine) == memory(old)
    check_outcome(engine, changes)


@given(parents=dags(12), random=chance)
def test_throttle_1_runs_what_is_first_ready_first(
    parents: dict[str, list[str]], random: Random
) -> None:
    engine = Engine(graph_of(parents), Policy(throttle=1, slots=8), lambda _: local())
    order = []
    while engine.outcome is None:
        (submission,) = engine.decide(0.0)
        assert engine.decide(0.0) == []
        order.append(submission.attempt.task)
        seen = [Seen.ACCEPTED, Seen.STARTED] * random.randrange(2)
        for one in [*seen, Seen.FINISHED]:
            engine.observe(Observation(submission.attempt, one, 0.0), 0.0)
    ready, expected = deque(n for n in parents if not parents[n]), []
    while ready:
        expected.append(ready.popleft())
        ready += [
            child
            for child, above in parents.items()
            if expected[-1] in above and set(above) <= set(expected)
        ]
    assert order == expected


class World:
    """A machine that starts and ends tasks, and writes a ledger of it as the shim does."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.handed: list[AttemptId] = []
        self.running: list[AttemptId] = []
        self.ledger: list[Observation] = []

    def turn(self, now: float) -> list[Observation]:
        seen = []
        for attempt in self._some(self.handed):
            if self.random.random() < 0.2:
                seen.append(Observation(attempt, Seen.REFUSED, now, transient=True))
            else:
                assert attempt not in {past.attempt for past in self.ledger}, "started twice"
                self.running.append(attempt)
                seen.append(self._write(attempt, Seen.STARTED, now))
        for attempt in self._some(self.running):
            seen.append(self._write(attempt, self.random.choice(ENDS[:8]), now))
        return seen

    def _some(self, attempts: list[AttemptId]) -> list[AttemptId]:
        chosen = [attempt for attempt in attempts if self.random.random() < 0.6]
        attempts[:] = [attempt for attempt in attempts if attempt not in chosen]
        return chosen

    def _write(self, attempt: AttemptId, seen: Seen, now: float) -> Observation:
        self.ledger.append(Observation(attempt, seen, now))
        return self.ledger[-1]

    def crash(self, now: float) -> list[Observation]:
        """The conductor and what it had not yet handed over are gone. What the ledger does not
        know has never started.
        """
        self.handed.clear()
        return list(self.ledger)


@settings(max_examples=300)
@given(parents=dags(8), policy=policies, random=chance)
def test_a_conductor_that_dies_before_it_records_runs_nothing_twice(
    parents: dict[str, list[str]], policy: Policy, random: Random
) -> None:
    """The store lags behind, the ledger does not: together they tell how things stand."""
    graph = graph_of(parents, [name for name in parents if random.random() < 0.5])
    world, engine = World(random), Engine(graph, policy, lambda _: local())
    recorded: list[Change] = []
    lagging: list[Change] = []
    now, turns = 1e9, 0
    while engine.outcome is None:
        now, turns = now + 6.0, turns + 1
        assert turns < 1000, "it never ends"
        for seen in world.turn(now):
            engine.observe(seen, now)
        world.handed += [s.attempt for s in engine.decide(now)]
        lagging += engine.drain()
        if random.random() < 0.5:
            recorded, lagging = recorded + lagging, []
        if random.random() < 0.15 and len(world.ledger) < 60:
            ledger, lagging = world.crash(now), []
            engine = Engine(graph, policy, lambda _: local())
            engine.restore(records_of(recorded), now)
            for seen in ledger:
                engine.adopt(seen.attempt, now)
                engine.observe(seen, now)
                check(engine)
            known = {seen.attempt for seen in ledger}
            for attempt in set(engine.active()) - known:
                never = Observation(attempt, Seen.NEVER_STARTED, now, transient=True)
                engine.observe(never, now)
            assert set(engine.active()) == set(world.running)
            lagging += engine.drain()
        if len(world.ledger) > 200:  # enough of timeouts
            engine.policy = Policy(rlimit=1, losses=0)
    check(engine)
    check_outcome(engine, recorded + lagging)
    ended = {seen.attempt.task for seen in world.ledger if seen.seen is Seen.FINISHED}
    assert ended == {task for task in graph if engine.state(task) is State.FINISHED}


@given(parents=dags(8), random=chance)
def test_cancelling_at_any_time_ends_the_study(
    parents: dict[str, list[str]], random: Random
) -> None:
    engine = Engine(graph_of(parents), Policy(throttle=2, slots=9), lambda _: local())
    for _ in range(random.randrange(6)):
        engine.decide(0.0)
        for attempt in list(engine.active())[: random.randrange(3)]:
            engine.observe(Observation(attempt, Seen.FINISHED, 0.0), 0.0)
    finished = engine.counts[State.FINISHED]
    for attempt in engine.cancel(0.0):
        engine.observe(Observation(attempt, Seen.CANCELLED, 0.0), 0.0)
    check(engine)
    assert all(engine.state(task) in FINAL for task in parents)
    assert engine.counts[State.FINISHED] == finished
    cancelled = finished < len(parents)
    assert engine.outcome is (Outcome.CANCELLED if cancelled else Outcome.FINISHED)
