"""How fast a study is, and when it ends, told from what has happened to its tasks."""

from __future__ import annotations

import pytest

from maestro.conductor.store import Happening, StudyInfo
from maestro.engine import State
from maestro.report.status.board import Board, View
from maestro.report.status.course import WINDOW, Course, Sketch

S = State
NOW = 1_000_000.0


def ended(own: int, step: str, end: float, seconds: float, state: State = S.FINISHED) -> Sketch:
    return Sketch(own, step, state, end - seconds, end - seconds, end, seconds)


def running(own: int, step: str, start: float) -> Sketch:
    return Sketch(own, step, S.RUNNING, start, start)


def waiting(own: int, step: str) -> Sketch:
    return Sketch(own, step, S.INITIALIZED)


def happening(task: int, state: State, time: float, seconds: float | None = None) -> Happening:
    return Happening(1, task, "t", time, state, "why", seconds)


def test_steps_of_very_different_duration_each_count_by_their_own_mean() -> None:
    """Four at a time: ten of 2 s, and ten of 60 s."""
    tasks = [ended(i, "short", NOW - 2, 2.0) for i in range(4)]
    tasks += [ended(10 + i, "long", NOW, 60.0) for i in range(4)]
    tasks += [running(20 + i, "long", NOW) for i in range(4)]
    tasks += [waiting(30 + i, "long") for i in range(6)]
    tasks += [waiting(40 + i, "short") for i in range(6)]
    course = Course(tasks, NOW)
    assert course.parallel(NOW) == pytest.approx(4, rel=0.1)
    found = course.expected(NOW)
    assert found.seconds == pytest.approx((10 * 60 + 6 * 2) / 4, rel=0.1)
    assert found.unmeasured == []


def test_the_end_comes_not_before_that_of_the_longest_task() -> None:
    tasks = [ended(i, "s", NOW - 10, 100.0) for i in range(50)] + [running(99, "s", NOW - 10)]
    assert Course(tasks, NOW).expected(NOW).seconds == pytest.approx(90)


def test_without_evidence_the_end_is_not_known() -> None:
    course = Course([running(0, "a", NOW - 5), waiting(1, "b")], NOW)
    assert course.expected(NOW).seconds is None
    course.take(happening(0, S.FINISHED, NOW, 5.0))
    found = course.expected(NOW)
    assert found.seconds is None
    assert found.unmeasured == ["b"]


def test_what_runs_longer_than_others_took_corrects_the_mean() -> None:
    tasks = [ended(0, "s", NOW - 90, 10.0), running(1, "s", NOW - 100), waiting(2, "s")]
    course = Course(tasks, NOW)
    found = course.expected(NOW).seconds
    assert found is not None
    assert found >= (10 + 100) / 2


def test_the_rate_is_of_late_and_forgets_what_was_before_a_lull() -> None:
    old = [ended(i, "s", NOW - 100, 1.0) for i in range(1000)]
    course = Course([*old, waiting(5000, "s")], NOW)
    assert course.rate(NOW) == pytest.approx(1000 / 101)
    course.take(happening(5000, S.SUBMITTING, NOW))
    course.take(happening(5000, S.RUNNING, NOW))
    course.take(happening(5000, S.FINISHED, NOW + 10, 10.0))
    assert course.rate(NOW + 10) == pytest.approx(1 / 10)
    assert course.rate(NOW + 11 + WINDOW) == 0


def test_tasks_move_between_states_and_their_reasons_with_them() -> None:
    course = Course([waiting(0, "a"), waiting(1, "a")], NOW)
    for state in (S.SUBMITTING, S.PENDING):
        course.take(happening(0, state, NOW))
    assert course.reasons == {"why": 1}
    assert course.steps == {"a": {S.INITIALIZED: 1, S.SUBMITTING: 0, S.PENDING: 1}}
    course.take(happening(0, S.RUNNING, NOW))
    assert not course.reasons
    assert course.tasks({S.RUNNING}) == [0]


# ---- the board -----------------------------------------------------------------------------------


def board(tasks: list[Sketch], encoding: str = "utf-8", **more: object) -> Board:
    info = StudyInfo("heat", "d", "/x", "s", "/", "/", NOW, **more)
    course = Course(tasks, NOW)
    return Board("/x/heat", info, "process 1 on host", course, len(tasks), NOW, NOW, None, encoding)


def texts(board: Board, room: int = 3, columns: int = 80, view: View | None = None) -> list[str]:
    view = view or View()
    lines = board.lines(view, (), len(board.course.steps), room, columns)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_what_has_not_ended_comes_first_and_the_hidden_are_counted() -> None:
    tasks = [ended(0, "one", NOW, 1.0), running(1, "two", NOW), waiting(2, "three")]
    lines = texts(board(tasks), room=2)
    assert lines[2].startswith("▶ two ")
    assert lines[3].startswith("· three ")
    assert lines[4] == "1 more below"
    lines = texts(board(tasks), room=2, view=View(top=1))
    assert lines[3].startswith("✓ one ")
    assert lines[4] == "1 more above"


def test_a_bar_shows_all_there_is_in_characters_that_the_stream_has() -> None:
    tasks = [ended(i, "s", NOW, 1.0) for i in range(998)]
    tasks += [ended(998, "s", NOW, 1.0, S.FAILED), running(999, "s", NOW)]
    assert "━╳╸  999/1000  ▶ 1 ✗ 1" in texts(board(tasks))[2]
    lines = texts(board(tasks, "ascii"))
    assert "=x>  999/1000  > 1 x 1" in lines[2]
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("columns", [80, 40, 20])
def test_long_names_leave_room(columns: int) -> None:
    tasks = [running(i, f"{'step' * 20}{i % 3}\n", NOW) for i in range(30)]
    seen = board(tasks)
    top = len(seen.head(columns))
    steps = texts(seen, columns=columns)[top : top + 3]
    assert all("10" in line and "\n" not in line for line in steps)
    assert max(map(len, steps)) <= max(columns, 25)
    assert len(set(steps)) == 3


def test_the_scheduler_is_told_of() -> None:
    task = Sketch(0, "s", S.PENDING, NOW, detail="Resources\x1b")
    text = "\n".join(texts(board([task], answered=NOW - 72, trouble="squeue timed out")))
    assert "1 PENDING: the scheduler says Resources\\x1b" in text
    assert "The scheduler last answered 1m 12s ago" in text
    assert "squeue timed out; jobs are taken to be well" in text
