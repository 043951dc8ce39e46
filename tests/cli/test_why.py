"""``maestro why``, of real studies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3

import pytest

from tests.conftest import Shell, eventually

FAILING = r"""
    description: {name: trial, description: failures of every kind}
    study:
    - name: sim
      description: d
      run:
        cmd: |
          echo "begun $(N)"
          case $(N) in
          2|5) printf 'read\nValueError: \033[31m$(N) is bad\n' >&2; exit 3;;
          3) kill -9 $$;;
          4) nosuchcommand;;
          esac
    - name: post
      description: d
      run: {cmd: "true", depends: [sim]}
    - name: all
      description: d
      run: {cmd: "true", depends: [post_*]}
    global.parameters:
      N: {values: [1, 2, 3, 4, 5], label: N.%%}
      K: {values: [1, 2, 1, 1, 2], label: K.%%}
"""


@pytest.fixture
def failed(shell: Shell) -> Shell:
    """A shell with a failed study in ``out``."""
    shell.write("s.yaml", FAILING.replace("begun $(N)", "begun $(N) $(K)"))
    done = shell("maestro", "run", "-y", "-fg", "-t", "1", "-o", "out", "s.yaml", code=2)
    shell.write("said.txt", done.stdout)
    return shell


def why(shell: Shell, *arguments: str, code: int = 0) -> str:
    done = shell("maestro", "why", "out", *arguments, code=code)
    assert "\x1b" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_one_that_failed(failed: Shell) -> None:
    text = why(failed, "sim_K.2.N.2")
    assert text.startswith("sim_K.2.N.2 FAILED after ")
    assert "\n  cause      exit code 3\n" in text
    assert '\n  command    echo "begun 2 2"\n             case 2 in\n' in text
    assert f"\n  workspace  {failed.folder}/out/sim/K.2.N.2\n" in text
    assert "\n    read\n    ValueError: \\x1b[31m2 is bad\n" in text
    assert text.endswith(
        "\nWhat it printed:  maestro logs out sim_K.2.N.2\n"
        "To run it again:  maestro rerun --failed out\n"
    )


def test_signals_and_output_where_there_is_no_error(failed: Shell) -> None:
    text = why(failed, "sim_K.1.N.3")
    assert "ended by SIGKILL (exit code 137): often because memory ran out" in text
    assert ".out\n    begun 3 1\n" in text
    assert "exit code 127: a command was not found" in why(failed, "sim_K.1.N.4")


def test_what_can_never_run_names_what_really_failed(failed: Shell) -> None:
    text = why(failed, "all")
    assert text.startswith("all INCOMPLETE\n  It can never run: 4 tasks that it depends on fail")
    assert "✗ FAILED     sim_K.2.N.2: exit code 3\n" in text
    assert "by way of post_K.2.N.2\n" in text
    assert "\n  cause      exit code 3\n" in text


def test_a_step_by_value_and_by_cause(failed: Shell) -> None:
    text = why(failed, "sim")
    assert text.startswith("sim: 5 tasks: ✓ 1 FINISHED, ✗ 4 FAILED\n")
    assert "          2      2  100%  sim: K = 2\n" in text
    assert "\n     2  exit code 3\n        ValueError: \\x1b[31m2 is bad\n        in sim_K" in text
    assert text.count("        in sim_") == 3
    assert "nosuchcommand: command not found\n" in text


def test_the_whole_study(failed: Shell) -> None:
    text = why(failed)
    assert text.startswith("trial: 11 tasks: ")
    assert "Failed: 4 tasks; 5 cannot run because of them" in text
    assert "     4  INCOMPLETE\n        as post_K.2.N.2: it can never run: 1 task that" in text


def test_after_a_failed_run_and_in_its_log(failed: Shell) -> None:
    log = (failed.folder / "out" / "logs" / "trial.log").read_text()
    for text in ((failed.folder / "said.txt").read_text(), log):
        assert "\n  cause      ended by SIGKILL (exit code 137)" in text
        assert '\n  command    echo "begun 3 1"\n' in text
        assert "\n    ValueError: \\x1b[31m2 is bad\n" in text
        assert f"\nand 1 more: maestro why '{failed.folder}/out'\n" in text
        assert "\x1b" not in text


def test_in_the_log_of_a_conductor_in_the_background(shell: Shell) -> None:
    shell.write("s.yaml", FAILING)
    shell("maestro", "run", "-y", "-o", "out", "s.yaml")
    log = shell.folder / "out" / "logs" / "trial.log"
    eventually(lambda: log.exists() and "and 1 more: maestro why" in log.read_text())


def test_unknown_names(failed: Shell) -> None:
    assert "no task and no step 'simm'; did you mean 'sim'?" in why(failed, "simm", code=1)
    assert "did you mean 'sim_K.1.N.1'?" in why(failed, "sim_K.1.N1", code=1)
    shutil.rmtree(failed.folder / "out" / ".maestro")
    assert "error: there is no .maestro" in why(failed, code=1)


WAITING = """
    description: {name: busy, description: d}
    batch: {type: local, procs: 2}
    study:
    - name: sim
      description: d
      run: {cmd: "while [ ! -e ../../../go ]; do sleep 0.05; done; : $(N)", procs: 2}
    - name: post
      description: d
      run: {cmd: "true", depends: [sim]}
    - name: all
      description: d
      run: {cmd: "true", depends: [post_*]}
    global.parameters:
      N: {values: [1, 2, 3, 4, 5, 6, 7], label: N.%%}
