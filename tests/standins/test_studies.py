"""Whole studies for LSF and Flux, through the stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

import maestro
from tests.conftest import Shell, eventually
from tests.standins.install import StandIns, install

LIMIT = "00:01"
"""A time limit of one second under Flux, and of one minute under LSF, which is as short here."""

STUDY = """
    description: {{name: study, description: A study}}
    batch: {{type: {kind}, host: h, bank: b, queue: pbatch}}
    study:
    - name: make
      description: runs here
      run: {{cmd: "echo made > made"}}
    - name: sim
      description: is a job
      run:
        cmd: |
          cat "$(make.workspace)/made"
          echo run >> runs
          {command}
        restart: echo again
        depends: [make]
        procs: 1
        walltime: "{limit}"
    - name: all
      description: runs here
      run: {{cmd: "cat '$(sim.workspace)'/*/*.out | sort", depends: [sim_*]}}
    global.parameters:
      N: {{values: [1, 2, 3], label: N.%%}}
"""


@pytest.fixture(params=["lsf", "flux"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return install(tmp_path / "standins", monkeypatch)


def write(shell: Shell, kind: str, command: str, limit: str = "01:00:00") -> None:
    shell.write("study.yaml", STUDY.format(kind=kind, command=command, limit=limit))


def test_to_the_end(shell: Shell, kind: str, standins: StandIns) -> None:
    write(shell, kind, "test $(N) != 2 || exit 9")
    shell("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml", code=2)
    assert shell.states("out") == {
        "make": "FINISHED", "sim_N.1": "FINISHED", "sim_N.2": "FAILED", "sim_N.3": "FINISHED",
        "all": "INCOMPLETE",
    }  # fmt: skip
    assert shell.output("out", "sim_N.1").startswith("made\n")
    assert (shell.folder / "out" / "sim" / "N.1" / f"sim_N.1.{kind}.sh").exists()


def test_a_time_limit_is_followed_by_a_restart(
    shell: Shell, kind: str, standins: StandIns
) -> None:
    write(shell, kind, "test $(N) != 2 || sleep 30", LIMIT)
    shell("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
    (late,) = (t for t in maestro.open_study(str(shell.folder / "out")).tasks() if t.restarts)
    assert (late.name, late.state, late.number) == ("sim_N.2", "FINISHED", 2)
    assert "again\n" in shell.output("out", "all")


def test_cancelling(shell: Shell, kind: str, standins: StandIns) -> None:
    write(shell, kind, "echo $$ > pid; sleep 60; : $(N)")
    shell("maestro", "run", "-y", "-s", "1", "-o", "out", "study.yaml")
    pids = [shell.folder / "out" / "sim" / f"N.{n}" / "pid" for n in (1, 2, 3)]
    eventually(lambda: all(pid.exists() and pid.read_text() for pid in pids))
    shell("maestro", "cancel", "-y", "out")
    states = shell.states("out")
    assert states.pop("make") == "FINISHED"
    assert set(states.values()) == {"CANCELLED"}
    eventually(lambda: not any(Path(f"/proc/{pid.read_text().strip()}").exists() for pid in pids))


def test_a_killed_conductor_loses_and_repeats_nothing(
    shell: Shell, kind: str, standins: StandIns
) -> None:
    write(shell, kind, "sleep $(N)")
    process = shell.start("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
    runs = [shell.folder / "out" / "sim" / f"N.{n}" / "runs" for n in (1, 2, 3)]
    eventually(lambda: all(path.exists() for path in runs))
    process.kill()
    process.communicate()
    shell("conductor", "-s", "1", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}
    assert [path.read_text() for path in runs] == ["run\n"] * 3


def test_a_machine_without_the_scheduler(
    shell: Shell, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before anything is written."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    write(shell, kind, "true")
    done = shell("maestro", "run", "-y", "-o", "out", "study.yaml", code=1)
    program = {"lsf": "bsub", "flux": "flux"}[kind]
    assert f"needs the command {program}" in done.stderr
    assert not (shell.folder / "out").exists()
    shell("maestro", "run", "-y", "--dry", "-o", "out", "study.yaml")


def test_an_option_that_means_nothing_is_named(shell: Shell, kind: str) -> None:
    write(shell, kind, "true")
    path = shell.folder / "study.yaml"
    path.write_text(path.read_text().replace("procs: 1", "procs: 1\n    qos: high"))
    done = shell("maestro", "validate", "study.yaml")
    assert "study.yaml:" in done.stdout + done.stderr
    assert f"'qos' in step 'sim' means nothing to type '{kind}'" in done.stdout + done.stderr


def test_a_launcher_that_asks_for_too_much(shell: Shell, kind: str) -> None:
    write(shell, kind, "$(LAUNCHER)[2p] true")
    done = shell("maestro", "validate", "study.yaml", code=1)
    assert "study.yaml:14:" in done.stdout + done.stderr
    assert "asks for 2 procs, and the step has 1" in done.stdout + done.stderr
