"""The soak, on a small study, and what it takes for flat and linear."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.soak import Sample, verdict

SOAK = Path(__file__).parents[2] / "tools" / "soak.py"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked up in /proc")
def test_a_small_soak() -> None:
    command = [sys.executable, str(SOAK), "--tasks", "240", "--every", "0.02"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bytes a task" in done.stdout
    assert done.stdout.count("flat") == 2
    assert "linear" in done.stdout


@pytest.mark.parametrize(
    ("conductor", "shim", "store", "good"),
    [
        (lambda n: 50e6, lambda n: 10e6, lambda n: 1e6 + 500 * n, True),
        (lambda n: 50e6 + 1e4 * n, lambda n: 10e6, lambda n: 1e6 + 500 * n, False),
        (lambda n: 50e6, lambda n: 10e6 + 1e4 * n, lambda n: 1e6 + 500 * n, False),
        (lambda n: 50e6, lambda n: 10e6, lambda n: 1e6 + n * n, False),
    ],
)
def test_what_grows_is_told(conductor, shim, store, good: bool) -> None:
    samples = [
        Sample(n / 10, n, int(conductor(n)), int(shim(n)), int(store(n)))
        for n in range(0, 2001, 20)
    ]
    assert verdict(samples) == good