"""


def begin(shell: Shell, *options: str, spec: str = WAITING) -> None:
    shell.write("s.yaml", spec)
    shell("maestro", "run", "-y", *options, "-o", "out", "s.yaml")
    eventually(lambda: "as job" in why(shell, "sim_N.1"))


def end(shell: Shell) -> None:
    (shell.folder / "go").touch()
    eventually(lambda: "The study has ended" in shell("maestro", "status", "out").stdout)


def test_what_a_task_waits_for(shell: Shell) -> None:
    begin(shell)
    assert re.search("It is in line, for .* s, for cores that others take", why(shell, "sim_N.5"))
    ready = "It is ready; it takes 2 cores of 2, and has its turn after 5 in flight\n"
    assert ready in why(shell, "sim_N.6")
    text = why(shell, "post_N.1")
    assert "waits for 1 of 1 parent to finish\n    ▶ RUNNING      sim_N.1\n" in text
    text = why(shell, "all")
    assert "It waits for 7 of 7 parents to finish\n    · INITIALIZED  post_N.1\n" in text
    assert "  which in turn wait for\n    ▶ RUNNING      sim_N.1\n" in text
    assert "maestro logs -f out sim_N.1\n" in why(shell, "sim_N.1")
    shell("maestro", "update", "--throttle", "1", "out")
    eventually(lambda: "the throttle is 1, and 5 are in flight" in why(shell, "sim_N.6"))
    line = "It is in line, for .* s, for its turn: the throttle is 1, and 5 are in flight"
    assert re.search(line, why(shell, "sim_N.5"))
    end(shell)
    assert "It has finished, after " in why(shell, "all")


@pytest.mark.parametrize("told", [True, False])
def test_the_cores_of_another_host_are_not_known(shell: Shell, told: bool) -> None:
    large = WAITING.replace(", procs: 2}", "}", 1).replace("procs: 2", "procs: 999")
    begin(shell, spec=WAITING if told else large)
    full = f"It is ready; it takes {2 if told else 999} cores of "
    assert full in why(shell, "sim_N.6")
    store = sqlite3.connect(shell.folder / "out" / ".maestro" / "study.sqlite", timeout=30)
    with store:
        store.execute("UPDATE lease SET host = 'elsewhere'")
    store.close()
    turn = "It is ready, and has its turn after 1 that are in flight\n"
    assert (full if told else turn) in why(shell, "sim_N.6"), "a larger one has none wait"
    end(shell)


def test_cancelled(shell: Shell) -> None:
    begin(shell)
    shell("maestro", "cancel", "-y", "out")
    assert "cancelled while it was in flight: the study was" in why(shell, "sim_N.1")
    assert "cancelled before it was submitted: the study was" in why(shell, "all")


def test_a_study_that_nobody_conducts(shell: Shell) -> None:
    shell.write("s.yaml", WAITING)
    shell("maestro", "run", "-n", "-o", "out", "s.yaml")
    text = why(shell, "sim_N.1")
    assert "It is ready to run, but nobody conducts the study\n" in text
    assert text.endswith("Nobody conducts the study. To go on: maestro resume out\n")
    process = shell.start("maestro", "resume", "-y", "-fg", "out")
    eventually(lambda: "as job" in why(shell, "sim_N.1"))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert "To go on: maestro resume out\n" in why(shell, "sim_N.1")
    (shell.folder / "go").touch()
    shell("maestro", "resume", "-y", "-fg", "out")


def test_a_time_limit(shell: Shell) -> None:
    shell.write(
        "s.yaml",
        """
        description: {name: late, description: d}
        batch: {type: local, enforce walltime: true}
        study:
        - name: sim
          description: d
          run: {cmd: sleep 60, restart: sleep 61, walltime: "00:00:01"}
        """,
    )
    shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml", code=2)
    text = why(shell, "sim")
    assert text.startswith("sim TIMEDOUT after ")
    assert "(attempt 2)\n  cause      time limit reached\n  command    sleep 61\n" in text
    assert "Its walltime is 00:00:01. It was restarted 1 times, of 1 (-r).\n" in text
