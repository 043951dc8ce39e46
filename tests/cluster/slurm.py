"""Starting the real Slurm of ``tools/slurm``, and handling it as its administrator does."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "slurm"
ROOT = os.environ.get("TEST_SLURM_ROOT", "/var/lib/maestro-test-slurm")


class Slurm:
    """The cluster. Commands find it by the environment, see `use`."""

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let commands that are started from now on talk to it; none of them may need ``$USER``."""
        monkeypatch.setenv("SLURM_CONF", f"{ROOT}/etc/slurm.conf")
        monkeypatch.delenv("USER", raising=False)

    def __call__(self, *words: object) -> str:
        """Run one of its commands; what it prints."""
        done = self._ask(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def time_out(self, job: object) -> None:
        """Let the time limit of a job that runs be reached."""
        asked = ("scontrol", "update", f"JobId={job}", "EndTime=now")
        # Now is a whole second, and is refused as past once the next one has begun on the way.
        while (done := self._ask(*asked)).returncode:
            assert "Invalid time specified" in done.stderr, done.stderr

    def _ask(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*map(str, words)], capture_output=True, text=True, timeout=60,
            env=os.environ | {"SLURM_CONF": f"{ROOT}/etc/slurm.conf"},
        )  # fmt: skip

    def stop(self, daemon: str) -> None:
        """Stop one daemon: slurmctld, slurmdbd, or that of a node."""
        subprocess.run([TOOLS / "down", "--only", daemon], check=True, capture_output=True)

    def up(self) -> None:
        """Start what is not running."""
        subprocess.run([TOOLS / "up"], check=True, capture_output=True)


@functools.cache
def start() -> Slurm | str:
    """The cluster, or why there is none. Nothing is installed: ``tools/slurm/up`` does that."""
    done = subprocess.run(
        [TOOLS / "up"], capture_output=True, text=True, timeout=900,
        env=os.environ | {"TEST_SLURM_INSTALL": "0"},
    )  # fmt: skip
    if done.returncode == 77 and not os.environ.get("CI"):
        return f"no Slurm; tools/slurm/up says: {done.stderr.strip()}"
    assert done.returncode == 0, done.stderr
    return Slurm()


def running(monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The cluster, in use; without one the test is skipped, and in CI it fails."""
    found = start()
    if isinstance(found, str):
        pytest.skip(found)
    found.use(monkeypatch)
    return found
