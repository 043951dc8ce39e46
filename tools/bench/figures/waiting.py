"""A conductor whose jobs all wait in a queue."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from tools.bench.measure import Session, environment
from tools.bench.programs.standin import install
from tools.bench.result import Figure, within

PATIENCE = 600.0
POLLS = 2
"""Polls in which is measured."""


def specification(jobs: int, command: str = ":", *, arrays: bool = False) -> str:
    """A study of one-task jobs for Slurm."""
    more = ", arrays: true" if arrays else ""
    values = ", ".join(map(str, range(jobs)))
    return f"""\
description: {{name: jobs, description: short jobs}}
batch: {{type: slurm, host: here, bank: science, queue: debug{more}}}
study:
- name: work
  description: work
  run: {{cmd: "{command} $(N)", procs: 1, nodes: 1, walltime: "00:10:00"}}
global.parameters:
  N: {{values: [{values}], label: N.%%}}
"""


def rest(session: Session) -> Figure:
    """Commands that always answer the same stand for the scheduler."""
    jobs, pause = session.pick(10_000, 20), session.pick(30, 1)
    with session.folder() as folder:
        programs = folder / "programs"
        install(programs)
        (folder / "study.yaml").write_text(specification(jobs))
        words = ["run", "-y", "-fg", "-s", str(pause), "-o", str(folder / "out"), "study.yaml"]
        process = subprocess.Popen(
            [*session.maestro, *words], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment() | {"PATH": f"{programs}:{os.environ['PATH']}"},
        )  # fmt: skip
        try:
            commands, polls, share = _observed(process, programs, jobs, pause)
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder / "out", ignore_errors=True)
    others = sum(commands.values()) - commands["squeue"]
    return Figure(
        "At rest, with all jobs in the queue",
        f"{jobs:,} jobs wait in a queue that never moves (commands that answer as Slurm's do), "
        f"and it is asked every {pause} seconds (`-s {pause}`; 60 by default).",
        [
            within("processor time of the conductor", 100 * share, "% of a core", 1.0),
            within("`squeue` a poll", commands["squeue"] / polls, "", 1.0),
            within("other commands of the scheduler", others, "", 0.0),
        ],
    )


def _observed(
    process: subprocess.Popen[bytes], programs: Path, jobs: int, pause: float
) -> tuple[Counter[str], float, float]:
    """The commands in some polls, how many polls those were, and the share of a core."""
    log = programs / "commands"
    end = time.monotonic() + PATIENCE
    while lines(log)["sbatch"] < jobs:
        assert process.poll() is None, "the conductor has ended"
        assert time.monotonic() < end, "the jobs are not submitted in time"
        time.sleep(0.2)
    _polled(log, lines(log)["squeue"] + 1, pause)
    before, used, begin = lines(log), processor(process.pid), time.monotonic()
    _polled(log, before["squeue"] + POLLS, pause)
    share = (processor(process.pid) - used) / (time.monotonic() - begin)
    polls = round((time.monotonic() - begin) / pause)
    return lines(log) - before, polls, share


def _polled(log: Path, count: int, pause: float) -> None:
    """Wait until there were so many polls, and half the time to the next has passed."""
    end = time.monotonic() + 10 * POLLS * pause
    while lines(log)["squeue"] < count:
        assert time.monotonic() < end, "the scheduler is not asked"
        time.sleep(0.05)
    time.sleep(pause / 2)


def lines(log: Path) -> Counter[str]:
    """How often each command was run."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
