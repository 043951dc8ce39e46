"""Leaving a study and coming back to it: cancel, kill, terminate, take up again."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from maestro.adapters.records import Reader
from tests.conftest import Shell, eventually

SLOW = """
    description: {name: slow, description: slow}
    study:
    - name: work
      description: work
      run: {cmd: "echo $$ > pid; sleep $(N); echo done"}
    - name: after
      description: after
      run: {cmd: "true", depends: [work_*]}
    global.parameters:
      N: {values: [1.5, 1.6], label: N.%%}
"""


def running(shell: Shell, count: int) -> bool:
    return len(list((shell.folder / "out").glob("work/*/pid"))) == count


def test_interrupt_cancels_cleanly(shell: Shell) -> None:
    shell.write("slow.yaml", SLOW.replace("1.5, 1.6", "50, 60"))
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 3, text
    assert time.monotonic() - begin < 4
    assert set(shell.states("out").values()) == {"CANCELLED"}


def test_cancel_from_outside_is_quick_whatever_the_sleep_time(shell: Shell) -> None:
    shell.write("slow.yaml", SLOW.replace("1.5, 1.6", "50, 60"))
    shell("maestro", "run", "-y", "-s", "1000", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    begin = time.monotonic()
    shell("maestro", "cancel", "-y", "out")
    assert time.monotonic() - begin < 4
    assert set(shell.states("out").values()) == {"CANCELLED"}
    done = shell("maestro", "cancel", "-y", "out")
    assert "ended already" in done.stdout


def killed_conductor(shell: Shell, text: str) -> None:
    shell.write("slow.yaml", text)
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    process.kill()
    process.communicate()


def test_cancel_works_when_the_conductor_is_gone(shell: Shell) -> None:
    killed_conductor(shell, SLOW.replace("1.5, 1.6", "50, 60"))
    shell("maestro", "cancel", "-y", "out")
    assert set(shell.states("out").values()) == {"CANCELLED"}


def test_a_killed_conductor_loses_and_repeats_nothing(shell: Shell) -> None:
    text = SLOW.replace("echo $$", "echo x >> '$(OUTPUT_PATH)/runs'; echo $$")
    killed_conductor(shell, text)
    shell("conductor", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}
    assert (shell.folder / "out" / "runs").read_text() == "x\nx\n"


def test_work_that_ended_while_nobody_conducted_is_taken_in(shell: Shell) -> None:
    text = SLOW.replace("echo $$", "echo x >> '$(OUTPUT_PATH)/runs'; echo $$")
    killed_conductor(shell, text.replace("echo done", "exit 4"))
    time.sleep(2.5)
    shell("conductor", "out", code=2)
    assert shell.states("out") == {
        "work_N.1.5": "FAILED", "work_N.1.6": "FAILED", "after": "INCOMPLETE",
    }  # fmt: skip
    assert (shell.folder / "out" / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_work_running_and_resumable(shell: Shell, number: int) -> None:
    shell.write("slow.yaml", SLOW.replace("1.5, 1.6", "6, 7"))
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    process.send_signal(number)
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "maestro resume" in text
    assert "2 running, reattached" in shell("maestro", "resume", "-y", "-fg", "out").stdout
    assert set(shell.states("out").values()) == {"FINISHED"}


def test_a_second_conductor_refuses(shell: Shell) -> None:
    shell.write("slow.yaml", SLOW.replace("1.5, 1.6", "5, 5.1"))
    shell("maestro", "run", "-y", "-o", "out", "slow.yaml")
    done = shell("conductor", "out", code=1)
    assert "being conducted by process" in done.stderr
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})
    done = shell("conductor", "out")
    assert "FINISHED" in done.stdout


def test_a_second_interrupt_leaves_at_once(shell: Shell) -> None:
    text = SLOW.replace("echo $$", "trap '' TERM; echo $$").replace("1.5, 1.6", "50, 60")
    shell.write("slow.yaml", text)
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=2)
    assert process.returncode == 1, text
    shell("conductor", "out", code=3)
    assert set(shell.states("out").values()) == {"CANCELLED"}


def test_a_killed_shim_is_replaced_and_its_tasks_are_not_run_again(shell: Shell) -> None:
    text = SLOW.replace("echo $$", "echo x >> '$(OUTPUT_PATH)/runs'; echo $$")
    shell.write("slow.yaml", text.replace("[work_*]", "[]"))
    process = shell.start("maestro", "run", "-y", "-fg", "-t", "2", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    (path,) = (shell.folder / "out" / ".maestro").glob("ledger-*.jsonl")
    reader = Reader(str(path))
    reader.read()
    assert reader.opened is not None
    os.kill(reader.opened.pid, signal.SIGKILL)
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 2, text
    assert shell.states("out") == {
        "work_N.1.5": "HWFAILURE", "work_N.1.6": "HWFAILURE", "after": "FINISHED",
    }  # fmt: skip
    assert (shell.folder / "out" / "runs").read_text() == "x\nx\n"
    assert "nobody was there to see how it ended" in text


def test_processes_of_a_cancelled_study_are_gone(shell: Shell) -> None:
    text = SLOW.replace("sleep $(N)", "echo $(N); sleep 98765 & sleep 98765")
    shell.write("slow.yaml", text)
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: running(shell, 2))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    done = subprocess.run(["pgrep", "-f", "sleep 98765"], capture_output=True, text=True)
    assert done.stdout == ""
