"""What is said of failures: their causes, their output, and where it ends."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro.conductor.store import TaskRow
from maestro.engine import Seen
from maestro.report import outputs
from maestro.report.failure import cause
from maestro.report.why import why
from tests.report.conftest import Played


@pytest.mark.parametrize(
    ("state", "code", "detail", "text"),
    [
        ("FAILED", 3, "exit code 3", "exit code 3"),
        ("FAILED", 255, "exit code 255", "exit code 255"),
        ("FAILED", 127, "exit code 127", "exit code 127: a command was not found (PATH, or a "
         "missing module)"),
        ("FAILED", 137, "ended by SIGKILL", "ended by SIGKILL (exit code 137): often because "
         "memory ran out"),
        ("FAILED", 139, None, "ended by SIGSEGV (exit code 139): crashed by a memory fault"),
        ("FAILED", 1, "out of memory", "out of memory; exit code 1"),
        ("TIMEDOUT", 143, None, "time limit reached"),
        ("HWFAILURE", None, "its node failed", "its node failed"),
        ("HWFAILURE", None, None, "it is not known why"),
        ("FAILED", None, "Permission denied", "never started: Permission denied"),
    ],
)  # fmt: skip
def test_causes(state: str, code: int | None, detail: str | None, text: str) -> None:
    assert cause(TaskRow(0, "t", "t", "t", "{}", state, exit_code=code, detail=detail)) == text


@given(st.binary(max_size=40), st.integers(1, 5), st.integers(1, 7))
def test_the_last_lines_begin_where_they_do(text: bytes, count: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "BLOCK", block)
        start = outputs.from_last(io.BytesIO(text), count)
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    assert text[start:] == b"".join(lines[-count:])


def test_a_line_without_end_is_not_read_whole() -> None:
    class Counting(io.BytesIO):
        read_bytes = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.read_bytes += len(data)
            return data

    file = Counting(b"x" * 5_000_000)
    assert outputs.from_last(file, 2) == 5_000_000 - 2 * outputs.LONGEST
    assert file.read_bytes == 2 * outputs.LONGEST


def test_output_of_an_attempt_and_the_newest(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert outputs.newest(folder, "a", ".out") is None
    assert outputs.newest(f"{folder}/none", "a", ".out") is None
    for age, name in enumerate(("a.7-2.out", "a.7.out", "a.out", "ab.out", "a.8.err", "a.9.out")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert outputs.newest(folder, "a", ".out") == f"{folder}/a.7-2.out"
    assert outputs.output(folder, "a", ".out", "7", 2) == f"{folder}/a.7-2.out"
    assert outputs.output(folder, "a", ".out", "7", 1) == f"{folder}/a.7.out"
    assert outputs.output(folder, "a", ".out", "5", 1) == f"{folder}/a.out"
    assert outputs.output(folder, "a", ".err", "5", 1) == f"{folder}/a.8.err"


def test_scripts_of_every_scheduler(tmp_path: Path) -> None:
    folder = str(tmp_path)
    (tmp_path / "a.1.slurm.sh").touch()
    assert outputs.script(folder, "a", restarted=False) is None
    for ending in (".sh", ".slurm.sh"):
        (tmp_path / f"a{ending}").touch()
        assert outputs.script(folder, "a", restarted=False) == f"{folder}/a{ending}"
        assert outputs.script(folder, "a", restarted=True) is None
        (tmp_path / f"a.restart{ending}").touch()
        assert outputs.script(folder, "a", restarted=True) == f"{folder}/a.restart{ending}"
        for path in tmp_path.glob(f"a*{ending}"):
            if "a.1" not in path.name:
                path.unlink()


def test_what_a_scheduler_says(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.see("sim_A.0", Seen.ACCEPTED, job="17", detail="JobHeldUser")
    played.see("sim_A.1", Seen.ACCEPTED, job="18")
    played.see("sim_A.2", Seen.ACCEPTED, job="19")
    played.see("sim_A.2", Seen.MISSING, detail="Slurm does not know job 19 at present")
    played.save()

    def said(task: str) -> str:
        return "\n".join(why(played.directory, task, "utf-8"))

    assert "waits in the queue as job 17, for " in said("sim_A.0")
    assert ": JobHeldUser\n" in said("sim_A.0")
    assert ", for free nodes or its turn\n" in said("sim_A.1")
    assert "sim_A.2 UNKNOWN\n" in said("sim_A.2")
    assert "Slurm does not know job 19 at present\n" in said("sim_A.2")
    assert f"To go on: maestro resume {played.directory}" in said("sim_A.2")
