"""Time a study of many empty commands: here, in the peer, and as a bare loop of processes.

    python tools/bench/run.py --peer PYTHON [--combinations 1000] [--rounds 3]

PYTHON is one that has maestrowf 1.2.1. The study has two steps, each run for every combination.
The bare loop makes the same directories and scripts and runs them with the same output files, as
many at once as there are cores. The contestants take turns; medians and ratios are printed.
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
from collections.abc import Callable
from pathlib import Path

MAESTRO = "import sys; from maestro.cli.main import main; sys.exit(main())"
PEER = "from maestrowf.maestro import main; main()"
SCRIPT = "#!/bin/bash\n\n:\n"


def study(combinations: int) -> str:
    """The specification."""
    values = ", ".join(map(str, range(combinations)))
    return f"""\
description: {{name: many, description: empty commands}}
study:
- {{name: first, description: first, run: {{cmd: ": $(N)"}}}}
- {{name: second, description: second, run: {{cmd: ":", depends: [first]}}}}
global.parameters:
  N: {{values: [{values}], label: N.%%}}
"""


def command(python: str, program: str, folder: Path) -> Callable[[], None]:
    """A run of the study by ``program``."""
    out = folder / "out"

    def run() -> None:
        shutil.rmtree(out, ignore_errors=True)
        words = ["-d", "5", "run", "-fg", "-y", "-s", "0", "-o", out, folder / "many.yaml"]
        subprocess.run(
            [python, "-c", program, *map(str, words)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=True
        )

    return run


def bare(folder: Path, combinations: int) -> Callable[[], None]:
    """The same directories, scripts and processes, and nothing else."""
    out = folder / "bare"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def run() -> None:
        shutil.rmtree(out, ignore_errors=True)
        running: dict[int, subprocess.Popen[bytes]] = {}
        for step in ("first", "second"):
            for i in range(combinations):
                if len(running) == cores:
                    pid, status = os.wait()
                    running.pop(pid).returncode = status
                process = start(out / step / f"N.{i}", f"{step}_N.{i}")
                running[process.pid] = process
        for process in running.values():
            process.wait()

    return run


def start(workspace: Path, name: str) -> subprocess.Popen[bytes]:
    """One process of the bare loop."""
    workspace.mkdir(parents=True)
    script = workspace / f"{name}.sh"
    script.write_text(SCRIPT)
    script.chmod(0o744)
    with open(workspace / f"{name}.out", "w") as out, open(workspace / f"{name}.err", "w") as err:
        return subprocess.Popen(
            [script], cwd=workspace, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip


def main() -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", help="a Python that has maestrowf 1.2.1")
    parser.add_argument("--combinations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many.yaml").write_text(study(options.combinations))
        contestants = {"maestro": command(sys.executable, MAESTRO, folder)}
        contestants["bare loop"] = bare(folder, options.combinations)
        if options.peer:
            contestants["maestrowf"] = command(options.peer, PEER, folder)
        times: dict[str, list[float]] = {label: [] for label in contestants}
        for _ in range(options.rounds):
            for label, run in contestants.items():
                begin = time.perf_counter()
                run()
                times[label].append(time.perf_counter() - begin)
    ours = statistics.median(times["maestro"])
    print(f"{2 * options.combinations} tasks, median of {options.rounds} rounds")
    for label, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{label:10} maestro takes {ours / median:5.2f} x   {median:7.2f} s")


if __name__ == "__main__":
    main()
