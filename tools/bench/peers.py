"""The peers, each in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["PEERS", "found", "install", "installed", "versions"]

PEERS = {
    "maestrowf": "maestrowf==1.2.1",
    "Snakemake": "snakemake",
    "doit": "doit",
    "Luigi": "luigi",
    "parsl": "parsl",
}
"""What pip is asked for."""

READY = "ready"
"""The file that says that an environment is whole."""


def install(folder: Path, say: Callable[[str], None]) -> None:
    """Install what is not there yet; what cannot be installed is left out."""
    for name, requirement in PEERS.items():
        place = folder / name
        if (place / READY).exists():
            continue
        say(f"{requirement} is being installed")
        if why := _make(place, requirement):
            say(f"{requirement} cannot be installed: {why}")
        else:
            (place / READY).touch()


def installed(root: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """The Python of an environment with Maestro as it stands in ``root``, installed as by users.

    Raises
    ------
    SystemExit
        It cannot be installed.
    """
    say("maestro is being installed")
    if why := _make(folder / "maestro", str(root)):
        raise SystemExit(f"maestro cannot be installed: {why}")
    return folder / "maestro" / "bin" / "python"


def _make(place: Path, requirement: str) -> str:
    """Make an environment; why that failed, if it did."""
    python = str(place / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [python, "-m", "pip", "install", "-q", requirement],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip()[-300:]
    return ""


def found(folder: Path) -> dict[str, Path]:
    """The folders of the programs of the peers that are there, by name."""
    return {
        name: folder / name / "bin" for name in PEERS if (folder / name / READY).exists()
    }


def versions(peers: Mapping[str, Path]) -> dict[str, str]:
    """Their versions."""
    told = {}
    for name, programs in peers.items():
        package = PEERS[name].partition("=")[0]
        program = f"from importlib.metadata import version; print(version('{package}'))"
        command = [str(programs / "python"), "-c", program]
        told[name] = subprocess.check_output(command, text=True).strip()
    return told
