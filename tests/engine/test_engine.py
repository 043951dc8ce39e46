"""The engine's decisions, one by one."""

from __future__ import annotations

import pytest
from engine_helpers import (
    check,
    engine_for_jobs,
    engine_of,
    graph_of,
    local,
    memory,
    records_of,
)

from maestro.engine import (
    AttemptId,
    Demand,
    Engine,
    Event,
    Observation,
    Outcome,
    Policy,
    Record,
    Seen,
    State,
)
from maestro.errors import IllegalTransition

CHAIN = {"a": [], "b": ["a"], "c": ["b"]}


def see(engine: Engine, task: str, *seen: Seen, now: float = 0.0, **details) -> None:
    """Observe ``seen`` of the present attempt of ``task``."""
    for one in seen:
        number = engine._progress[task].number
        engine.observe(Observation(AttemptId(task, number), one, now, **details), now)
        check(engine)


def decided(engine: Engine, now: float = 0.0) -> list[str]:
    """What the engine submits now: task, attempt, and a mark for restarts."""
    submissions = engine.decide(now)
    check(engine)
    return [f"{s.attempt.task}{s.attempt.number}{'r' * s.restart}" for s in submissions]


def states(engine: Engine) -> str:
    return " ".join(engine.state(task).value for task in engine.graph)


def test_a_chain_runs_to_its_end() -> None:
    engine = engine_of(CHAIN)
    for task in CHAIN:
        assert engine.outcome is None
        assert decided(engine) == [f"{task}1"]
        assert decided(engine) == []
        see(engine, task, Seen.ACCEPTED, Seen.STARTED, Seen.FINISHED)
    assert engine.outcome is Outcome.FINISHED
    assert [c.event for c in engine.drain() if c.task == "b"] == [
        Event.SUBMIT, Event.ACCEPT, Event.START, Event.FINISH,
    ]  # fmt: skip
    assert engine.drain() == []


def test_a_job_may_skip_states() -> None:
    engine = engine_of({"a": []})
    decided(engine)
    see(engine, "a", Seen.FINISHED)
    assert engine.outcome is Outcome.FINISHED


def test_a_study_without_tasks_is_finished() -> None:
    assert engine_of({}).outcome is Outcome.FINISHED


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Seen.FAILED, State.FAILED),
        (Seen.TIMED_OUT, State.TIMEDOUT),
        (Seen.LOST, State.HWFAILURE),
        (Seen.REFUSED, State.FAILED),
    ],
)
def test_below_a_failure_nothing_runs_and_all_else_goes_on(seen: Seen, state: State) -> None:
    engine = engine_of({**CHAIN, "x": []})
    assert decided(engine) == ["a1", "x1"]
    see(engine, "a", seen)
    assert states(engine) == f"{state.value} INCOMPLETE INCOMPLETE SUBMITTING"
    assert {c.detail for c in engine.drain() if c.event is Event.BLOCK} == {f"a is {state.value}"}
    assert engine.outcome is None
    see(engine, "x", Seen.FINISHED)
    assert engine.outcome is Outcome.FAILURE


def test_descendants_of_a_cancelled_task_are_cancelled() -> None:
    engine = engine_of({**CHAIN, "x": []})
    decided(engine)
    see(engine, "a", Seen.CANCELLED)
    see(engine, "x", Seen.FAILED)
    assert states(engine) == "CANCELLED CANCELLED CANCELLED FAILED"
    assert engine.outcome is Outcome.CANCELLED


def test_cancelling() -> None:
    engine = engine_of({**CHAIN, "x": [], "y": []}, Policy(throttle=2, slots=9))
    assert decided(engine) == ["a1", "x1"]
    assert engine.cancel(0.0) == [AttemptId("a", 1), AttemptId("x", 1)]
    check(engine)
    assert states(engine) == "SUBMITTING CANCELLED CANCELLED SUBMITTING CANCELLED"
    see(engine, "a", Seen.FINISHED)
    assert engine.outcome is None
    assert engine.cancel(0.0) == [AttemptId("x", 1)]
    see(engine, "x", Seen.CANCELLED)
    assert decided(engine) == []
    assert engine.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("seen", [Seen.TIMED_OUT, Seen.NODE_LOST, Seen.NEVER_STARTED, Seen.REFUSED])
def test_nothing_is_tried_again_in_a_cancelled_study(seen: Seen) -> None:
    engine = engine_of({"a": [], "b": []}, Policy(throttle=1, attempts=5), restartable=["a"])
    decided(engine)
    engine.cancel(0.0)
    see(engine, "a", seen, transient=True)
    assert engine.outcome is Outcome.CANCELLED
    assert decided(engine, 99.0) == []


