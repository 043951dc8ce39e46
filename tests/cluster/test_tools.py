"""The programs that start and stop the real Slurm, where they must do neither."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster.slurm import TOOLS


@pytest.mark.parametrize("name", ["up", "down"])
@pytest.mark.parametrize(
    ("word", "status"), [("--help", 0), ("-h", 0), ("--nosuch", 2), ("help", 2)]
)
def test_only_what_is_asked_for(tmp_path: Path, name: str, word: str, status: int) -> None:
    """Whoever asks ``down`` for help does not want everything stopped."""
    root = tmp_path / "slurm"
    (root / "run").mkdir(parents=True)
    done = subprocess.run(
        [TOOLS / name, word], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "TEST_SLURM_ROOT": str(root), "TEST_SLURM_INSTALL": "0"},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert f"tools/slurm/{name}" in done.stdout + done.stderr
    assert done.stdout.strip() != "OK"
    assert [path.name for path in root.iterdir()] == ["run"]
