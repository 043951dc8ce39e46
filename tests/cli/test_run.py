"""``maestro run`` to the end of a study, as people use it."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess

import pytest

from tests.conftest import Shell, eventually

FAN = """
    description: {name: fan out, description: parameters and a funnel}
    env:
      variables: {WORD: hello}
    study:
    - name: say
      description: say $(N)
      run:
        cmd: |
          echo "$(WORD) $(N)" > said.txt
          echo "$(N.label)"
    - name: shout
      description: shout
      run:
        cmd: tr a-z A-Z < "$(say.workspace)/said.txt"
        depends: [say]
    - name: all
      description: all
      run:
        cmd: cat "$(say.workspace)"/*/said.txt | sort
        depends: [shout_*, say_*]
    global.parameters:
      N: {values: [1, 2, 3], label: N.%%}
"""


def test_a_study_runs_to_its_end(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    assert set(shell.states("out").values()) == {"FINISHED"}
    assert len(shell.states("out")) == 7
    assert shell.output("out", "shout_N.2") == "HELLO 2\n"
    assert shell.output("out", "all") == "hello 1\nhello 2\nhello 3\n"
    assert "FINISHED" in done.stdout


def test_the_study_directory_holds_what_it_should(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    out = shell.folder / "out"
    names = {p.name for p in out.iterdir()}
    assert names >= {"fan.yaml", "logs", "meta", "status.csv", "batch.info", "say", "shout", "all"}
    assert (out / "logs" / "fan_out.log").read_text().count("FINISHED") == 7
    script = out / "say" / "N.1" / "say_N.1.sh"
    assert script.read_text().startswith("#!/bin/bash\n\necho ")
    assert stat.S_IMODE(script.stat().st_mode) == 0o744
    assert stat.S_IMODE((out / "meta" / "environment.yaml").stat().st_mode) == 0o600


def test_without_out_it_lies_below_output_path(shell: Shell) -> None:
    text = FAN.replace("WORD: hello", "WORD: hello, OUTPUT_PATH: ./made/here")
    shell.write("fan.yaml", text)
    shell("maestro", "run", "-y", "--dry", "fan.yaml")
    shell("maestro", "run", "-y", "--dry", "fan.yaml")
    made = sorted((shell.folder / "made" / "here").iterdir())
    assert len(made) == 2
    assert all(p.name.startswith("fan_out_20") for p in made)


def test_in_the_background(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "run", "-y", "-o", "out", "fan.yaml")
    assert f"maestro status '{shell.folder}/out'" in done.stdout
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})
    assert (shell.folder / "out" / "fan_out.txt").exists()


def test_a_launched_conductor_needs_nothing_of_its_surroundings(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    for module in ("yaml", "networkx", "maestro", "sqlite3", "json"):
        shell.write(f"{module}.py", "raise SystemExit('imported from the current directory')")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    program = "import sys; sys.path[:] = [p for p in sys.path if p]; "
    command = shell.command("maestro", "run", "-y", "-o", "out", "fan.yaml")
    command[2] = program + command[2]
    subprocess.run(command, cwd=shell.folder, env=environment, check=True, timeout=60)
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})


def test_tasks_get_the_launching_environment_and_nothing_of_ours(shell: Shell) -> None:
    shell.write(
        "env.yaml",
        """
        description: {name: env, description: environment}
        study:
        - name: show
          description: show
          run: {cmd: "env > env.txt; ls -l /proc/self/fd | wc -l; cat"}
        """,
    )
    given = {name: value for name, value in os.environ.items() if not name.startswith("MAESTRO")}
    given["MARK"] = "x y"
    shell("maestro", "run", "-y", "-o", "out", "env.yaml", env=given)
    eventually(lambda: shell.states("out") == {"show": "FINISHED"})
    lines = (shell.folder / "out" / "show" / "env.txt").read_text().splitlines()
    assert "MARK=x y" in lines
    assert not [line for line in lines if line.startswith("MAESTRO")]


def test_a_conductor_that_does_not_start_says_why(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell(
        "maestro", "-l", "/no/such/place/log", "run", "-y", "-o", "out", "fan.yaml", code=1
    )
    assert "the log /no/such/place/log cannot be written" in done.stderr


def test_a_dry_run_writes_everything_and_runs_nothing(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "--dry", "-o", "out", "fan.yaml")
    assert set(shell.states("out").values()) == {"DRYRUN"}
    assert len(list((shell.folder / "out").glob("**/*.sh"))) == 7
    assert not list((shell.folder / "out").glob("**/*.out"))


