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
ARRAY = "a bare array"
ROUNDS = 4
"""As many in reverse as not: Slurm is slower the more jobs it remembers."""


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


def bare(name: str, session: Session, *more: str) -> Contestant:
    """The same jobs without Maestro."""

    def prepare(folder: Path, jobs: int) -> Sequence[str]:
        return session.program("jobs", folder / "out", jobs, SLEEPTIME, *more)

    return Contestant(name, prepare, ran)


def cores() -> int:
    """How many jobs of one core the partition runs at a time."""
    words = ["sinfo", "--noheader", "--partition=debug", "--format=%C"]
    return int(subprocess.check_output(words, text=True).split()[0].split("/")[-1])


def slurm(session: Session) -> Figure:
    """Short jobs, submitted and waited for."""
    jobs = session.pick(500, 3)
    title = "Jobs on Slurm"
    what = (
        f"{jobs} empty jobs on a Slurm on the same machine, which is asked every second. The bare "
        "loop writes the same scripts, runs `sbatch` for each, and `squeue` until none is left; "
        "the bare array is one `sbatch --array`. Our jobs record their starts and ends besides."
    )
    if why := missing():
        return Figure(title, what, skipped=why)
    what += f" Slurm has {cores()} cores to give: with few, it often waits for its next second."
    found = [
        conducted(session.maestro)._replace(name=OURS),
        conducted(session.maestro, arrays=True)._replace(name=ARRAYS),
        bare(LOOP, session),
        bare(ARRAY, session, "array"),
    ]
    if folder := session.peers.get(PEER):
        found.append(conducted([str(folder / "maestro")])._replace(name=PEER))
    runs = session.turns(found, [jobs], rounds=ROUNDS)
    seconds = {name: median(taken[jobs]) for name, taken in runs.items()}
    rows: list[Row] = [
        at_most(f"{jobs} jobs", seconds[OURS], LOOP, seconds[LOOP], 1.15),
        quicker(f"{jobs} jobs, `arrays: true`", seconds[ARRAYS], LOOP, seconds[LOOP]),
        at_most(f"{jobs} jobs, `arrays: true`", seconds[ARRAYS], ARRAY, seconds[ARRAY]),
    ]
    if PEER in seconds:
        rows.append(at_most(f"{jobs} jobs", seconds[OURS], PEER, seconds[PEER]))
    return Figure(title, what, rows)
