"""What commands say to people: what is wrong, what was meant, and what to type next."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import time

import pytest

from tests.conftest import Shell, eventually

STUDY = """
    description: {name: few, description: Few}
    study:
    - name: work
      description: work
      run: {cmd: "test $(N) != 2", walltime: "00:01:00"}
    - name: after
      description: after
      run: {cmd: "true", depends: [work_*]}
    global.parameters:
      N: {values: [1, 2], label: N.%%}
"""
RIGHT = STUDY.replace("test $(N) != 2", "echo $(N)")
SLOW = STUDY.replace("test $(N) != 2", "sleep 10$(N)")


def told(said: str, label: str) -> list[str]:
    """The command behind ``label`` in what was ``said``: words that a shell makes of it as it
    stands, though the directory that it names has a space.
    """
    (line,) = [line for line in said.splitlines() if line.lstrip().startswith(label)]
    program, *words = shlex.split(line.partition(label)[2])
    assert program == "maestro", line
    return words


def ran(shell: Shell, text: str, code: int) -> str:
    """What was said of a study with the specification ``text`` that ran in ``out``."""
    shell.write("study.yaml", text)
    return shell("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml", code=code).stdout


# ---- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("rnu study.yaml", "there is no command 'rnu'; did you mean 'run'?"),
        ("statsu", "there is no command 'statsu'; did you mean 'status'?"),
        ("frobnicate", "there is no command 'frobnicate'; all are listed by: maestro --help"),
        ("status --sumary out", "--sumary; did you mean '--summary'?"),
        ("graph out --levle=step", "--levle=step; did you mean '--level'?"),
        ("run -gf study.yaml", "-gf; did you mean '-fg'?"),
        ("run study.yaml -d 1", "-d 1; -d stands before the command: maestro -d ... run"),
        ("status -f jsn out", "'jsn' is none of text, json, csv; did you mean 'json'?"),
        ("completion fish", "argument shell: 'fish' is none of bash, zsh"),
    ],
)
def test_what_is_mistyped_is_told_what_comes_nearest(shell: Shell, typed: str, told: str) -> None:
    done = shell("maestro", *typed.split(), code=1)
    first, usage, *_ = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert first.endswith(told)
    command = "" if "there is no command" in told else f" {typed.split()[0]}"
    assert usage.startswith(f"usage: maestro{command} [-h]")
    assert not done.stdout


def test_nothing_is_suggested_that_is_not_near(shell: Shell) -> None:
    done = shell("maestro", "status", "--quux", "out", code=1)
    assert done.stderr.splitlines()[0] == "error: unrecognized arguments: --quux"
    done = shell("conductor", "--statos", "out", code=1)
    assert "--statos; did you mean '--status'?\nusage: conductor [-h]" in done.stderr


def test_options_without_a_value_that_is_right_name_those_that_are(shell: Shell) -> None:
    done = shell("maestro", "-d", "9", "list", code=1)
    assert "argument -d/--debug_lvl: '9' is none of 1, 2, 3, 4, 5\n" in done.stderr


# ---- running -------------------------------------------------------------------------------------


def test_the_starter_says_what_to_do_with_it(shell: Shell) -> None:
    said = shell("maestro", "init", "my study.yaml").stdout
    assert said.startswith("my study.yaml is written.")
    validate, run = said.splitlines()[1:]
    assert shell("maestro", *shlex.split(validate)[1:]).stdout == "my study.yaml: no problems\n"
    assert shell("maestro", *shlex.split(run)[1:], "--dry", "-o", "out").returncode == 0


def test_a_launched_study_is_looked_at_and_cancelled(shell: Shell) -> None:
    shell.write("study.yaml", SLOW)
    said = shell("maestro", "run", "-y", "-o", "out", "study.yaml").stdout
    assert "\nStudy launched: " in said
    assert "Conducted by process" in shell("maestro", *told(said, "How it stands:")).stdout
    live = told(said, "Live:")
    assert live[:2] == ["status", "--watch"]
    cancelled = shell("maestro", *told(said, "To cancel it:"), input="y\n").stdout
    followed = shell("maestro", *live, code=None).stdout
    assert "The study has ended: CANCELLED" in followed
    again = told(cancelled, "To run again what did not finish:")
    assert again == ["rerun", "--failed", f"{shell.folder}/out"]
    assert "3 of 3 tasks run again" in shell("maestro", *again, "--dry").stdout
    twice = shell("maestro", "cancel", "out").stdout
    assert "has ended already: CANCELLED" in twice
    assert told(twice, "To run again what did not finish:") == again


def test_a_failed_run_is_asked_about_and_run_again(shell: Shell) -> None:
    said = ran(shell, STUDY, 2)
    assert "Failed: 1 task" in shell("maestro", *told(said, "To know more:")).stdout
    again = told(said, "To run again what did not finish:")
    log = (shell.folder / "out" / "logs" / "few.log").read_text()
    assert told(log, "To run again what did not finish:") == again
    status = shell("maestro", "status", "out").stdout
    assert told(status, "To know why:") == told(said, "To know more:")
    assert told(status, "To run again what did not finish:") == again
    resumed = shell("maestro", "resume", "out").stdout
    assert told(resumed, "To run again what did not finish:") == again
    why = shell("maestro", "why", f"{shell.folder}/out").stdout
    assert told(why, "To run it again:") == again
    shell("maestro", *again, "-y", "-fg", code=2)


def test_what_has_finished_has_results(shell: Shell) -> None:
    said = ran(shell, RIGHT, 0)
    table = told(said, "The results as a table:")
    assert shell("maestro", *table).stdout.startswith("task ")
    for words in (["status", "out"], ["resume", "-y", "out"]):
        done = shell("maestro", *words).stdout
        assert told(done, "The results as a table:") == table
        assert "again" not in done
    done = shell("conductor", "out").stdout
    assert told(done, "The results as a table:") == table


def test_a_dry_run_is_told_how_it_becomes_a_real_one(shell: Shell) -> None:
    shell.write("my study.yaml", RIGHT)
    said = shell("maestro", "-d", "3", "run", "--dr", "-o", "out", "my study.yaml").stdout
    assert "Written, not run: " in said
    run = told(said, "To run it:")
    assert run == ["-d", "3", "run", "-o", "out", "my study.yaml"]
    status = shell("maestro", "status", "out").stdout
    assert "It was a dry run: all is written, and nothing has run\n" in status
    assert "maestro results" not in status
    shell("maestro", *run, "-y", "-fg")
    assert set(shell.states("out").values()) == {"FINISHED"}


def test_a_launch_that_is_put_off_is_done_later(shell: Shell) -> None:
    shell.write("study.yaml", RIGHT)
    done = shell("maestro", "run", "-o", "out", "study.yaml", code=1)
    assert "nobody answered; give -y (yes) or -n (no)\nThe study is made, and not" in done.stderr
    later = done.stderr.rpartition("The study is made, and not launched. ")[2]
    declined = shell("maestro", "run", "-n", "-o", "other", "study.yaml").stdout
    other = declined.rpartition("Not launched. ")[2]
    for text in (later, other):
        shell("maestro", *told(text, "To launch it later:"), "-y", "-fg")
    for study in ("out", "other"):
        assert set(shell.states(study).values()) == {"FINISHED"}


@pytest.mark.parametrize("foreground", [[], ["-fg"]])
def test_a_launch_that_fails_is_done_once_that_is_mended(
    shell: Shell, foreground: list[str]
) -> None:
    shell.write("study.yaml", RIGHT)
    run = ["-l", "no/log", "run", "-y", *foreground, "-o", "out", "study.yaml"]
    done = shell("maestro", *run, code=1)
    error, _, resume = done.stderr.partition("; once that is mended, ")
    assert error.endswith("name another with -l FILE")
    shell("maestro", *told(resume, "the study can be taken up again:"), "-y", "-fg")


def test_a_conductor_that_is_stopped_is_followed_by_another(shell: Shell) -> None:
    shell.write("study.yaml", SLOW.replace("sleep 10", "sleep "))
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml")
    eventually(lambda: list((shell.folder / "out").glob("work/*/*.out")))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[0]
    assert "Stopped; what runs goes on. To take the study up again:" in said
    command = shlex.split(said.splitlines()[-1])
    assert command == ["maestro", "resume", f"{shell.folder}/out"]
    shell("maestro", *command[1:], "-y", "-fg")


# ---- running again -------------------------------------------------------------------------------


def test_what_would_run_again_is_told_before_it_does(shell: Shell) -> None:
    ran(shell, STUDY, 2)
    former = shell.folder / "out" / "meta" / "former"
    said = shell("maestro", "rerun", "--dry", "--failed", "out").stdout
    assert f"What earlier attempts have left will be kept in {former}\n" in said
    assert not former.exists()
    again = told(said, "To have that done:")
    assert again == ["rerun", "--failed", "out"]
    shell("maestro", *again, "-y", "-fg", code=2)
    assert former.exists()


def test_of_several_studies_it_is_told_once(shell: Shell) -> None:
    ran(shell, RIGHT, 0)
    shell.write("study.yaml", STUDY)
    shell("maestro", "run", "-y", "-fg", "-o", "other", "study.yaml", code=2)
    said = shell("maestro", "rerun", "--dry", "--failed", "out", "other").stdout
    assert told(said, "To have that done:") == ["rerun", "--failed", "out", "other"]
    said = shell("maestro", "rerun", "--dry", "--failed", "out").stdout
    assert said == f"Nothing is to be run again in {shell.folder}/out\n"


def test_where_only_a_walltime_has_changed_what_failed_runs_with_it(shell: Shell) -> None:
    ran(shell, STUDY, 2)
    shell.write("longer study.yaml", STUDY.replace("01:", "02:"))
    rerun = ["rerun", "--spec", "longer study.yaml", "out"]
    said = shell("maestro", *rerun, "--dry").stdout
    assert "changes none of the tasks, and is not taken over.\n" in said
    again = told(said, "1 task did not finish; to run that again, by it:")
    assert again == [*rerun, "--failed"]
    shell("maestro", *again, "-y", "-fg", code=2)
    kept = (shell.folder / "out" / ".maestro").glob("*.yaml")
    assert any("00:02:00" in path.read_text() for path in kept)


# ---- who conducts --------------------------------------------------------------------------------


def test_whoever_comes_second_is_told_what_can_be_done(shell: Shell) -> None:
    shell.write("study.yaml", SLOW)
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml")
    eventually(lambda: list((shell.folder / "out").glob("work/*/*.out")))
    for program, words in (
        ("maestro", ["resume", "-y", "out"]), ("maestro", ["rerun", "--failed", "-y", "out"]),
        ("maestro", ["run", "-y", "-o", "out", "study.yaml"]), ("conductor", ["out"]),
    ):  # fmt: skip
        said = shell(program, *words, code=1).stderr
        assert f"out is being conducted by process {process.pid}" in said
        assert told(said, "To follow it:") == ["status", "--watch", f"{shell.folder}/out"]
        force = told(said, "If that process is stopped or beyond reach, to take the study over:")
        assert force == ["resume", "--force", f"{shell.folder}/out"]
    shell("maestro", *told(said, "To cancel it:"), "-y")
    process.communicate(timeout=20)
    assert process.returncode == 3


def test_a_conductor_that_does_not_answer_is_replaced(shell: Shell) -> None:
    shell.write("study.yaml", SLOW)
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml")
    eventually(lambda: list((shell.folder / "out").glob("work/*/*.out")))
    time.sleep(1)  # it has nothing to record any more: a store that it had locked would stay so
    process.send_signal(signal.SIGSTOP)
    hasty = "from maestro.conductor import control; control.PATIENCE = 0.5; "
    command = shell.command("maestro", "cancel", "-y", "out")
    command[2] = command[2].replace("import sys; ", f"import sys; {hasty}")
    done = subprocess.run(command, cwd=shell.folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "out: its conductor was asked, and has not answered yet\n" in done.stderr
    assert told(done.stderr, "To see whether it does:")[:2] == ["status", "--watch"]
    force = told(done.stderr, "If it is stopped or beyond reach, to do that in its place:")
    try:
        shell("maestro", *force, "-y", "-fg", code=3)
    finally:
        process.kill()
        process.communicate()


def test_cancel_knows_no_other_answer(shell: Shell) -> None:
    shell.write("study.yaml", RIGHT)
    shell("maestro", "run", "-n", "-o", "out", "study.yaml")
    assert shell("maestro", "cancel", "out", code=1).stderr.endswith("give -y (yes)\n")


def test_limits_of_what_nobody_conducts(shell: Shell) -> None:
    shell.write("study.yaml", RIGHT)
    shell("maestro", "run", "-n", "-o", "out", "study.yaml")
    said = shell("maestro", "update", "--throttle", "1", "out").stdout
    resume = told(said, "Nobody conducts it now; to go on, with these:")
    shell("maestro", *resume, "-y", "-fg")
    done = shell("maestro", "update", "--throttle", "1", "out", code=1)
    assert "out has ended already: FINISHED\n" in done.stderr
    assert told(done.stderr, "The results as a table:")[0] == "results"


# ---- looking -------------------------------------------------------------------------------------


def test_what_is_no_study_may_hold_some(shell: Shell) -> None:
    (shell.folder / "all").mkdir()
    shell.write("study.yaml", RIGHT)
    shell("maestro", "run", "-n", "-o", "all/one", "study.yaml")
    done = shell("maestro", "status", "all", code=1)
    below = re.fullmatch(r".* is not a study directory \(.*\); those below: (.*)\n", done.stderr)
    assert below is not None
    assert "one" in shell("maestro", *shlex.split(below[1])[1:]).stdout


def test_files_that_are_written_are_told_of_beside(shell: Shell) -> None:
    ran(shell, RIGHT, 0)
    for words, said in (
        (["graph", "-o", "a graph.dot", "out"], "a graph.dot is written: dot, 3 tasks, 2 edges"),
        (["graph", "-o", "g.json", "study.yaml"], "g.json is written: json, 3 tasks, 2 edges"),
        (["results", "-o", "r.csv", "out"], "r.csv is written: csv, 3 tasks"),
        (["results", "--step", "after", "-f", "table", "-o", "r", "out"],
         "r is written: table, 1 task"),
    ):  # fmt: skip
        done = shell("maestro", *words)
        assert (done.stdout, done.stderr) == ("", f"note: {said}\n")
    for words in (["graph", "study.yaml"], ["results", "-f", "csv", "-o", "-", "out"]):
        assert shell("maestro", *words).stderr == ""


def test_logs_of_a_task_that_fails_say_where_to_ask(shell: Shell) -> None:
    ran(shell, STUDY, 2)
    done = shell("maestro", "logs", "-f", "out", "work_N.2")
    assert done.stderr.startswith("note: work_N.2 is FAILED; see maestro why ")
    why = shlex.split(done.stderr.partition("; see ")[2])[1:]
    assert shell("maestro", *why).stdout.startswith("work_N.2 FAILED")
    assert shell("maestro", "logs", "-f", "out", "after", code=0).stderr.endswith("INCOMPLETE\n")


def test_a_script_for_a_shell_on_a_terminal_is_told_of(shell: Shell) -> None:
    assert shell("maestro", "completion", "bash").stderr == ""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        shell.command("maestro", "completion", "bash"), stdout=follower, stderr=subprocess.PIPE,
        text=True, cwd=shell.folder,
    ) as process:  # fmt: skip
        os.close(follower)
        while True:  # until its end, which is an error of input and output
            try:
                os.read(leader, 65536)
            except OSError:
                break
        assert process.stderr is not None
        said = process.stderr.read()
    os.close(leader)
    assert said == (
        'note: that is for a shell, as in: eval "$(maestro completion bash)"; to keep it: '
        "maestro completion bash --help\n"
    )
