"""Running contestants in turn, each in a process of its own."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "CORES",
    "OURS",
    "ROOT",
    "Contestant",
    "Session",
    "Taken",
    "environment",
    "figures",
    "median",
    "medians",
    "timed",
]

ROOT = Path(__file__).resolve().parents[2]
CORES = len(os.sched_getaffinity(0))
OURS = "maestro"

PATIENCE = 10.0
"""Seconds of a run after which the same is not run a second time."""

LIMIT = 300.0
"""Seconds after which a run is ended, and the measurement has failed."""


class Taken(NamedTuple):
    """What one run has taken: seconds, what it printed, and, where that was asked for, the most
    memory in MB.
    """

    seconds: float
    printed: str = ""
    memory: float = 0.0

    @property
    def figures(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.printed)


class Contestant(NamedTuple):
    """``prepare`` writes what a run of a size needs into an empty folder, which is not timed, and
    returns the command line; ``check`` looks at the folder afterwards, and what it returns is
    printed. ``most`` is the largest size that it is asked for.
    """

    name: str
    prepare: Callable[[Path, int], Sequence[str]]
    check: Callable[[Path, int], str | None] | None = None
    most: float = math.inf
    environment: Mapping[str, str] = {}


Runs = dict[str, dict[int, list[Taken]]]
"""By contestant and size."""


@dataclass
class Session:
    """One measurement: where it may write, the Python that has Maestro, which peers there are (the
    folders of their programs by name), and how much is wanted.
    """

    scratch: Path
    python: Path
    peers: Mapping[str, Path]
    quick: bool
    rounds: int
    say: Callable[[str], None]

    @property
    def maestro(self) -> list[str]:
        """Our command."""
        return [str(self.python.with_name("maestro"))]

    def program(self, name: str, *arguments: object) -> list[str]:
        """The command line of one of the programs beside the figures."""
        path = ROOT / "tools" / "bench" / "programs" / f"{name}.py"
        return [str(self.python), str(path), *map(str, arguments)]

    def pick(self, full: Any, quick: Any) -> Any:
        """One of both."""
        return quick if self.quick else full

    def turns(
        self, contestants: Sequence[Contestant], sizes: Sequence[int], rounds: int = 0
    ) -> Runs:
        """Every contestant at every size, one after the other, in several rounds, every other
        one in reverse: what grows from run to run is nobody's. Where their number is not
        ``rounds``, what takes long is run once.
        """
        once = not rounds
        runs: Runs = {contestant.name: {} for contestant in contestants}
        for turn in range(1 if self.quick else rounds or self.rounds):
            for size in sizes:
                for contestant in contestants[:: -1 if turn % 2 else 1]:
                    former = runs[contestant.name].setdefault(size, [])
                    if size <= contestant.most and not (once and former and long(former)):
                        former.append(self.run(contestant, size))
                        seconds = former[-1].seconds
                        self.say(f"  {turn + 1}: {contestant.name}, {size:,}: {seconds:.3f} s")
        return runs

    def run(self, contestant: Contestant, size: int) -> Taken:
        """One run, in a folder that is removed afterwards."""
        with self.folder() as folder:
            command = contestant.prepare(folder, size)
            os.sync()  # nobody is to wait for what those before have left to be written
            taken = timed(command, folder, contestant.environment)
            if contestant.check is not None:
                taken = taken._replace(printed=contestant.check(folder, size) or taken.printed)
        return taken

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for a while."""
        folder = self.scratch / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def long(runs: Sequence[Taken]) -> bool:
    """Whether a run takes longer than `PATIENCE`."""
    return any(taken.seconds > PATIENCE for taken in runs)


def timed(command: Sequence[str], folder: Path, more: Mapping[str, str]) -> Taken:
    """Run ``command`` in ``folder`` to its end.

    Raises
    ------
    SystemExit
        It fails, or does not end.
    """
    said, wrong = folder.parent / "stdout", folder.parent / "stderr"
    with open(said, "wb") as out, open(wrong, "wb") as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(), **more}, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        timer = threading.Timer(LIMIT, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status = os.waitpid(process.pid, 0)
            seconds = time.perf_counter() - begin
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = (said.read_text("utf-8", "replace") + wrong.read_text("utf-8", "replace"))[-2000:]
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{tail}")
    return Taken(seconds, said.read_text("utf-8", "replace"))


def environment() -> dict[str, str]:
    """That of all runs."""
    return os.environ | {"NO_COLOR": "1"}


def median(runs: Sequence[Taken]) -> float:
    """Of the seconds."""
    return statistics.median(taken.seconds for taken in runs)


def medians(runs: Runs) -> dict[str, list[tuple[int, float]]]:
    """The median seconds by contestant, with their sizes: curves."""
    return {
        name: [(size, median(taken)) for size, taken in sorted(sizes.items()) if taken]
        for name, sizes in runs.items()
    }


def figures(runs: Sequence[Taken]) -> list[float]:
    """The median of each of the figures that runs printed."""
    return [statistics.median(column) for column in zip(*(t.figures for t in runs), strict=True)]
