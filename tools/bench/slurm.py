"""Time a study of one-task jobs on Slurm: here, with arrays, in the peer, and as a bare loop.

    python tools/bench/slurm.py --peer PYTHON [--jobs 500] [--rounds 1]

PYTHON is one that has maestrowf 1.2.1; ``eval "$(tools/slurm/up --env)"`` comes first. The bare
loop writes the same scripts, submits them in turn by ``sbatch``, and asks ``squeue`` every second
until none is left. Then the scheduler's commands are counted that a conductor runs in a while, with
10 jobs in the queue, and with all of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

MAESTRO = "import sys; from maestro.cli.main import main; sys.exit(main())"
PEER = "from maestrowf.maestro import main; main()"
SLEEPTIME = "1"
WINDOW = 10.0
"""Seconds in which commands are counted."""


def study(jobs: int, command: str, *, arrays: bool = False) -> str:
    """The specification."""
    more = ", arrays: true" if arrays else ""
    values = ", ".join(map(str, range(jobs)))
    return f"""\
description: {{name: many, description: short jobs}}
batch: {{type: slurm, host: here, bank: science, queue: debug{more}}}
study:
- name: work
  description: work
  run: {{cmd: "{command} $(N)", procs: 1, nodes: 1, walltime: "00:10:00"}}
global.parameters:
  N: {{values: [{values}], label: N.%%}}
"""


def words(python: str, program: str, folder: Path, name: str, *more: str) -> list[str]:
    """The command line of a run of ``name``."""
    out, spec = str(folder / "out"), str(folder / name)
    options = ["-d", "5", "run", "-y", "-s", SLEEPTIME, "-o", out, *more, spec]
    return [python, "-c", program, *options]


def conducted(python: str, program: str, folder: Path, name: str) -> Callable[[], None]:
    """A run of the study ``name`` by ``program``, to its end."""

    def run() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        subprocess.run(
            words(python, program, folder, name, "-fg"), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        assert len(list((folder / "out").glob("work/*/*.out"))) > 0

    return run


def bare(folder: Path, jobs: int) -> Callable[[], None]:
    """The same scripts, submitted one after the other, and waited for."""
    out = folder / "bare"

    def run() -> None:
        shutil.rmtree(out, ignore_errors=True)
        for number in range(jobs):
            workspace = out / f"N.{number}"
            workspace.mkdir(parents=True)
            script = workspace / f"work_N.{number}.slurm.sh"
            head = "#SBATCH -N1 -n1 -p debug -A science -t 10 -o out.out -e out.err -J bare"
            script.write_text(f"#!/bin/bash\n{head}\n\n: {number}\n")
            script.chmod(0o744)
            submit = ["sbatch", "--parsable", script]
            subprocess.run(submit, cwd=workspace, stdout=subprocess.DEVNULL, check=True)
        while subprocess.run(
            ["squeue", "--me", "-h", "-n", "bare"], capture_output=True, check=True
        ).stdout:
            time.sleep(float(SLEEPTIME))

    return run


def counted(folder: Path, jobs: int) -> tuple[Counter[str], float]:
    """The scheduler's commands in `WINDOW` seconds with ``jobs`` in the queue, and the processor
    time that the conductor took meanwhile, in seconds.
    """
    programs, log = folder / "programs", folder / "commands"
    programs.mkdir(exist_ok=True)
    for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol"):
        script = programs / name
        script.write_text(f'#!/bin/bash\necho {name} >> "{log}"\nexec {shutil.which(name)} "$@"\n')
        script.chmod(0o755)
    name = f"sleep-{jobs}.yaml"
    (folder / name).write_text(study(jobs, "sleep 600; :"))
    shutil.rmtree(folder / "out", ignore_errors=True)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = words(sys.executable, MAESTRO, folder, name, "-fg")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not log.exists() or Counter(log.read_text().split())["sbatch"] < jobs:
            time.sleep(0.2)
        time.sleep(5)
        log.write_text("")
        before = processor(process.pid)
        time.sleep(WINDOW)
        return Counter(log.read_text().split()), processor(process.pid) - before
    finally:
        log.unlink()
        process.send_signal(2)
        process.wait()


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", help="a Python that has maestrowf 1.2.1")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many.yaml").write_text(study(options.jobs, ":"))
        (folder / "arrays.yaml").write_text(study(options.jobs, ":", arrays=True))
        contestants = {
            "bare loop": bare(folder, options.jobs),
            "maestro": conducted(sys.executable, MAESTRO, folder, "many.yaml"),
            "arrays": conducted(sys.executable, MAESTRO, folder, "arrays.yaml"),
        }
        if options.peer:
            contestants["maestrowf"] = conducted(options.peer, PEER, folder, "many.yaml")
        times: dict[str, list[float]] = {label: [] for label in contestants}
        for _ in range(options.rounds):
            for label, run in contestants.items():
                begin = time.perf_counter()
                run()
                times[label].append(time.perf_counter() - begin)
        floor = statistics.median(times["bare loop"])
        print(f"{options.jobs} jobs, median of {options.rounds} rounds")
        for label, seconds in times.items():
            median = statistics.median(seconds)
            print(f"{label:10} {median / floor:5.2f} x the bare loop   {median:7.2f} s")
        for jobs in (10, options.jobs):
            commands, seconds = counted(folder, jobs)
            print(f"{jobs} jobs in the queue, {WINDOW:.0f} s, a question every {SLEEPTIME} s:")
            print(f"  {dict(commands)}, {100 * seconds / WINDOW:.1f} % of a core")


if __name__ == "__main__":
    main()
