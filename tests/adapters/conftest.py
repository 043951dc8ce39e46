"""Real processes under a real shim or wrapper, all gone after each test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_bench import Bench, Wrapped

from maestro.adapters import host


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "with a space, 'quotes', $(touch x) and ü"
    folder.mkdir()
    made = Bench(folder)
    yield made
    for backend in made.backends:
        for pid in made.pids():
            if host.process_start(pid):
                os.killpg(pid, signal.SIGKILL)
        backend.close()
        for process in (backend._process, *backend._closed):
            process.wait(10)


@pytest.fixture
def wrapped(tmp_path: Path) -> Wrapped:
    return Wrapped(tmp_path / "jobs")
