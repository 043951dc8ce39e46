"""``status.csv``: the columns, times and durations that people's scripts know."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from maestro.conductor import snapshot
from maestro.conductor.store import TaskRow


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_ended_task() -> None:
    task = TaskRow(
        0, "sim_A.1", "sim", "sim/A.1", '{"A": 1, "B": true}', "FINISHED", 1, 2, "42",
        0.0, 5.0, 94.0, 89.4, 0,
    )  # fmt: skip
    assert snapshot.row(task, 1000.0) == (
        "sim_A.1", "42", "sim/A.1", "FINISHED", "0d:00h:01m:29s", "0d:00h:01m:34s",
        "1970-01-01 00:00:05", "1970-01-01 00:00:00", "1970-01-01 00:01:34", "2", "A:1;B:True",
    )  # fmt: skip


def test_what_is_not_known_is_dashes() -> None:
    texts = snapshot.row(TaskRow(0, "a", "a", "a", "{}", "INITIALIZED"), 5.0)
    assert texts[1] == "--"
    assert texts[4:6] == ("--:--:--", "--:--:--")
    assert texts[6:9] == ("--", "--", "--")


def test_times_count_up_while_it_runs() -> None:
    task = TaskRow(0, "a", "a", "a", "{}", "RUNNING", submitted=10.0, started=20.0)
    assert snapshot.row(task, 80.0)[4:6] == ("0d:00h:01m:00s", "0d:00h:01m:10s")


def test_an_intent_is_shown_as_pending() -> None:
    assert snapshot.row(TaskRow(0, "a", "a", "a", "{}", "SUBMITTING"), 0.0)[3] == "PENDING"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0d:00h:00m:00s"),
        (59.6, "0d:00h:01m:00s"),
        (3600, "0d:01h:00m:00s"),
        (90061, "1d:01h:01m:01s"),
        (-1, "0d:00h:00m:00s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert snapshot.duration_text(seconds) == text


def test_the_file_is_quoted_as_csv(tmp_path: Path) -> None:
    names = ['plain', 'with, comma', 'with "quotes"', "with\nnewline", "ünïcode"]
    tasks = [TaskRow(i, name, "s", "s", "{}", "PENDING") for i, name in enumerate(names)]
    snapshot.write(str(tmp_path), tasks, 0.0)
    with open(tmp_path / "status.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == snapshot.COLUMNS
    assert [row[0] for row in rows[1:]] == names
    assert [path.name for path in tmp_path.iterdir()] == ["status.csv"]


def test_carriage_returns_are_quoted(tmp_path: Path) -> None:
    tasks = [TaskRow(0, "a\rb", "a", "a", '{"X": "c\\rd"}', "FINISHED"),
             TaskRow(1, "plain", "a", "a", "{}", "FINISHED")]  # fmt: skip
    snapshot.write(str(tmp_path), tasks, 0.0)
    with open(tmp_path / "status.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [(row[0], row[-1]) for row in rows[1:]] == [("a\rb", "X:c\rd"), ("plain", "")]
