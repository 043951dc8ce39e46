"""Facts of the machine, by each of the ways to them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maestro.adapters import host


@pytest.fixture(params=[host.process_start, host._start_by_ps])
def process_start(request: pytest.FixtureRequest):
    return request.param


def test_this_machine() -> None:
    assert host.boot_id()
    assert host.boot_id() == host.boot_id()
    assert host.hostname()
    assert host.cores() >= 1


def test_when_a_process_was_started(process_start, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = process_start(os.getpid())
    assert mine
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert process_start(os.getpid()) == mine
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    end = time.monotonic() + 10
    while process_start(process.pid) is not None:
        assert time.monotonic() < end, "a zombie is not alive"
    process.wait()
    assert process_start(process.pid) is None


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 (b"
    program.write_text("#!/bin/sh\nread x\n")
    program.chmod(0o755)
    with subprocess.Popen([str(program)], stdin=subprocess.PIPE) as process:
        start = host.process_start(process.pid)
        assert start is not None
        assert int(start) > 0
        assert process.stdin is not None
        process.stdin.close()


THREADS = """\
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
print(flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
"""A process whose first thread ends before another."""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no thread is the process")
def test_a_process_lives_as_long_as_its_last_thread() -> None:
    words = [sys.executable, "-c", THREADS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = host.process_start(process.pid)
        assert start is not None
        end = time.monotonic() + 10
        while b"State:\tZ" not in Path(f"/proc/{process.pid}/status").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert host.process_start(process.pid) == start
        process.communicate()


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2.0),
        ("0::/not/here", {"cpu.max": "300000 100000"}, 3.0),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        (
            "5:memory:/x\n4:cpu,cpuacct:/x",
            {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ("", {}, None),
    ],
)
def test_the_quota_of_control_groups(
    tmp_path: Path, own: str, files: dict[str, str], expected: float | None
) -> None:
    (tmp_path / "own").write_text(own + "\n" if own else "")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert host._quota(str(tmp_path), str(tmp_path / "own")) == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert host._quota(str(tmp_path), str(tmp_path / "none")) is None
