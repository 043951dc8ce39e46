"""Putting the stand-ins where commands are looked for."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

PROGRAMS = ("bsub", "bjobs", "bkill", "flux")


class StandIns:
    """The stand-ins, with their state in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mark(self, name: str, present: bool = True) -> None:
        """Make or remove a mark (see scheduler.py)."""
        path = self.folder / name
        path.touch() if present else path.unlink(missing_ok=True)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, minute: float = 1.0) -> StandIns:
    """Put the stand-ins in front on the PATH."""
    programs, state = folder / "bin", folder / "state"
    programs.mkdir(parents=True)
    state.mkdir()
    main = Path(__file__).with_name("scheduler.py")
    for name in PROGRAMS:
        words = shlex.join([sys.executable, "-I", "-S", str(main), name])
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("STANDIN_STATE", str(state))
    monkeypatch.setenv("STANDIN_MINUTE", str(minute))
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return StandIns(state)
