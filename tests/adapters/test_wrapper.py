"""The wrapper that starts a script inside a job, as a scheduler runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from adapter_bench import Wrapped

from maestro.adapters.base import Job
from maestro.engine import AttemptId


@pytest.mark.parametrize(
    ("variables", "job"),
    [
        ({"A": "1", "B": "2"}, "1_2"),
        ({"A": "1", "C": "3"}, "1_3"),
        ({"C": "3"}, "-_3"),
        ({}, "-_-"),
    ],
)
def test_the_job_by_its_variables(wrapped: Wrapped, variables: dict[str, str], job: str) -> None:
    path = wrapped.records.path("0.1")
    assert wrapped("-j", "A,B:C", path, "/bin/true", HOSTNAME="", **variables) == 0
    start = wrapped.records.start("0.1")
    assert start is not None
    assert (start.job, start.host) == (job, "-")


def test_a_user_s_settings_of_bash_are_for_the_script(wrapped: Wrapped, tmp_path: Path) -> None:
    (tmp_path / "bashenv").write_text("set -C; export SEEN=yes\n")
    script = tmp_path / "script"
    script.write_text('#!/bin/bash\n[ "$SEEN" = yes ] && [ -o noclobber ] && greet\nexit 1\n')
    script.chmod(0o755)
    path = wrapped.records.path("0.1")
    environment = {
        "BASH_ENV": str(tmp_path / "bashenv"), "SHELLOPTS": "noclobber:nounset:errexit",
        "BASH_FUNC_greet%%": "() {  exit 5\n}", "JOB": "7",
    }  # fmt: skip
    assert wrapped("-j", "JOB", path, str(script), **environment) == 5
    end = wrapped.records.end("0.1")
    assert end is not None
    assert end.code == 5


@pytest.mark.parametrize(("output", "code"), [("/no/such/place/out", 73), (None, 66)])
def test_members_of_an_array_that_cannot_be_started(
    wrapped: Wrapped, tmp_path: Path, output: str | None, code: int
) -> None:
    """Neither with its output lost, nor with a list that is cut short."""
    job = Job(AttemptId("t0", 1), "/bin/true", str(tmp_path), output or str(tmp_path / "out"))
    path = wrapped.records.write_members("0.1+1", [("0.1", job)])
    if output is None:
        os.truncate(path, os.path.getsize(path) - 1)
    assert wrapped("-a", "INDEX", "-j", "JOB,INDEX", path, JOB="7", INDEX="0") == code
    assert wrapped.records.start("0.1") is None


def test_a_full_disk_does_not_change_how_a_script_ended(wrapped: Wrapped, tmp_path: Path) -> None:
    """Where the exit code cannot be noted down, the wrapper still ends with it."""
    path = wrapped.records.path("0.1")
    script = tmp_path / "script"
    script.write_text(f"#!/bin/bash\nsleep 0.3; printf '%01023d\\n' 0 > {path}.end.new\n")
    script.chmod(0o755)
    full = "trap '' XFSZ; ulimit -f 1; exec \"$@\""  # no file may be longer than 1024 bytes
    words = ["bash", "-c", full, "_", wrapped.records.wrapper, "-j", "JOB", path, str(script)]
    assert subprocess.run(words, check=False).returncode == 0


@pytest.mark.parametrize("former", [False, True], ids=["mapfile -d", "as before bash 4.4"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_member_of_an_array_finds_its_own_script(
    wrapped: Wrapped, tmp_path: Path, index: int, former: bool
) -> None:
    members = []
    for number in range(3):
        folder = tmp_path / f"some\nwhere {number}"
        folder.mkdir()
        script = folder / "work.sh"
        script.write_text(f'#!/bin/bash\necho {number} "${{PWD##*/}}"\n')
        script.chmod(0o700)
        job = Job(AttemptId(f"t{number}", 1), str(script), str(folder), str(folder / "work"))
        members.append((f"{number}.1", job))
    path = wrapped.records.write_members("0.1+3", members)
    (tmp_path / "bashenv").write_text("mapfile() { return 2; }\n" if former else "")
    environment = {"BASH_ENV": str(tmp_path / "bashenv"), "JOB": "7", "INDEX": str(index)}
    assert wrapped("-a", "INDEX", "-j", "JOB,INDEX", path, **environment) == 0
    written = (tmp_path / f"some\nwhere {index}" / "work.out").read_text()
    assert written == f"{index} some\nwhere {index}\n"
    ends = [wrapped.records.end(key) for key, _ in members]
    assert [number for number, end in enumerate(ends) if end is not None] == [index]
