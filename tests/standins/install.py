"""Putting the stand-ins where commands are looked for."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

PROGRAMS = {
    "scheduler.py": ("bsub", "bjobs", "bkill", "flux"),
    "slurm.py": ("sbatch", "squeue", "sacct", "scancel", "scontrol"),
}


class StandIns:
    """The stand-ins, with their state in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mark(self, name: str, present: bool = True) -> None:
        """Make or remove a mark (see scheduler.py)."""
        path = self.folder / name
        path.touch() if present else path.unlink(missing_ok=True)


def environment(folder: Path, main: str = "scheduler.py", minute: float = 1.0) -> dict[str, str]:
    """Make the stand-ins of ``main``, which is in this directory, and their state in ``folder``;
    the variables with which they come first.
    """
    programs, state = folder / "bin", folder / "state"
    programs.mkdir(parents=True)
    state.mkdir()
    for name in PROGRAMS[main]:
        words = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).with_name(main)), name])
        shadow(programs, name, f"exec {words} \"$@\"")
    return {
        "STANDIN_STATE": str(state),
        "STANDIN_MINUTE": str(minute),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }


def shadow(folder: Path, program: str, text: str) -> None:
    """Put a shell script into ``folder``, to be found in the place of ``program``."""
    script = folder / program
    script.write_text(f"#!/bin/bash\n{text}\n")
    script.chmod(0o755)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, minute: float = 1.0) -> StandIns:
    """Put the stand-ins for LSF and Flux in front on the PATH."""
    for name, value in environment(folder, minute=minute).items():
        monkeypatch.setenv(name, value)
    return StandIns(folder / "state")