def test_a_failed_step_takes_its_descendants_along_and_nothing_else(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "test $(N) = 2 && exit 7; tr a-z"))
    done = shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml", code=2)
    states = shell.states("out")
    assert states.pop("shout_N.2") == "FAILED"
    assert states.pop("all") == "INCOMPLETE"
    assert set(states.values()) == {"FINISHED"}
    assert "shout_N.2" in done.stdout
    assert "7" in done.stdout


def test_local_tasks_run_at_the_same_time(shell: Shell) -> None:
    shell.write(
        "wait.yaml",
        """
        description: {name: wait, description: each waits for the other}
        batch: {type: local, procs: 2}
        study:
        - name: meet
          description: meet
          run:
            cmd: |
              touch "$(OUTPUT_PATH)/here.$(N)"
              for i in $(seq 200); do
                test $(ls "$(OUTPUT_PATH)" | grep -c here) = 2 && exit 0
                sleep 0.05
              done
              exit 1
        global.parameters:
          N: {values: [1, 2], label: N.%%}
        """,
    )
    shell("maestro", "run", "-y", "-fg", "-o", "out", "wait.yaml")


def test_throttle_one_runs_in_order_one_at_a_time(shell: Shell) -> None:
    shell.write(
        "order.yaml",
        """
        description: {name: order, description: order}
        study:
        - name: note
          description: note
          run:
            cmd: |
              echo begin $(N) >> "$(OUTPUT_PATH)/journal"
              sleep 0.02
              echo end $(N) >> "$(OUTPUT_PATH)/journal"
        global.parameters:
          N: {values: [3, 1, 2], label: N.%%}
        """,
    )
    shell("maestro", "run", "-y", "-fg", "-t", "1", "-o", "out", "order.yaml")
    journal = (shell.folder / "out" / "journal").read_text().split("\n")[:-1]
    assert journal == [f"{word} {n}" for n in (3, 1, 2) for word in ("begin", "end")]


RESTART = """
    description: {name: again, description: restarts}
    batch: {type: local, enforce walltime: true}
    study:
    - name: long
      description: too long at first
      run:
        cmd: echo first >> tries; sleep 60
        restart: echo again >> tries; test $(wc -l < tries) -ge LAST || sleep 60
        walltime: "00:00:01"
"""


def test_a_timeout_is_restarted_in_the_same_workspace(shell: Shell) -> None:
    shell.write("again.yaml", RESTART.replace("LAST", "3"))
    shell("maestro", "run", "-y", "-fg", "-r", "3", "-o", "out", "again.yaml")
    tries = (shell.folder / "out" / "long" / "tries").read_text()
    assert tries == "first\nagain\nagain\n"
    assert (shell.folder / "out" / "long" / "long.restart.sh").exists()


def test_restarts_are_bounded(shell: Shell) -> None:
    shell.write("again.yaml", RESTART.replace("LAST", "9"))
    shell("maestro", "run", "-y", "-fg", "-r", "1", "-o", "out", "again.yaml", code=2)
    assert shell.states("out") == {"long": "TIMEDOUT"}
    assert (shell.folder / "out" / "long" / "tries").read_text() == "first\nagain\n"


def test_walltime_is_not_enforced_unless_asked_for(shell: Shell) -> None:
    text = RESTART.replace(", enforce walltime: true", "").replace("sleep 60", "sleep 2")
    shell.write("again.yaml", text)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "again.yaml")


