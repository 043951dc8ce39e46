"""Which tasks run again, and that they then can."""

from __future__ import annotations

from engine_helpers import dags, graph_of
from hypothesis import given
from hypothesis import strategies as st

from maestro.engine import (
    ACTIVE,
    Again,
    Demand,
    Engine,
    Observation,
    Outcome,
    Policy,
    Record,
    Seen,
    State,
    again,
)

S = State
CHAIN = {"a": [], "b": ["a"], "c": ["b"]}
DIAMOND = {"a": [], "b": [], "c": ["a", "b"], "d": ["b"]}


def found(
    parents: dict[str, list[str]], states: str, *chosen: str, descendants: bool = False
) -> Again:
    """``states`` by their first letters, in order; X is INCOMPLETE."""
    letters = {"F": S.FINISHED, "E": S.FAILED, "X": S.INCOMPLETE, "C": S.CANCELLED,
               "R": S.RUNNING, "I": S.INITIALIZED}  # fmt: skip
    known = dict(zip(parents, map(letters.__getitem__, states), strict=True))
    reasons = dict.fromkeys(chosen, "chosen")
    return again(graph_of(parents), known, reasons, descendants=descendants)


def test_a_failed_task_takes_along_what_could_not_run() -> None:
    assert found(CHAIN, "FEX", "b").tasks == {"b": "chosen", "c": "b runs again"}


def test_a_chosen_task_takes_along_what_it_needs() -> None:
    assert found(CHAIN, "EXX", "c").tasks == {
        "a": "b needs it", "b": "c needs it", "c": "chosen",
    }  # fmt: skip


def test_results_below_are_kept_or_made_anew() -> None:
    assert found(CHAIN, "FFF", "a") == Again({"a": "chosen"}, kept=("b",))
    assert found(CHAIN, "FFF", "a", descendants=True).tasks == {
        "a": "chosen", "b": "a runs again", "c": "b runs again",
    }  # fmt: skip


def test_what_another_failure_blocks_stays_blocked() -> None:
    assert found(DIAMOND, "EEXX", "a").tasks == {"a": "chosen"}
    assert list(found(DIAMOND, "EEXX", "a", "b").tasks) == ["a", "b", "c", "d"]


def test_what_is_in_flight_below_is_named() -> None:
    assert found(CHAIN, "FRI", "a") == Again({"a": "chosen"}, flying=("b",))
    assert found(CHAIN, "FRI", "b") == Again({})


def test_what_waits_runs_anyhow() -> None:
    assert found(CHAIN, "FII", "b", "c") == Again({})


@given(dags(), st.data())
def test_whatever_is_chosen_runs_to_its_end(
    parents: dict[str, list[str]], data: st.DataObject
) -> None:
    """From any end of a study: what was chosen finishes, and nothing else is run twice."""
    graph = graph_of(parents)
    engine = Engine(graph, Policy(slots=9), lambda _: Demand(local=True))
    ends = st.sampled_from([Seen.FINISHED, Seen.FINISHED, Seen.FAILED, Seen.LOST])
    run(engine, lambda task: data.draw(ends, label=task))
    states = {task: engine.state(task) for task in graph}
    chosen = data.draw(st.sets(st.sampled_from(sorted(graph))), label="chosen")
    descendants = data.draw(st.booleans(), label="descendants")
    found = again(graph, states, dict.fromkeys(chosen, "chosen"), descendants=descendants)

    assert chosen <= set(found.tasks)
    assert not descendants or not found.kept
    engine.rerun(found.tasks, 0.0)
    assert run(engine, lambda _: Seen.FINISHED) == set(found.tasks)
    assert all(engine.state(task) is State.FINISHED for task in found.tasks)
    for task in graph:
        if task not in found.tasks:
            assert engine.state(task) is states[task]
    everything = again(graph, states, dict.fromkeys(graph, "chosen"), descendants=descendants)
    assert set(everything.tasks) == set(graph)


def test_limits_begin_anew_and_attempts_are_counted_on() -> None:
    engine = Engine(graph_of({"a": []}), Policy(attempts=2), lambda _: Demand(local=True))
    engine.restore([Record("a", State.FAILED, 7, 1, refusals=2, losses=3)], 0.0)
    engine.rerun({"a": "because"}, 5.0)
    (change,) = engine.drain()
    assert (change.state, change.number, change.detail) == (State.INITIALIZED, 7, "because")
    assert (change.restarts, change.refusals, change.losses) == (0, 0, 0)
    (submission,) = engine.decide(6.0)
    assert submission.attempt == ("a", 8)
    assert not submission.restart
    engine.observe(Observation(submission.attempt, Seen.FINISHED, 7.0), 7.0)
    assert engine.outcome is Outcome.FINISHED


def test_what_is_new_waits_for_the_task_that_runs_again() -> None:
    engine = Engine(graph_of({"a": [], "b": ["a"]}), Policy(), lambda _: Demand(local=True))
    engine.restore([Record("a", State.FAILED, 1, 0, 0, 0)], 0.0, {"a": "mended"})
    assert engine.state("b") is State.INITIALIZED
    assert [change.task for change in engine.drain()] == ["a"]


def run(engine: Engine, end) -> set[str]:
    """Let everything run that can; the tasks that did."""
    ran = set()
    while submissions := engine.decide(0.0):
        for submission in submissions:
            task = submission.attempt.task
            ran.add(task)
            engine.observe(Observation(submission.attempt, end(task), 0.0), 0.0)
    assert not any(engine.state(task) in ACTIVE for task in engine.graph)
    return ran
