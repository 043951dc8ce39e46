"""The table of a study's tasks, its attempts and durations, and what would run again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

import maestro
from maestro.conductor.store import AttemptRow, TaskRow
from maestro.engine import Seen
from maestro.errors import StudyError, UsageError
from maestro.graph import estimate_durations
from maestro.report import table
from tests.cli.test_run import FAN
from tests.conftest import Shell
from tests.report.conftest import AWKWARD, Played


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(1_000_000 + seconds, timezone.utc)


def test_a_row_for_each_task(played: Played) -> None:
    rows = maestro.open_study(played.directory).table()
    assert [row["task"] for row in rows] == list(played.graph)
    assert rows[1] == {
        "task": "sim_A.1",
        "step": "sim",
        "A": 2,
        "state": "FAILED",
        "submitted": moment(0),
        "started": moment(20),
        "ended": moment(40),
        "queue_seconds": 20.0,
        "run_seconds": 9.0,
        "attempts": 1,
        "restarts": 0,
        "exit_code": 3,
        "job": "12",
        "workspace": "sim/A.1",
    }
    assert list(rows[1]) == ["task", "step", "A", *table.COLUMNS[2:]]
    assert rows[2]["A"] == AWKWARD
    assert rows[2]["run_seconds"] is rows[2]["ended"] is rows[3]["A"] is None


def test_parameters_with_names_of_columns_have_columns_of_their_own() -> None:
    names = ("state", "parameter.state", "parameter.SIZE", "SIZE", "task")
    params = {name: i for i, name in enumerate(names)}
    (row,) = table.rows([TaskRow(0, "a", "a", "a", json.dumps(params), "FINISHED")])
    assert len(row) == len(table.COLUMNS) + len(names)
    assert (row["state"], row["task"], row["SIZE"]) == ("FINISHED", "a", 3)
    assert row["parameter.state"] == 0
    assert row["parameter.parameter.state"] == 1


def test_attempts_and_durations(played: Played) -> None:
    study = maestro.open_study(played.directory)
    at = 1_000_000
    assert study.attempts() == [
        AttemptRow("sim_A.0", 1, at, at + 10, at + 30, "FINISHED", "11", 0),
        AttemptRow("sim_A.1", 1, at, at + 20, at + 40, "FAILED", "12", 3, "exit code 3"),
        AttemptRow("sim_A.2", 1, at, at + 50, None, None, "13"),
    ]
    assert study.durations() == {"sim_A.0": 9.0}


def test_a_duration_is_the_run_time_of_all_attempts_without_the_queue(tmp_path: Path) -> None:
    study = Played(tmp_path)
    for task, other in (("sim_A.0", "sim_A.1"), ("sim_A.1", "sim_A.2")):
        study.see(task, Seen.STARTED)
        study.see(task, Seen.NODE_LOST)
        study.see(other, Seen.ACCEPTED)
        study.see(task, Seen.STARTED, number=2)
    study.see("sim_A.0", Seen.FINISHED, number=2, exit_code=0)
    study.save()
    view = maestro.open_study(study.directory)
    assert [row["run_seconds"] for row in view.table()] == [80, None, None, None]
    assert view.durations() == {"sim_A.0": 10 + 50}
    assert view.so_far(study.at + 5) == {"sim_A.1": 10 + 15, "sim_A.2": 0}


def test_attempts_before_a_task_was_run_again_count_no_more() -> None:
    task = TaskRow(0, "a", "a", "a", "{}", "FINISHED", number=2, submitted=50, seconds=3.5)
    attempts = [AttemptRow("a", 1, 0, 10, 30, "FINISHED"), AttemptRow("a", 2, 50, 55, 59)]
    assert table.durations([task], attempts) == {"a": 3.5}
    assert table.so_far([task._replace(state="RUNNING")], attempts, 99) == {"a": 4}


def test_what_would_run_again(played: Played) -> None:
    Path(played.directory, "s.yaml").write_text(
        """
description: {name: played, description: d}
study:
- {name: sim, description: d, run: {cmd: echo $(A)}}
- {name: all, description: d, run: {cmd: "true", depends: [sim_*]}}
"""
    )
    played.see("sim_A.2", Seen.FINISHED, exit_code=0)
    played.save()
    study = maestro.open_study(played.directory)
    assert dict(study.again(["sim_A.1"]).tasks) == {
        "sim_A.1": "it is chosen", "all": "sim_A.1 runs again",
    }  # fmt: skip
    with pytest.raises(UsageError, match="there is no task"):
        study.again(["sim_A1"])


def test_a_frame_has_types(played: Played) -> None:
    pandas = pytest.importorskip("pandas")
    study = maestro.open_study(played.directory)
    frame = study.frame()
    assert list(frame.columns) == list(study.table()[0])
    assert dict(frame.dtypes.astype(str)) == {
        "task": "string", "step": "string", "A": "object", "state": "string",
        "submitted": "datetime64[us, UTC]", "started": "datetime64[us, UTC]",
        "ended": "datetime64[us, UTC]", "queue_seconds": "Float64", "run_seconds": "Float64",
        "attempts": "Int64", "restarts": "Int64", "exit_code": "Int64", "job": "string",
        "workspace": "string",
    }  # fmt: skip
    assert frame.set_index("task").loc["sim_A.1", "started"] == moment(20)
    assert list(frame["exit_code"].isna()) == [False, False, True, True]
    assert table.frame([]).empty
    numbers = [
        TaskRow(0, "a", "a", "a", '{"N": 1}', "FINISHED"),
        TaskRow(1, "b", "b", "b", "{}", "FINISHED"),
    ]
    assert table.frame(table.rows(numbers))["N"].equals(pandas.Series([1, None], dtype="Int64"))


def test_without_pandas_it_says_so(played: Played) -> None:
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "import maestro\n"
        "study = maestro.open_study(sys.argv[1])\n"
        "print(len(study.table()))\n"
        "try:\n    study.frame()\n"
        "except maestro.MaestroError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, played.directory],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "4",
        "a data frame needs pandas: pip install 'maestro-conductor[pandas]'",
    ]


def test_a_snapshot_has_no_attempts(played: Played) -> None:
    study = maestro.open_study(played.directory)
    study.why_not_store = "it is locked away"
    for ask in (study.table, study.attempts, study.durations):
        with pytest.raises(StudyError, match="locked away"):
            ask()


def test_a_real_run(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "sleep 0.2; test $(N) = 2 && exit 7; tr a-z"))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml", code=2)
    study = maestro.open_study(str(shell.folder / "out"))
    rows = {row["task"]: row for row in study.table()}
    failed = rows["shout_N.2"]
    assert (failed["N"], failed["state"], failed["exit_code"]) == (2, "FAILED", 7)
    assert rows["all"]["attempts"] == 0
    assert set(study.durations()) == {t for t, row in rows.items() if row["state"] == "FINISHED"}
    assert study.durations()["shout_N.1"] >= 0.2
    attempts = {a.task: a for a in study.attempts()}
    assert set(attempts) == set(rows) - {"all"}
    for task, attempt in attempts.items():
        assert attempt.started is not None
        assert attempt.ended is not None
        assert attempt.submitted <= attempt.started <= attempt.ended
        assert attempt.job == rows[task]["job"]
        for child in study.graph.successors(task):
            assert child == "all" or attempt.ended <= attempts[child].submitted
    assert estimate_durations(study.graph, study.durations())["shout_N.2"] >= 0.2
    assert list(study.again(["shout_N.2"]).tasks) == ["shout_N.2", "all"]