def test_stale_and_repeated_observations_change_nothing() -> None:
    engine = engine_of({"a": []}, Policy(rlimit=1), restartable=["a"])
    decided(engine)
    see(engine, "a", Seen.ACCEPTED, Seen.ACCEPTED, Seen.STARTED, Seen.STARTED, Seen.TIMED_OUT)
    assert decided(engine) == ["a2r"]
    engine.drain()
    for seen in Seen:
        engine.observe(Observation(AttemptId("a", 1), seen, 0.0), 0.0)
    assert engine.drain() == []
    see(engine, "a", Seen.FINISHED)
    engine.drain()
    for seen in Seen:
        see(engine, "a", seen)
    assert engine.drain() == []


def test_what_runs_was_not_refused() -> None:
    engine = engine_of({"a": []})
    decided(engine)
    see(engine, "a", Seen.STARTED, Seen.REFUSED)
    assert engine.state("a") is State.RUNNING


def test_a_missing_job_is_unknown_until_more_is_known() -> None:
    engine = engine_of({"a": []})
    decided(engine)
    see(engine, "a", Seen.ACCEPTED, Seen.MISSING, Seen.MISSING)
    assert engine.state("a") is State.UNKNOWN
    see(engine, "a", Seen.STARTED)
    assert engine.state("a") is State.RUNNING
    see(engine, "a", Seen.MISSING, Seen.NEVER_STARTED)  # the scheduler only prepared it
    assert decided(engine) == ["a2"]


def test_restarts_follow_timeouts_up_to_rlimit() -> None:
    engine = engine_of({"a": [], "b": ["a"]}, Policy(rlimit=2), restartable=["a"])
    assert decided(engine) == ["a1"]
    for submission in (["a2r"], ["a3r"], []):
        see(engine, "a", Seen.STARTED, Seen.TIMED_OUT)
        assert decided(engine) == submission
    assert states(engine) == "TIMEDOUT INCOMPLETE"
    changes = [c for c in engine.drain() if c.event in (Event.TIME_OUT, Event.RETRY)]
    assert [(c.event.name, c.restarts) for c in changes] == [
        ("TIME_OUT", 0), ("RETRY", 1), ("TIME_OUT", 1), ("RETRY", 2), ("TIME_OUT", 2),
    ]  # fmt: skip


def test_rlimit_0_is_no_limit() -> None:
    engine = engine_of({"a": []}, Policy(rlimit=0), restartable=["a"])
    for number in range(1, 30):
        assert decided(engine) == [f"a{number}{'r' * (number > 1)}"]
        see(engine, "a", Seen.TIMED_OUT)


def test_a_limit_raised_later_does_not_wake_the_dead() -> None:
    engine = engine_of({"a": [], "b": ["a"]}, Policy(rlimit=1), restartable=["a"])
    for _ in range(2):
        decided(engine)
        see(engine, "a", Seen.TIMED_OUT)
    engine.policy = Policy(rlimit=9)
    again = Engine(engine.graph, engine.policy, lambda _: local())
    again.restore(records_of(engine.drain()), 0.0)
    assert decided(engine) == decided(again) == []
    assert states(again) == "TIMEDOUT INCOMPLETE"


def test_a_lost_node_is_made_up_for_within_the_bound() -> None:
    engine = engine_of({"a": []}, Policy(losses=2))
    for number in (1, 2, 3):
        assert decided(engine) == [f"a{number}"]
        see(engine, "a", Seen.STARTED, Seen.NODE_LOST)
    assert decided(engine) == []
    assert engine.state("a") is State.HWFAILURE


def test_a_job_that_never_started_is_submitted_again_within_the_bound() -> None:
    engine = engine_of({"a": []}, Policy(losses=2))
    for number in (1, 2, 3):
        assert decided(engine) == [f"a{number}"]
        see(engine, "a", Seen.NEVER_STARTED)
    assert engine.outcome is Outcome.FAILURE


def test_what_is_not_the_tasks_fault_does_not_count() -> None:
    engine = engine_of({"a": []}, Policy(losses=0, attempts=1))
    for number in range(1, 9):
        assert decided(engine, 10.0 * number) == [f"a{number}"]
        seen = Seen.NEVER_STARTED if number % 2 else Seen.REFUSED
        see(engine, "a", seen, now=10.0 * number, transient=True)
    assert engine.state("a") is State.INITIALIZED


