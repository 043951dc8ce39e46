"""How soon one task follows another."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from tools.bench.contestants import PEER, runners, study
from tools.bench.measure import OURS, Contestant, Session, median
from tools.bench.result import Figure, Row, at_most, quicker, within
from tools.bench.work import chain

LEVELS = 4


def waits(folder: Path, size: int) -> str:
    """As JSON, the milliseconds between the end of each link and the start of the next, by the
    clock of the scripts themselves.
    """
    times = sorted(
        tuple(map(float, path.read_text().split())) for path in folder.glob("**/link*.out")
    )
    assert len(times) == size, f"{len(times)} of {size} tasks have run"
    gaps = [1000 * (times[i + 1][0] - times[i][1]) for i in range(size - 1)]
    assert min(gaps) > 0, "a link has begun before the one before it ended"
    return json.dumps(gaps)


def follow(session: Session) -> Figure:
    """A chain of tasks."""
    size = session.pick(100, 5)
    runs = session.turns(runners(session, chain, waits), [size])
    middle = {
        name: statistics.median(gap for taken in found[size] for gap in taken.figures)
        for name, found in runs.items()
    }
    what = "median wait"
    rows = [within(what, middle[OURS], "ms", 5.0)]
    for name, milliseconds in middle.items():
        if name != OURS:
            rows.append(at_most(what, middle[OURS], name, milliseconds, unit="ms"))
    return Figure(
        "From the end of a task to the start of the next",
        f"A chain of {size} local tasks, each of which waits for the one before. The scripts say "
        f"themselves when they begin and end, so that the start of bash is part of the wait. We "
        f"and {PEER} with `-s 0`.",
        rows,
    )


def levels(session: Session) -> Figure:
    """Default settings."""
    found = [Contestant(OURS, study(chain, session.maestro), waits)]
    if (folder := session.peers.get(PEER)) and not session.quick:
        found.append(Contestant(PEER, study(chain, [str(folder / "maestro")]), waits))
    runs = session.turns(found, [LEVELS])
    ours = median(runs[OURS][LEVELS])
    what = f"{LEVELS} tasks in a row"
    rows: list[Row] = [within(what, ours, "s", 10.0)]
    if PEER in runs:
        rows.append(quicker(what, ours, PEER, median(runs[PEER][LEVELS])))
    return Figure(
        "A study of four levels with default settings",
        f"The whole command, with nothing set. {PEER} looks at its tasks once a minute.",
        rows,
    )
