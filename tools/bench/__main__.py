"""Measure how fast Maestro is, beside bare loops that do the same work and beside its peers.

Peers are installed into virtual environments of their own. All take turns in one session; medians
of several rounds count. What is found is written to docs/performance.md, with plots in docs/images.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tools.bench import page, peers
from tools.bench.figures import graphs, looking, promptness, slurm, start, tasks, waiting
from tools.bench.measure import ROOT, Session
from tools.bench.result import Figure

FIGURES: Mapping[str, Callable[[Session], Figure]] = {
    "expand": graphs.expand,
    "growth": graphs.growth,
    "engine": graphs.engine,
    "dry": tasks.dry,
    "run": tasks.run,
    "follow": promptness.follow,
    "levels": promptness.levels,
    "status": looking.status,
    "rest": waiting.rest,
    "start": start.start,
    "slurm": slurm.slurm,
}


def options() -> argparse.Namespace:
    """Those of the command line."""
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser("python -m tools.bench", description=first, epilog=rest)
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE",
        help=f"What to measure. [all: {', '.join(FIGURES)}]",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true",
        help="Small sizes, one round, and only peers that are installed: to see that it works. "
        "The figures say nothing.",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="Rounds of most figures. [3]")
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR",
        help="Where all work is done: its file system counts. [that of temporary files]",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".bench", metavar="DIR",
        help="Where the peers are installed. [.bench]",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="DIR",
        help="Where performance.md and images/ are written. [docs; with --quick or some figures "
        "only, the folder of --cache]",
    )  # fmt: skip
    found = parser.parse_args()
    if unknown := set(found.figures) - set(FIGURES):
        parser.error(f"there is no figure {', '.join(sorted(unknown))}: {', '.join(FIGURES)}")
    if found.rounds < 1:
        parser.error("--rounds: at least 1")
    if find_spec("matplotlib") is None:  # known now, and not when all is measured
        parser.error("there is no matplotlib to draw with: pip install -e '.[bench]'")
    found.cache = found.cache.absolute()
    if found.output is None:
        found.output = found.cache if found.quick or found.figures else ROOT / "docs"
    found.scratch = found.scratch or Path(tempfile.gettempdir())
    for folder in (found.cache, found.scratch, found.output):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"{folder}: {error.strerror}")
        if not os.access(folder, os.W_OK):
            parser.error(f"{folder} cannot be written to")
    return found


def say(text: str) -> None:
    """Tell people how it goes."""
    print(text, file=sys.stderr, flush=True)


def measure(name: str, session: Session) -> Figure:
    """One figure; what cannot be measured is left out, and the others are not."""
    begin = time.monotonic()
    say(f"{name} (load {os.getloadavg()[0]:.1f})")
    try:
        figure = FIGURES[name](session)
        if session.quick:  # goals are for other sizes
            figure = replace(figure, rows=[replace(r, goal="", met=None) for r in figure.rows])
        return figure
    except (Exception, SystemExit):
        error = traceback.format_exc()
        say(error)
        last = error.strip().splitlines()[-1].replace("|", " ")
        return Figure(name, "", skipped=f"it failed ({last})", failed=True)
    finally:
        say(f"{name} took {time.monotonic() - begin:.0f} s")


def main() -> int:
    """Measure and write; the exit status."""
    wanted = options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # what runs is ended
    began, load = time.time(), os.getloadavg()[0]
    python = Path(sys.executable)
    if not wanted.quick:
        python = peers.installed(ROOT, wanted.cache, say)
        peers.install(wanted.cache, say)
    there = peers.found(wanted.cache)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=wanted.scratch) as scratch:
        session = Session(Path(scratch).absolute(), python, there, wanted.quick, wanted.rounds, say)
        names = [name for name in FIGURES if not wanted.figures or name in wanted.figures]
        found = [measure(name, session) for name in names]
        around = list(page.machine(peers.versions(there), began, session.scratch, load))
    if wanted.quick:
        around.insert(0, "**Of the quick run, whose sizes are too small to tell anything.**")
    path = page.write(found, around, wanted.output)
    for figure in found:
        print(f"\n{figure.title}{': not measured' if figure.skipped else ''}")
        for row in figure.rows:
            print(page.table(row))
    print(f"\n{path}")
    return 1 if any(figure.failed for figure in found) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing is written")