def test_refused_submissions_are_tried_again_up_to_attempts() -> None:
    engine = engine_of({"a": []}, Policy(attempts=3))
    for number in (1, 2, 3):
        assert decided(engine, 10.0 * number) == [f"a{number}"]
        see(engine, "a", Seen.REFUSED, now=10.0 * number)
    assert engine.state("a") is State.FAILED


def test_a_refusal_holds_submissions_longer_and_longer() -> None:
    engine = engine_of({"a": []})
    now, waits = 1e9, []
    for _ in range(9):
        assert len(decided(engine, now)) == 1
        see(engine, "a", Seen.REFUSED, now=now, transient=True)
        wait = engine.hold(now)
        assert wait is not None
        assert decided(engine, now + wait / 2) == []
        waits.append(round(wait, 2))
        now += wait + 0.001
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert len(decided(engine, now)) == 1
    see(engine, "a", Seen.STARTED, Seen.NEVER_STARTED, now=now)
    assert len(decided(engine, now)) == 1
    see(engine, "a", Seen.REFUSED, now=now, transient=True)
    assert engine.hold(now) == pytest.approx(0.1, abs=1e-3)


def test_many_refusals_at_once_hold_no_longer_than_one() -> None:
    engine = engine_of({f"t{i}": [] for i in range(50)})
    decided(engine)
    for task in engine.graph:
        see(engine, task, Seen.REFUSED, transient=True)
    assert engine.hold(0.0) == pytest.approx(0.1)


def test_a_refusal_for_good_holds_nobody_else() -> None:
    engine = engine_of({"a": [], "b": []}, Policy(throttle=1))
    decided(engine)
    see(engine, "a", Seen.REFUSED)
    assert decided(engine) == ["b1"]


def test_a_clock_set_back_holds_nothing_up() -> None:
    engine = engine_of({"a": []})
    decided(engine, 1e9)
    see(engine, "a", Seen.REFUSED, now=1e9, transient=True)
    assert decided(engine, 1e9 - 3600) == ["a2"]


def test_a_task_larger_than_the_machine_runs_alone() -> None:
    demands = {"small": local(1), "large": local(64), "last": local(1)}
    engine = Engine(graph_of(dict.fromkeys(demands, ())), Policy(slots=4), demands.__getitem__)
    assert decided(engine) == ["small1"]
    see(engine, "small", Seen.FINISHED)
    assert decided(engine) == ["large1"]
    engine.policy = Policy(slots=8)
    assert decided(engine) == []
    see(engine, "large", Seen.FINISHED)
    assert decided(engine) == ["last1"]


def test_some_tasks_wait_where_they_run() -> None:
    demands = {"a": local(), "b": local(), "c": local(2), "d": local(), "large": local(64)}
    engine = Engine(graph_of(dict.fromkeys(demands, ())), Policy(slots=2), demands.__getitem__)
    engine.ahead = 2
    assert decided(engine) == ["a1", "b1", "c1"]
    see(engine, "a", Seen.FINISHED)
    assert decided(engine) == ["d1"]
    engine.ahead = 0
    for task in "bcd":
        assert decided(engine) == []
        see(engine, task, Seen.FINISHED)
    assert decided(engine) == ["large1"]


def test_slots_of_this_machine_do_not_concern_a_scheduler() -> None:
    demands = {"x": local(2), "y": local(2), "j": Demand(local=False), "k": Demand(local=False)}
    graph = graph_of(dict.fromkeys(demands, ()))
    engine = Engine(
        graph, Policy(throttle=1, slots=2, throttles_local=False), demands.__getitem__
    )
    assert decided(engine) == ["x1", "j1"]
    see(engine, "x", Seen.FINISHED)
    assert decided(engine) == ["y1"]
    see(engine, "j", Seen.FINISHED)
    assert decided(engine) == ["k1"]


def test_limits_may_change_at_any_time() -> None:
    engine = engine_of({f"t{i}": [] for i in range(9)}, Policy(throttle=2, slots=99))
    assert decided(engine) == ["t01", "t11"]
    engine.policy = Policy(throttle=5, slots=99)
    assert len(decided(engine)) == 3
    engine.policy = Policy(throttle=1, slots=99)
    see(engine, "t0", Seen.FINISHED)
    assert decided(engine) == []
    engine.policy = Policy(throttle=0, slots=6)
    assert len(decided(engine)) == 2


