"""Writing and running the tasks of a study on one machine."""

from __future__ import annotations

from tools.bench.contestants import BARE, MAKE, PEER, all_ran, make, runners, writers
from tools.bench.measure import OURS, Contestant, Session, median, medians
from tools.bench.result import Curve, Figure, at_most, quicker
from tools.bench.work import fan

FOUND = "make -j, scripts written before"

PEER_DRY = 1_000
"""Combinations of the largest dry run that the peer is asked for."""


def dry(session: Session) -> Figure:
    """Directories and scripts, and nothing run."""
    sizes = session.pick([100, 1_000, 10_000], [20])
    runs = session.turns(writers(session, fan, PEER_DRY), sizes)
    largest = sizes[-1]
    ours = median(runs[OURS][largest])
    what = f"{2 * largest + 2:,} tasks"
    rows = [at_most(what, ours, BARE, median(runs[BARE][largest]), 1.3)]
    if PEER in runs:
        size = min(largest, PEER_DRY)
        what = f"{2 * size + 2:,} tasks"
        theirs = median(runs[PEER][size])
        rows.append(quicker(what, median(runs[OURS][size]), PEER, theirs, 5.0))
    return Figure(
        "A dry run",
        "`run --dry` writes every directory and script of a study of empty commands. The bare "
        f"loop does mkdir, write and chmod. {PEER} is asked for no more than "
        f"{PEER_DRY:,} combinations.",
        rows,
        [_curve("dry", "Seconds to write the directories and scripts of a study", medians(runs))],
    )


def run(session: Session) -> Figure:
    """Empty tasks, run to their end by everybody."""
    sizes = session.pick([50, 250, 1_000], [20])
    contestants = runners(session, fan)
    if any(contestant.name == MAKE for contestant in contestants):
        laid_out = make(session, fan, found=True)
        contestants.append(Contestant(FOUND, laid_out, all_ran(fan)))
    runs = session.turns(contestants, sizes)
    largest = sizes[-1]
    ours = median(runs[OURS][largest])
    what = f"{2 * largest + 2:,} tasks"
    rows = []
    for name, sizes_of in runs.items():
        theirs = median(sizes_of[largest])
        if name in (BARE, MAKE):
            rows.append(at_most(what, ours, name, theirs, {BARE: 1.3, MAKE: 1.6}[name]))
        elif name == FOUND:
            rows.append(at_most(what, ours, name, theirs))
        elif name != OURS:
            rows.append(quicker(what, ours, name, theirs, 3.0 if name == PEER else 1.0))
    return Figure(
        "Running empty tasks",
        "The whole command, from the specification to the end of the last task, with as many "
        "tasks at a time as there are cores. Every task is a bash script that does nothing, in a "
        "directory of its own, with its output in two files. We, maestrowf (both with `-s 0`) and "
        "the bare loop write the directories and scripts; for the others, a bare loop writes them "
        f"first, and its time counts, except for '{FOUND}'. make, doit, Snakemake and parsl run a "
        "task by one more shell.",
        rows,
        [_curve("run", "Seconds to run a study of empty tasks", medians(runs))],
    )


def _curve(file: str, caption: str, seconds: dict[str, list[tuple[int, float]]]) -> Curve:
    """Against the number of tasks; sizes are combinations."""
    points = {
        name: [(2 * size + 2, amount) for size, amount in found]
        for name, found in seconds.items()
    }
    return Curve(file, caption, "tasks", "seconds", points)