def test_scripts_in_a_temporary_directory_can_be_written_again(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "run", "-n", "--usetmp", "-o", "out", "fan.yaml")
    assert "maestro resume" in done.stdout
    info = json.loads(
        subprocess.run(
            ["python3", "-c", "import sqlite3,sys;print(sqlite3.connect(sys.argv[1]).execute("
             "\"select value from study where key='scripts'\").fetchone()[0])",
             str(shell.folder / "out/.maestro/study.sqlite")],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    os.rmdir(info)
    shell("conductor", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}
    assert not list((shell.folder / "out").glob("**/*.sh"))
    assert len(os.listdir(info)) == 7
    assert f"scripts are in {info}" in (shell.folder / "out/logs/fan_out.log").read_text()


# ---- questions, and what is in the way


def test_it_asks_before_it_launches(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "run", "-o", "out", "fan.yaml", input="n\n")
    assert "maestro resume" in done.stdout
    assert set(shell.states("out").values()) == {"INITIALIZED"}


def test_nobody_to_ask_is_an_error(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "run", "-o", "out", "fan.yaml", code=1)
    assert "-y" in done.stderr


def test_a_closed_input_is_nobody_either(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    command = shlex.join(shell.command("maestro", "run", "-fg", "-o", "out", "fan.yaml"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} <&-"], cwd=shell.folder, capture_output=True, text=True
    )
    assert (done.returncode, "give -y" in done.stderr) == (1, True), done.stderr


def test_a_link_to_a_study_stays_a_link(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "--dry", "-o", "out", "fan.yaml")
    (shell.folder / "link").symlink_to("out")
    shell("maestro", "run", "--dry", "-y", "-o", "link", "fan.yaml")
    assert {p.name for p in shell.folder.iterdir()} == {"fan.yaml", "link", "out"}
    assert (shell.folder / "link").is_symlink()


def test_a_study_is_replaced_only_when_allowed(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "--dry", "-o", "out", "fan.yaml")
    mark = shell.folder / "out" / "mark"
    mark.touch()
    shell("maestro", "run", "--dry", "-n", "-o", "out", "fan.yaml")
    assert mark.exists()
    shell("maestro", "run", "--dry", "-y", "-o", "out", "fan.yaml")
    assert not mark.exists()
    assert [p.name for p in shell.folder.iterdir() if "out" in p.name] == ["out"]


def test_what_is_no_study_is_never_removed(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    precious = shell.folder / "out"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    done = shell("maestro", "run", "-y", "--dry", "-o", "out", "fan.yaml", code=1)
    assert "not a study" in done.stderr
    assert [p.name for p in precious.iterdir()] == ["thesis.tex"]


def test_a_study_that_is_being_conducted_is_not_replaced(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "sleep 30; tr a-z"))
    shell("maestro", "run", "-y", "-o", "out", "fan.yaml")
    done = shell("maestro", "run", "-y", "-o", "out", "fan.yaml", code=1)
    assert "being conducted by process" in done.stderr
    shell("maestro", "cancel", "-y", "out")


def test_a_failure_leaves_nothing_and_restores_what_was(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "--dry", "-o", "out", "fan.yaml")
    (shell.folder / "out" / "mark").touch()
    shell.write("bad.py", "def get_custom_generator(env, **kwargs):\n    raise ValueError('no')\n")
    done = shell("maestro", "run", "-y", "-p", "bad.py", "-o", "out", "fan.yaml", code=1)
    assert "no" in done.stderr
    assert (shell.folder / "out" / "mark").exists()
    done = shell("maestro", "run", "-y", "-p", "bad.py", "-o", "new", "fan.yaml", code=1)
    assert not (shell.folder / "new").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"], ["run", "nowhere.yaml"], ["run", "-a", "0", "fan.yaml"], ["nonsense"],
        ["run", "-t", "-1", "fan.yaml"], ["run", "-r", "x", "fan.yaml"], ["-d", "9", "run", "x"],
        ["run", "-y", "-n", "fan.yaml"], ["run", "--pargs", "A:1", "fan.yaml"],
        ["status", "nowhere"], ["cancel", "-y", "nowhere"],
        ["update", "--throttle", "1", "nowhere"],
        ["run", "-y", "-o", "/proc/no/such", "fan.yaml"],
    ],
)  # fmt: skip
def test_wrong_command_lines_end_with_one(shell: Shell, arguments: list[str]) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", *arguments, code=1)
    assert done.stderr.strip()
    assert [p.name for p in shell.folder.iterdir()] == ["fan.yaml"]


@pytest.mark.parametrize("words", ["status --nonsense x", "graph x y", "run", "rerun -t x y"])
def test_wrong_command_lines_are_told_how_that_command_is_used(shell: Shell, words: str) -> None:
    said = shell("maestro", *words.split(), code=1).stderr
    assert f"usage: maestro {words.split()[0]} [-h]" in said
