"""``conductor`` and ``update``: their options, and settings of a running study."""

from __future__ import annotations

from tests.cli.test_recovery import SLOW
from tests.cli.test_run import FAN
from tests.conftest import Shell, eventually


def test_conductor_knows_both_meanings_of_s(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    for arguments in (["-s", "out"], ["out", "-s"], ["--status", "out"]):
        assert "INITIALIZED" in shell("conductor", *arguments).stdout
    shell("conductor", "-s", "0", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}


def test_update_changes_a_running_study(shell: Shell) -> None:
    shell.write("slow.yaml", SLOW.replace("1.5, 1.6", "0.5, 0.6, 0.7"))
    shell("maestro", "run", "-y", "-t", "1", "-o", "out", "slow.yaml")
    shell("maestro", "update", "--throttle", "0", "--sleep", "0", "--rlimit", "0", "out")
    log = shell.folder / "out" / "logs" / "slow.log"
    eventually(lambda: "throttle is 0" in log.read_text())
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})
    shell("maestro", "update", "--throttle", "0", "out", code=1)


def test_update_asks_when_no_option_is_given(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    done = shell("maestro", "update", "out", input="0\nno\n5\n\n")
    assert "throttle = 0, rlimit = 5" in done.stdout
    shell("maestro", "update", "out", code=1)
