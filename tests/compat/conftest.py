"""The peer, maestrowf 1.2.1, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PEER = "maestrowf==1.2.1"
SERVER = Path(__file__).with_name("peer_server.py")


class Peer:
    """Runs the peer's commands in one process, which spares its start each time."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, *arguments: object) -> dict:
        """Run ``maestro`` with ``arguments``; see peer_server.py for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = json.dumps({"arguments": [*map(str, arguments)]})
        print(request, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The peer; MAESTRO_PEER_PYTHON may name a Python that has it already."""
    python = os.environ.get("MAESTRO_PEER_PYTHON") or _install(tmp_path_factory.mktemp("peer"))
    running = Peer(python)
    yield running
    running.close()


def _install(folder: Path) -> str:
    """Make the peer's environment; without a package index these tests cannot be."""
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [python, "-m", "pip", "install", "-q", PEER]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = f"{PEER} cannot be installed: {done.stderr.strip()[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return python
