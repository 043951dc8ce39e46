"""Making the graph of a study, and deciding about its tasks with nothing to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.bench.measure import OURS, Contestant, Runs, Session, Taken, figures
from tools.bench.result import Curve, Figure, Row, at_most

LOOP, WALK = "a bare networkx loop", "networkx.topological_sort"
SECONDS = "seconds of processor time"
SAME = 1.5
"""Times as much a task may cost at one size as at another."""


def contestants(session: Session, **ways: str) -> list[Contestant]:
    """Who does something, by the way; sizes are numbers of tasks."""

    def contestant(way: str, name: str) -> Contestant:
        return Contestant(name, lambda folder, size: session.program("graphs", way, size))

    return [contestant(way, name) for way, name in ways.items()]


def expand(session: Session) -> Figure:
    """Against the bare loop, at one size."""
    size = session.pick(200_002, 2_002)
    ways = contestants(session, expand=OURS, bare=LOOP, hashws="--hashws")
    runs = session.turns(ways, [size], rounds=5)
    seconds, memory, nodes, edges = figures(runs[OURS][size])
    floor = figures(runs[LOOP][size])
    hashed = figures(runs["--hashws"][size])
    return Figure(
        "Expanding a study to its graph",
        f"{nodes:,.0f} tasks and {edges:,.0f} edges, from a loaded specification, beside a loop "
        "that makes the same nodes (with one attribute) and edges. Times are of the processor.",
        [
            at_most("time", seconds, LOOP, floor[0], 2.0),
            at_most("peak memory", memory, LOOP, floor[1], 2.0, "MB"),
            at_most("time with `--hashws`", hashed[0], LOOP, floor[0]),
        ],
    )


def growth(session: Session) -> Figure:
    """Up to a million tasks."""
    sizes = session.pick(
        [1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000], [2_000, 6_000]
    )
    runs = session.turns(contestants(session, expand=OURS, bare=LOOP), sizes)
    return Figure(
        "Expanding ever larger studies",
        f"The same up to {sizes[-1]:,} tasks: what a task costs at most, beside what it costs at "
        "least, at all sizes from 10,000 on.",
        [
            even("time per task", runs[OURS], 0, 1e6, "µs"),
            even(f"the same of {LOOP}", runs[LOOP], 0, 1e6, "µs", goal=False),
            even("memory per task", runs[OURS], 1, 1e3, "kB"),
        ],
        [
            curve("expand-time", "Seconds to expand a study", SECONDS, runs, 0),
            curve("expand-memory", "Memory to expand a study", "MB", runs, 1),
        ],
    )


def engine(session: Session) -> Figure:
    """The engine and nothing else."""
    sizes = session.pick([10_000, 100_000, 1_000_000], [100, 1_000])
    runs = session.turns(contestants(session, conduct=OURS, walk=WALK), sizes)
    return Figure(
        "Conducting with nothing to run",
        f"Every decision about up to {sizes[-1]:,} tasks that finish as soon as they are "
        "submitted, 64 at a time: what a task costs at most, beside what it costs at least.",
        [
            even("time per task", runs[OURS], 0, 1e6, "µs"),
            even(f"the same of {WALK}", runs[WALK], 0, 1e6, "µs", goal=False),
        ],
        [curve("engine", "Seconds to conduct a study that runs nothing", SECONDS, runs, 0)],
    )


def even(
    what: str, runs: Mapping[int, Sequence[Taken]], which: int, factor: float, unit: str,
    *, goal: bool = True,
) -> Row:  # fmt: skip
    """That a task costs the same at all sizes from 10,000 on (or, of smaller ones, at all)."""
    sizes = [size for size in runs if size >= 10_000] or list(runs)
    costs = {size: factor * figures(runs[size])[which] / size for size in sizes}
    most, least = max(costs, key=costs.__getitem__), min(costs, key=costs.__getitem__)
    name, bound = f"of {least:,} tasks", SAME if goal else None
    return at_most(f"{what}, of {most:,} tasks", costs[most], name, costs[least], bound, unit)


def curve(file: str, caption: str, y: str, runs: Runs, which: int) -> Curve:
    """One of the figures against the number of tasks."""
    points = {
        name: [(size, figures(taken)[which]) for size, taken in sizes.items() if taken]
        for name, sizes in runs.items()
    }
    return Curve(file, caption, "tasks", y, points)