@pytest.mark.parametrize(
    "limits", [{"throttle": -1}, {"rlimit": -1}, {"attempts": 0}, {"slots": 0}, {"losses": -1}]
)
def test_impossible_limits_cannot_be_written_down(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        Policy(**limits)
    with pytest.raises(ValueError, match="slot"):
        Demand(local=True, slots=0)


def test_a_rehearsal() -> None:
    engine = engine_of(CHAIN)
    engine.rehearse(0.0)
    check(engine)
    assert states(engine) == "DRYRUN DRYRUN DRYRUN"
    assert engine.outcome is Outcome.FINISHED
    assert decided(engine) == []


def test_adopting_what_was_submitted_and_not_recorded() -> None:
    engine = engine_of(CHAIN)
    engine.restore([Record("a", State.SUBMITTING, 1, 0)], 0.0)
    for task in ("a", "b"):
        engine.adopt(AttemptId(task, 1), 0.0)
        see(engine, task, Seen.STARTED, Seen.FINISHED)
    engine.adopt(AttemptId("b", 1), 0.0)
    assert states(engine) == "FINISHED FINISHED INITIALIZED"
    assert decided(engine) == ["c1"]


def test_adopting_an_attempt_after_one_that_is_recorded_as_in_flight() -> None:
    engine = engine_of(CHAIN)
    engine.restore([Record("a", State.SUBMITTING, 1, 0)], 0.0)
    engine.adopt(AttemptId("a", 3), 0.0)
    check(engine)
    assert list(engine.active()) == [AttemptId("a", 3)]


def test_adopting_what_cannot_be() -> None:
    engine = engine_of(CHAIN)
    with pytest.raises(IllegalTransition, match="attempt 1 of b"):
        engine.adopt(AttemptId("b", 1), 0.0)


def test_restoring_completes_what_was_left_half_done() -> None:
    engine = engine_of(CHAIN)
    engine.restore([Record("a", State.FAILED, 1, 0)], 0.0)
    check(engine)
    assert states(engine) == "FAILED INCOMPLETE INCOMPLETE"
    assert [c.task for c in engine.drain()] == ["b", "c"]


def test_a_restored_engine_remembers_how_often_it_was_refused() -> None:
    engine = engine_of({"a": []}, Policy(attempts=2))
    decided(engine)
    see(engine, "a", Seen.REFUSED)
    again = engine_of({"a": []}, Policy(attempts=2))
    again.restore(records_of(engine.drain()), 0.0)
    assert memory(again) == memory(engine)
    decided(again)
    see(again, "a", Seen.REFUSED)
    assert again.outcome is Outcome.FAILURE


def test_a_scheduler_that_refuses_is_asked_by_one_submission_at_a_time() -> None:
    """What it refuses for hours does not fill the store, and it is tried with one task."""
    engine = engine_for_jobs({f"t{i}": [] for i in range(100)}, Policy(window=32))
    now, submitted = 1e9, len(engine.decide(1e9))
    assert submitted == 32
    end = now + 3600
    while now < end:
        for attempt in list(engine.active()):
            engine.observe(Observation(attempt, Seen.REFUSED, now, transient=True), now)
        now += (engine.hold(now) or 0.0) + 0.001
        submitted += len(engine.decide(now))
    assert submitted < 32 + 100
    (attempt,) = engine.active()
    engine.observe(Observation(attempt, Seen.ACCEPTED, now), now)
    assert len(engine.decide(now)) == 32


def test_a_scheduler_that_refuses_does_not_hold_up_local_tasks() -> None:
    demands = {"job": Demand(False), "here": local(1), "there": local(1)}
    graph = graph_of({"job": (), "here": (), "there": ["here"]})
    engine = Engine(graph, Policy(slots=1), demands.__getitem__)
    assert decided(engine, 1e9) == ["here1", "job1"]
    see(engine, "job", Seen.REFUSED, now=1e9, transient=True)
    see(engine, "here", Seen.FINISHED, now=1e9)
    assert decided(engine, 1e9) == ["there1"]


def test_jobs_that_start_do_not_say_that_more_are_accepted() -> None:
    engine = engine_for_jobs({"a": [], "b": [], "c": []}, Policy(window=2))
    assert decided(engine, 1e9) == ["a1", "b1"]
    see(engine, "a", Seen.ACCEPTED, now=1e9)
    see(engine, "b", Seen.REFUSED, now=1e9, transient=True)
    see(engine, "a", Seen.STARTED, now=1e9)
    assert decided(engine, 1e9 + 1) == ["c1"]
    assert decided(engine, 1e9 + 1) == []
