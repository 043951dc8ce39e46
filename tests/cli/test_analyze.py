"""``maestro analyze``: of specifications and of studies, for people and for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.test_run import FAN
from tests.conftest import Shell

SAMPLES = Path(__file__).parents[2] / "samples"


def analysed(shell: Shell, *arguments: object) -> dict:
    return json.loads(shell("maestro", "analyze", "--format", "json", *arguments).stdout)


def test_a_specification(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    found = analysed(shell, "--slots", "2", "fan.yaml")
    assert found == {
        "study": "fan out",
        "source": str(shell.folder / "fan.yaml"),
        "tasks": 7, "edges": 9, "depth": 3, "width": 3, "profile": [3, 3, 1],
        "steps": [
            {"step": "say", "tasks": 3, "after": []},
            {"step": "shout", "tasks": 3,
             "after": [{"step": "say", "edges": 3, "funnel": False}]},
            {"step": "all", "tasks": 1,
             "after": [{"step": "say", "edges": 3, "funnel": True},
                       {"step": "shout", "edges": 3, "funnel": True}]},
        ],
        "unit": "tasks", "measured": 0, "work": 7, "span": 3, "parallelism": 7 / 3,
        "makespan": {"slots": 2, "least": 3.5, "most": 5},
        "critical_path": [
            {"task": task, "duration": 1} for task in ("say_N.1", "shout_N.1", "all")
        ],
        "bottlenecks": [{"task": "all", "others": 6}],
    }  # fmt: skip
    text = shell("maestro", "analyze", "--slots", "2", "fan.yaml").stdout
    assert "generations: 3 3 1" in text
    assert "          1  all <- say_*, shout_*\n" in text
    assert "2 slots            3.5  at least; at most 5 with none idle\n" in text


def test_a_study_that_failed(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "sleep 0.3; test $(N) = 2 && exit 7; tr a-z"))
    shell("maestro", "run", "-y", "-fg", "-t", "1", "-o", "out", "fan.yaml", code=2)
    found = analysed(shell, "out")
    run = found["run"]
    assert (found["unit"], found["measured"]) == ("seconds", 5)
    assert found["states"] == {"FINISHED": 5, "FAILED": 1, "INCOMPLETE": 1}
    attempts, clock = run["attempts"], run["clock"]
    assert (attempts["count"], attempts["lost_count"], run["peak"]) == (6, 1, 1)
    assert 0.9 <= attempts["run_seconds"] <= run["elapsed"] + 1e-6
    assert clock["running"] + clock["queued"] + clock["idle"] == pytest.approx(run["elapsed"])
    idle = run["elapsed"] - attempts["run_seconds"]
    assert run["idle_slot_seconds"] == pytest.approx(idle)
    assert 0.3 <= attempts["lost_seconds"] < attempts["run_seconds"]
    assert {row["task"].partition("_")[0] for row in run["slowest"][:3]} == {"shout"}
    slowest = [(row["step"], row["parameter"], row["tasks"]) for row in run["slowest_values"]]
    assert sorted(slowest) == [("say", "N", 1)] * 3 + [("shout", "N", 1)] * 2
    assert run["failures"] == {
        "count": 1,
        "incomplete": 1,
        "by_step": [{"step": "shout", "failed": 1, "of": 3}],
        "by_value": [{"step": "shout", "parameter": "N", "value": 2, "failed": 1, "of": 1}],
    }
    work = found["work"]
    assert found["makespan"] == {"slots": 1, "least": work, "most": work}
    text = shell("maestro", "analyze", "out").stdout
    assert "Failed: 1 task; 1 cannot run because of them" in text
    assert "          1      3   33%  shout\n" in text
    assert "          1      1  100%  shout: N = 2\n" in text
    assert "in 1 that ended and did not finish" in text


def test_a_study_that_was_not_launched_has_no_run(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    found = analysed(shell, "out")
    assert found["run"] is None
    assert found["unit"] == "tasks"
    assert "Where the time went" not in shell("maestro", "analyze", "out").stdout


def test_parameters_from_a_generator(shell: Shell) -> None:
    spec = SAMPLES / "generators" / "throw.yaml"
    assert analysed(shell, spec)["tasks"] == 2
    assert analysed(shell, spec, "-p", spec.parent / "grid.py")["tasks"] == 7
    assert list(shell.folder.iterdir()) == []


def test_what_cannot_be_analysed(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    for arguments, sentence in (
        (["nowhere.yaml"], "nowhere.yaml"),
        (["fan.yaml", "--slots", "0"], "must be 1 or more"),
        (["fan.yaml", "--slots", "9" * 400], "--slots: must be 1000000000 or less"),
        (["fan.yaml", "--pargs", "a:1"], "-p FILE"),
        ([".", "-p", "grid.py"], "a study has its parameters already"),
        (["."], "is not a study directory"),
    ):
        assert sentence in shell("maestro", "analyze", *arguments, code=1).stderr
    shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    shutil.rmtree(shell.folder / "out" / ".maestro")
    assert "there is no" in shell("maestro", "analyze", "out", code=1).stderr
