"""What the proofs share: a study of which every task leaves a line, and files that fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Shell
from tests.faults.lines import Lines

FOREVER = 1_000_000


class Call(NamedTuple):
    """A call on a file, by a process, and whether it was made to fail."""

    pid: int
    name: str
    failed: bool
    path: str


class FileFaults:
    """Environments in which calls on files fail, until `mend` (see ``faults.c``)."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._broken = folder / "broken"
        self._log = folder / "calls"

    def environment(
        self, path: str, calls: str, error: int = 0, first: int = 1, count: int = FOREVER
    ) -> dict[str, str]:
        """The ``calls`` (``open write``) on what the pattern ``path`` matches fail with ``error``:
        from the ``first`` on, ``count`` of them in each process.
        """
        self._broken.touch()
        self._log.unlink(missing_ok=True)
        return os.environ | {
            "LD_PRELOAD": str(self._library),
            "FAULTS_PATH": path,
            "FAULTS_CALLS": f",{calls.replace(' ', ',')},",
            "FAULTS_ERRNO": str(error),
            "FAULTS_FIRST": str(first),
            "FAULTS_COUNT": str(count),
            "FAULTS_WHILE": str(self._broken),
            "FAULTS_LOG": str(self._log),
        }

    def mend(self) -> None:
        """Nothing fails any more."""
        self._broken.unlink(missing_ok=True)

    def calls(self) -> list[Call]:
        """The calls that were made since `environment`."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        fields = (line.split(" ", 3) for line in lines)
        return [Call(int(pid), name, failed == "1", path) for pid, name, failed, path in fields]


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiles a C file of this directory into a library for LD_PRELOAD."""
    folder = tmp_path_factory.mktemp("libraries")

    def compiled(name: str) -> Path:
        if sys.platform != "linux" or not shutil.which("cc"):
            pytest.skip("needs Linux and a C compiler")
        source = Path(__file__).with_name(name)
        library = folder / source.with_suffix(".so").name
        words = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"]
        subprocess.run(words, check=True)
        return library

    return compiled


@pytest.fixture(scope="session")
def fault_library(preloaded: Callable[[str], Path]) -> Path:
    return preloaded("faults.c")


@pytest.fixture
def faults(fault_library: Path, tmp_path: Path) -> FileFaults:
    return FileFaults(fault_library, tmp_path)


@pytest.fixture
def lines(shell: Shell) -> Lines:
    return Lines(shell)
