"""Conduct one study of very many tasks, and watch the memory and the store meanwhile.

    python tools/soak.py [--tasks 20000] [--every 0.5]

The study has two steps that run ``true`` for half as many combinations each, here, for real. Every
so many seconds the resident memory of the conductor and of its shim, and the size of the store, are
looked at (Linux). Memory is flat when its mean in the last quarter of the tasks is at most a tenth
more than in the second. The store is linear when it grows by no more than a quarter more in the
last quarter than in the second, or by two of its pages. Ends with 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MAESTRO = "import sys; from maestro.cli.main import main; sys.exit(main())"
CONDUCTOR = "import sys; from maestro.cli.main import conductor; sys.exit(conductor())"

FLAT = 1.1
LINEAR = 1.25
PAGES = 2 * 4096

ROWS = 12
"""Lines of the table."""


class Sample(NamedTuple):
    """How things stood ``seconds`` after the start, with so many attempts ended; sizes in bytes."""

    seconds: float
    ended: int
    conductor: int
    shim: int
    store: int


def specification(tasks: int) -> str:
    """A study of two steps with so many tasks in all."""
    values = ", ".join(map(str, range(tasks // 2)))
    return f"""\
description: {{name: soak, description: very many tasks}}
study:
- {{name: first, description: first, run: {{cmd: "true $(N)"}}}}
- {{name: second, description: second, run: {{cmd: "true", depends: [first]}}}}
global.parameters:
  N: {{values: [{values}], label: N.%%}}
"""


class Ledger:
    """Follows the ledger of the shim."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offset = 0
        self.pid: int | None = None
        self.ended = 0

    def read(self) -> None:
        """What has been written since the last time."""
        for path in self._folder.glob("ledger-*.jsonl"):
            with open(path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
            whole, newline, _ = text.rpartition(b"\n")
            self._offset += len(whole) + len(newline)
            for line in whole.splitlines():
                kind, first, *_ = [*json.loads(line), None]
                if kind == "open":
                    self.pid = first
                self.ended += kind == "end"


def memory(pid: int) -> int:
    """The resident memory of a process in bytes; 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def conduct(folder: Path, every: float) -> Iterator[Sample]:
    """Conduct the study in ``folder`` to its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONDUCTOR, str(folder)], stdout=subprocess.DEVNULL
    )
    hidden = folder / ".maestro"
    ledger = Ledger(hidden)
    begin = time.perf_counter()
    while process.poll() is None:
        ledger.read()
        store = (hidden / "study.sqlite").stat().st_size
        conductor, shim = memory(process.pid), memory(ledger.pid) if ledger.pid else 0
        if conductor and shim:
            yield Sample(time.perf_counter() - begin, ledger.ended, conductor, shim, store)
        time.sleep(every)
    if process.returncode != 0:
        raise SystemExit(f"the conductor ended with {process.returncode}")


def quarter(samples: Sequence[Sample], which: int) -> list[Sample]:
    """The samples of one of the four quarters of the attempts, counted from 0."""
    ends = samples[-1].ended / 4
    return [s for s in samples if which * ends <= s.ended <= (which + 1) * ends]


def growth(samples: Sequence[Sample]) -> tuple[int, int]:
    """By how many bytes the store has grown, in how many attempts."""
    first, last = samples[0], samples[-1]
    return last.store - first.store, max(1, last.ended - first.ended)


def verdict(samples: Sequence[Sample]) -> bool:
    """Say whether memory is flat and the store linear; whether both are."""
    second, last = quarter(samples, 1), quarter(samples, 3)
    good = True
    for name in ("conductor", "shim"):
        former, latter = (statistics.mean(getattr(s, name) for s in q) for q in (second, last))
        flat = latter <= FLAT * former
        good = good and flat
        print(f"{name}: {latter / former:.3f} x the memory {'(flat)' if flat else '(NOT flat)'}")
    (former, attempts), (latter, more) = growth(second), growth(last)
    linear = latter <= LINEAR * former * more / attempts + PAGES
    print(
        f"store: {former / attempts:.0f} bytes an attempt, then {latter / more:.0f} "
        f"{'(linear)' if linear else '(NOT linear)'}"
    )
    return good and linear


def show(samples: Sequence[Sample]) -> None:
    """Print a few of ``samples``."""
    print(f"{'s':>7} {'ended':>8} {'conductor':>10} {'shim':>8} {'store':>9}   (MB)")
    step = max(1, len(samples) // ROWS)
    for sample in [*samples[:-1:step], samples[-1]]:
        sizes = (size / 1e6 for size in (sample.conductor, sample.shim, sample.store))
        print("{:7.1f} {:8d} {:10.1f} {:8.1f} {:9.2f}".format(*sample[:2], *sizes))


def main() -> int:
    """Conduct the study, and print how it went; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two looks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec, out = folder / "soak.yaml", folder / "out"
        spec.write_text(specification(options.tasks))
        words = ["run", "-n", "-o", str(out), str(spec)]
        command = [sys.executable, "-c", MAESTRO, *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        made = (out / ".maestro" / "study.sqlite").stat().st_size
        samples = list(conduct(out, options.every))
    show(samples)
    print(f"store: {made / options.tasks:.0f} bytes a task before it runs")
    return 0 if verdict(samples) else 1


if __name__ == "__main__":
    sys.exit(main())
