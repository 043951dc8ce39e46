"""Whole studies on the real Slurm, conducted by real processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import maestro
from maestro.conductor.store import FILE
from tests.cluster import slurm
from tests.conftest import Shell, eventually

BATCH = {"type": "slurm", "host": "here", "bank": "science", "queue": "debug"}


class Cluster:
    """The cluster, and one study on it, in the directory ``out``."""

    def __init__(self, shell: Shell, slurm: slurm.Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shell = shell
        self.slurm = slurm
        self.out = shell.folder / "out"
        self._monkeypatch = monkeypatch

    def write(
        self, *steps: dict[str, Any], values: list[object] | None = None, **batch: object
    ) -> None:
        """Write the study ``study.yaml``: each step is ``run`` with a name."""
        study = [
            {"name": step.pop("name"), "description": 'says "hello"', "run": step} for step in steps
        ]
        spec: dict[str, Any] = {
            "description": {"name": "study", "description": "A study on a cluster"},
            "batch": BATCH | batch,
            "study": study,
        }
        if values is not None:
            spec["global.parameters"] = {"N": {"values": values, "label": "N.%%"}}
        path = self.shell.folder / "study.yaml"
        path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")

    def run(self, *options: object, code: int = 0) -> str:
        """Conduct the study to its end here."""
        words = ("run", "-y", "-fg", "-s", "1", "-o", "out", *options, "study.yaml")
        return self.shell("maestro", *words, code=code, timeout=120).stdout

    def launch(self, *options: object) -> None:
        """Conduct the study in the background."""
        self.shell("maestro", "run", "-y", "-s", "1", "-o", "out", *options, "study.yaml")

    def study(self) -> Any:
        return maestro.open_study(str(self.out))

    def ends(self, seconds: float = 60) -> str:
        """Wait until the study has ended; how."""
        eventually(lambda: self.study().outcome, seconds)
        return str(self.study().outcome.name)

    def states(self) -> dict[str, str]:
        return dict(self.study().states())

    def task(self, name: str) -> Any:
        (found,) = (task for task in self.study().tasks() if task.name == name)
        return found

    def waits_for(self, state: str, *tasks: str, seconds: float = 30) -> None:
        """Wait until ``tasks`` are in ``state``."""
        eventually(lambda: all(self.states()[t] == state for t in tasks), seconds)

    def history(self, name: str) -> list[tuple[int, str]]:
        """What happened to a task: number of the attempt, and event."""
        import sqlite3

        with sqlite3.connect(f"file:{self.out / FILE}?mode=ro", uri=True) as db:
            rows = db.execute(
                "SELECT event.number, event FROM event JOIN task ON task.id = event.task "
                "WHERE task.name = ? ORDER BY event.id", (name,),
            ).fetchall()  # fmt: skip
        db.close()
        return rows

    def jobs(self) -> list[str]:
        """The study's jobs that wait or run now."""
        mine = f"maestro:{self.study().info.identity}:"
        shown = self.slurm("squeue", "-h", "-r", "-t", "PD,R,CG", "-o", "%i %k").splitlines()
        return [line.split()[0] for line in shown if mine in line]

    def log(self) -> str:
        return (self.out / "logs" / "study.log").read_text()

    def shadow(self, program: str, make: Callable[[str], str]) -> None:
        """Put a shell script in the place of ``program``; ``make`` gets the path of that."""
        folder = self.shell.folder / "shadows"
        folder.mkdir(exist_ok=True)
        real = shutil.which(program)
        assert real is not None
        script = folder / program
        script.write_text(f"#!/bin/bash\n{make(real)}\n")
        script.chmod(0o755)
        self._monkeypatch.setenv("PATH", str(folder), prepend=":")

    def lose_answers(self) -> Path:
        """Let every submission be accepted, and its answer get lost; the file of their jobs."""
        sent = self.shell.folder / "sent"
        self.shadow("sbatch", lambda real: (
            f'{real} "$@" >> "{sent}" || exit\n'
            'echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv" >&2\n'
            "exit 1"
        ))  # fmt: skip
        return sent


@pytest.fixture
def cluster(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster(shell, slurm.running(monkeypatch), monkeypatch)
    yield made
    if Path(made.out / FILE).exists() and made.study().outcome is None:
        shell("maestro", "cancel", "-y", "out", code=None)
