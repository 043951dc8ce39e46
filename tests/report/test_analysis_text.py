"""Where the time of a run went, and how it is said in 80 columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import maestro
from maestro.conductor.store import AttemptRow
from maestro.engine import Seen
from maestro.report.analysis import analyze_graph, analyze_study, time_spent
from maestro.report.analysis_text import lines
from maestro.report.look import amount, few_digits, one_line, width
from tests.engine.engine_helpers import graph_of
from tests.report.conftest import Played

NOW = 20

SPEC = """
description: {name: played, description: d}
study:
- {name: sim, description: d, run: {cmd: echo $(A)}}
- {name: all, description: d, run: {cmd: "true", depends: [sim_*]}}
"""


@st.composite
def attempts(draw: st.DrawFn) -> list[AttemptRow]:
    """Attempts at whole seconds, which may not have started, or ended, by `NOW`."""
    rows = []
    for i in range(draw(st.integers(1, 6))):
        submitted, start, end = sorted(draw(st.tuples(*[st.integers(0, NOW)] * 3)))
        started = draw(st.sampled_from([start, None]))
        ended = draw(st.sampled_from([end, None]))
        state = None if ended is None else draw(st.sampled_from(["FINISHED", "FAILED"]))
        rows.append(AttemptRow(f"t{i}", 1, submitted, started, ended, state))
    return rows


@given(attempts())
def test_every_second_is_counted_once(rows: Sequence[AttemptRow]) -> None:
    found = time_spent(rows, NOW)
    ends = [NOW if a.ended is None else a.ended for a in rows]
    starts = [end if a.started is None else a.started for a, end in zip(rows, ends, strict=True)]
    counts = {"running": 0, "queued": 0, "idle": 0}
    most = 0
    for second in range(int(min(a.submitted for a in rows)), int(max(ends))):
        running = sum(s <= second < e for s, e in zip(starts, ends, strict=True))
        flying = sum(a.submitted <= second < e for a, e in zip(rows, ends, strict=True))
        counts["running" if running else "queued" if flying else "idle"] += 1
        most = max(most, running)
    assert found["clock"] == counts
    assert found["elapsed"] == sum(counts.values())
    assert found["peak"] == most
    stays = list(zip(rows, starts, ends, strict=True))
    together = found["attempts"]
    assert together["count"] == len(rows)
    assert together["run_seconds"] == sum(end - start for _, start, end in stays)
    assert together["queue_seconds"] == sum(start - a.submitted for a, start, _ in stays)
    lost = [(a, start, end) for a, start, end in stays if a.state == "FAILED"]
    assert together["lost_count"] == len(lost)
    assert together["lost_seconds"] == sum(end - start for _, start, end in lost)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.01234, "0.0123 s"), (9.996, "10 s"), (59.94, "59.9 s"), (59.96, "1m 00s"),
     (3599.6, "1h 00m"), (3661, "1h 01m"), (90000, "1d 01h"), (864e4, "100d 00h")],
)  # fmt: skip
def test_amounts_of_time(seconds: float, text: str) -> None:
    assert amount(seconds) == text


def test_no_powers_of_ten() -> None:
    texts = {
        0.0: "0", 0.00001: "0", 0.01234: "0.0123", 5.678: "5.68", 99.96: "100", 999.6: "1,000",
        1993.0: "1,990", 1234567.0: "1,230,000",
    }  # fmt: skip
    assert [few_digits(value) for value in texts] == list(texts.values())
    assert amount(0.00012) == "0.0001 s"


def test_amounts_of_tasks() -> None:
    texts = {0: "0", 7.0: "7", 2.5: "2.5", 4.04: "4", 1234567.0: "1234567"}
    assert [amount(n, "tasks") for n in texts] == list(texts.values())


def shown(directory: str) -> list[str]:
    study = maestro.open_study(directory)
    found = analyze_study(study, 1_000_060.0, 3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return list(lines(f"{study.name}: {directory}", found, "utf-8"))


@pytest.mark.parametrize(
    "values",
    [(1, 2, 3), ("\x1b[31m", "☃" * 99, "a\nb\tc"), (float("inf"), float("nan"), True)],
)  # fmt: skip
def test_it_fits_80_columns_whatever_the_values(tmp_path: Path, values: tuple) -> None:
    labels = ("a" * 200, "b c", "x")
    study = Played(tmp_path, values, labels)
    (tmp_path / "s.yaml").write_text(SPEC)
    first, second, third = list(study.graph)[:3]
    study.see(first, Seen.STARTED, job="1")
    study.see(second, Seen.STARTED, job="2")
    study.see(first, Seen.FAILED, exit_code=1)
    study.see(second, Seen.FINISHED, exit_code=0)
    study.see(third, Seen.STARTED)
    study.save()
    text = shown(study.directory)
    assert all(width(line) <= 80 for line in text)
    assert all(line.isprintable() for line in text)
    assert "     20.0 s  FINISHED   sim_b c" in text
    assert "  running       40.0 s   67%  at least one task ran" in text
    assert "  queued        20.0 s   33%  none ran, and some waited to be started" in text
    assert "  busy          50.0 s   28%" in text
    assert f"          1      1  100%  sim: A = {one_line(str(values[0]))}" in text


def test_values_that_are_equal_and_not_the_same_fail_apart(tmp_path: Path) -> None:
    study = Played(tmp_path, (1, True, float("nan"), float("nan")))
    (tmp_path / "s.yaml").write_text(SPEC)
    for task in list(study.graph)[:4]:
        study.see(task, Seen.FAILED, exit_code=1)
    study.save()
    run = analyze_study(maestro.open_study(study.directory), NOW)["run"]
    rows = run["failures"]["by_value"]
    found = [(repr(row["value"]), row["failed"], row["of"]) for row in rows]
    assert found == [("'nan'", 2, 2), ("1", 1, 1), ("True", 1, 1)]


def test_what_runs_is_not_estimated_to_take_less_than_it_has(tmp_path: Path) -> None:
    study = Played(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    study.see("sim_A.0", Seen.STARTED)
    study.see("sim_A.0", Seen.FINISHED, exit_code=0)
    study.see("sim_A.1", Seen.STARTED)
    study.save()
    found = analyze_study(maestro.open_study(study.directory), study.at + 30)
    assert found["work"] == 10 + 30 + 10 + 10
    assert found["critical_path"][0] == {"task": "sim_A.1", "duration": 30}


def test_the_slowest_values_and_the_steps_that_failed(tmp_path: Path) -> None:
    study = Played(tmp_path, ("x", "x", "y", "z"), ("1", "2", "3", "4"))
    (tmp_path / "s.yaml").write_text(SPEC)
    names = list(study.graph)[:4]
    for task in names:
        study.see(task, Seen.STARTED)
    for task, seen in zip(names, [Seen.FINISHED] * 3 + [Seen.TIMED_OUT], strict=True):
        study.see(task, seen)
    study.save()
    view = maestro.open_study(study.directory)
    run = analyze_study(view, study.at)["run"]
    common = {"step": "sim", "parameter": "A"}
    assert run["slowest_values"] == [
        {**common, "value": "x", "tasks": 2, "mean_seconds": 40.0},
        {**common, "value": "y", "tasks": 1, "mean_seconds": 40.0},
    ]
    assert run["failures"]["by_step"] == [{"step": "sim", "failed": 1, "of": 4}]
    text = shown(study.directory)
    assert "     40.0 s      2  sim: A = x" in text
    assert "          1      4   25%  sim" in text
    assert "          1      1  100%  sim: A = z" in text


def test_no_slot_is_busy_more_than_all_the_time(tmp_path: Path) -> None:
    study = Played(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    for task in list(study.graph)[:3]:
        study.see(task, Seen.STARTED)
    study.save()
    found = analyze_study(maestro.open_study(study.directory), study.at + 10, 1)
    assert (found["run"]["peak"], found["run"]["idle_slot_seconds"]) == (3, None)
    text = list(lines("", found, "ascii"))
    assert "1 slot; at most 3 ran at the same time" in text
    assert not any(line.startswith("  busy") for line in text)


def test_long_lists_are_cut_and_say_so() -> None:
    names = [f"t{i}" for i in range(3000)]
    graph = graph_of({b: [a] if a else [] for a, b in zip([None, *names], names, strict=False)})
    found = analyze_graph(graph, 4)
    text = list(lines("chain", found, "ascii"))
    assert "  and 2990 more (--format json has them all)" in text
    assert any(line.endswith(" 1 1 ...") for line in text)
    assert max(map(len, text)) <= 80
    assert len(found["critical_path"]) == 3000


def test_an_empty_study_has_nothing_to_say() -> None:
    found = analyze_graph(graph_of({}), 4)
    assert found["parallelism"] is None
    assert "tasks                0" in list(lines("empty", found, "ascii"))
