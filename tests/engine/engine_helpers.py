"""Graphs by hand, and the one function that says whether an engine agrees with itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import networkx as nx
from hypothesis import strategies as st

from maestro.engine import ACTIVE, Change, Demand, Engine, Policy, Record, State
from maestro.graph import Task
from maestro.spec import Combination, Step

FAILING = frozenset({State.FAILED, State.TIMEDOUT, State.HWFAILURE})
FINAL = frozenset(State) - ACTIVE - {State.INITIALIZED}

Parents = Mapping[str, Collection[str]]


def graph_of(parents: Parents, restartable: Collection[str] = ()) -> nx.DiGraph[str]:
    """A frozen study graph of tasks without parameters; ``parents`` come before their children."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, above in parents.items():
        step = Step(name, "", "true", "again" if name in restartable else "")
        graph.add_node(name, task=Task(step, Combination((), 0), name))
        graph.add_edges_from((parent, name) for parent in above)
    return nx.freeze(graph)


def local(slots: int = 1) -> Demand:
    return Demand(local=True, slots=slots)


def engine_of(parents: Parents, policy: Policy | None = None, restartable: Collection[str] = ()):
    """An engine whose tasks take one slot each of very many, unless ``policy`` says otherwise."""
    return Engine(graph_of(parents, restartable), policy or Policy(slots=99), lambda _: local())


def engine_for_jobs(parents: Parents, policy: Policy):
    """An engine whose tasks are a scheduler's."""
    return Engine(graph_of(parents), policy, lambda _: Demand(local=False))


@st.composite
def dags(draw: st.DrawFn, largest: int = 7) -> dict[str, list[str]]:
    """The parents of each task, by name; parents come first."""
    names = [f"t{i}" for i in range(draw(st.integers(1, largest)))]
    return {
        name: sorted(draw(st.sets(st.sampled_from(names[:i]), max_size=3))) if i else []
        for i, name in enumerate(names)
    }


def records_of(changes: Iterable[Change]) -> list[Record]:
    """What a store that recorded ``changes`` remembers."""
    return list(
        {
            c.task: Record(c.task, c.state, c.number, c.restarts, c.refusals, c.losses)
            for c in changes
        }.values()
    )


def check(engine: Engine) -> None:
    """Assert that everything that ``engine`` knows agrees."""
    progress, graph = engine._progress, engine.graph
    assert set(progress) == set(graph)
    assert +engine.counts == Counter(p.state for p in progress.values())
    check_flying(engine)
    for queue in engine._ready.values():
        assert len(set(queue)) == len(queue)
    ready = {task: local for local, queue in engine._ready.items() for task in queue}
    assert len(ready) == sum(map(len, engine._ready.values()))
    for task, mine in progress.items():
        above = [progress[parent].state for parent in graph.predecessors(task)]
        assert mine.waiting == sum(state is not State.FINISHED for state in above)
        if mine.state in ACTIVE or task in ready:
            assert mine.waiting == 0
        if mine.state in ACTIVE:
            assert mine.number > 0
        if mine.state is State.INITIALIZED:
            assert not FAILING.union({State.INCOMPLETE, State.CANCELLED}).intersection(above)
        may_run = mine.state is State.INITIALIZED and not mine.waiting
        assert may_run == (task in ready)
        if may_run:
            assert mine.demand is not None
            assert mine.demand.local == ready[task]
    assert not (engine.cancelling and ready)
    assert (engine.outcome is None) == any(p.state not in FINAL for p in progress.values())


def check_flying(engine: Engine) -> None:
    """What is counted as in flight is what is active."""
    active = [p.demand for p in engine._progress.values() if p.state in ACTIVE]
    assert None not in active
    counted = Counter(demand.local for demand in active if demand)
    assert +Counter(engine._flying) == counted
    assert engine._slots_used == sum(d.slots for d in active if d and d.local)
    assert len(list(engine.active())) == len(active)


def check_limits(engine: Engine) -> None:
    """What is in flight keeps to the policy; a task larger than the machine runs alone."""
    policy = engine.policy
    jobs = engine._flying[False] + (engine._flying[True] if policy.throttles_local else 0)
    assert not policy.throttle or jobs <= policy.throttle
    assert engine._slots_used <= policy.slots or engine._flying[True] == 1


def check_busy(engine: Engine, held: Mapping[bool, float | None]) -> None:
    """What could still be submitted waits for a reason: a limit is reached, or it is held."""
    policy, flying = engine.policy, engine._flying
    full = bool(policy.throttle) and flying[False] >= policy.throttle
    if policy.throttles_local:
        full = bool(policy.throttle) and sum(flying.values()) >= policy.throttle
    if (queue := engine._ready[False]) and held[False] is None:
        probing = engine._delay[False] and engine._submitting == 1
        assert full or probing, queue
    if (queue := engine._ready[True]) and held[True] is None:
        demand = engine._progress[queue[0]].demand
        assert demand is not None
        crowded = flying[True] > 0 and engine._slots_used + demand.slots > policy.slots
        assert crowded or (full and policy.throttles_local), queue


def memory(engine: Engine) -> object:
    """All that two engines must agree on when one was restored from what the other recorded."""
    progress = {
        task: (p.state, p.number, p.restarts, p.refusals, p.losses, p.waiting)
        for task, p in engine._progress.items()
    }
    ready = {local: set(queue) for local, queue in engine._ready.items()}
    counts = {state: n for state, n in engine.counts.items() if n}
    return progress, ready, counts, engine._flying, engine._slots_used, engine.outcome
