"""Jobs on a real Slurm."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.bench.contestants import PEER
from tools.bench.figures.waiting import specification
from tools.bench.measure import OURS, Contestant, Session, median
from tools.bench.result import Figure, Row, at_most, quicker

SLEEPTIME = "1"
LOOP, ARRAYS = "a bare sbatch loop", "maestro with arrays"


def conducted(program: Sequence[str], *, arrays: bool = False) -> Contestant:
    """A study run to its end."""

    def prepare(folder: Path, jobs: int) -> Sequence[str]:
        (folder / "study.yaml").write_text(specification(jobs, arrays=arrays))
        words = ["run", "-y", "-fg", "-s", SLEEPTIME, "-o", str(folder / "out"), "study.yaml"]
        return [*program, *words]

    user = {"USER": getpass.getuser()}  # the peer wants it
    return Contestant("", prepare, ran, environment=user)


def ran(folder: Path, jobs: int) -> None:
    """A check that every job has run."""
    found = sum(1 for _ in (folder / "out").glob("**/*.out"))
    assert found == jobs, f"{found} of {jobs} jobs have an output"


def missing() -> str:
    """Why there is no Slurm to use."""
    if shutil.which("squeue") is None:
        return "no Slurm was on this machine (`tools/slurm/up` starts one)"
    try:
        done = subprocess.run(["squeue", "-h"], capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "Slurm did not answer"
    return "Slurm did not answer" if done.returncode else ""


def slurm(session: Session) -> Figure:
    """Short jobs, submitted and waited for."""
    jobs = session.pick(500, 3)
    title = "Jobs on Slurm"
    what = (
        f"{jobs} empty jobs on a Slurm on the same machine, which is asked every second. The bare "
        "loop writes the same scripts, runs `sbatch` for each, and `squeue` until none is left."
    )
    if why := missing():
        return Figure(title, what, skipped=why)
    found = [
        conducted(session.maestro)._replace(name=OURS),
        conducted(session.maestro, arrays=True)._replace(name=ARRAYS),
        Contestant(
            LOOP,
            lambda folder, size: session.program("jobs", folder / "out", size, SLEEPTIME),
            ran,
        ),
    ]
    if folder := session.peers.get(PEER):
        found.append(conducted([str(folder / "maestro")])._replace(name=PEER))
    runs = session.turns(found, [jobs], rounds=2)
    seconds = {name: median(taken[jobs]) for name, taken in runs.items()}
    rows: list[Row] = [
        at_most(f"{jobs} jobs", seconds[OURS], LOOP, seconds[LOOP], 1.15),
        quicker(f"{jobs} jobs, `arrays: true`", seconds[ARRAYS], LOOP, seconds[LOOP]),
    ]
    if PEER in seconds:
        rows.append(at_most(f"{jobs} jobs", seconds[OURS], PEER, seconds[PEER]))
    return Figure(title, what, rows)
