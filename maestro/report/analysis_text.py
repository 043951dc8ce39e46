"""What `maestro.report.analysis` finds, as people read it: lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import Any

from rich.cells import chop_cells

from maestro.conductor.snapshot import time_text
from maestro.report.look import counts_text, one_line
from maestro.spec.values import plural

__all__ = ["amount", "lines"]

ROOM = 80
FEW = 10
"""Tasks of the critical path that are named, and values that tasks failed with, at most."""

_TIMES = ("work", "span", "least", "most")

Found = Mapping[str, Any]


def lines(title: str, found: Found, encoding: str | None) -> Iterator[str]:
    """``found`` below ``title``, in symbols that a stream with ``encoding`` can show."""
    yield from _folded(title, "")
    if "states" in found:
        yield from _folded(counts_text(found["states"], encoding), "")
    yield from _size(found)
    yield from _steps(found["steps"])
    yield from _path(found)
    if found["bottlenecks"]:
        yield from ("", "Bottlenecks: so many others reach the start or the end only by it")
        for row in found["bottlenecks"]:
            yield from _entry(f"{row['others']:11}", row["task"])
    if run := found.get("run"):
        yield from ("", f"Where the time went: {amount(run['elapsed'])}, "
                    f"from {time_text(run['first'])} to {time_text(run['last'])}")  # fmt: skip
        yield from _time(run)
        yield from _slowest(run["slowest"])
        yield from _failed(run)


def amount(value: float, unit: str = "seconds") -> str:
    """``value`` seconds, or whatever ``unit`` it has, in a few characters."""
    if unit != "seconds":
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    if value < 59.95:
        return f"{value:.3g} s" if value < 10 else f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def _size(found: Found) -> Iterator[str]:
    generations = shorten(" ".join(map(str, found["profile"])), ROOM - 37, placeholder=" ...")
    estimated = found["tasks"] - found["measured"]
    how = "one after the other"
    if found["unit"] == "tasks":
        how += ", when each task takes 1"
    elif estimated:
        how += f"; {estimated} estimated by those that finished"
    times = {name: amount(found[name] or 0, found["unit"]) for name in _TIMES}
    rows = [
        ("tasks", found["tasks"], ""),
        ("edges", found["edges"], ""),
        ("depth", found["depth"], f"generations: {generations}"),
        ("width", found["width"], "tasks in the largest generation"),
        ("work", times["work"], how),
        ("span", times["span"], "as many at a time as can be: the critical path"),
        ("parallelism", f"{found['parallelism'] or 0:.1f}", "work / span"),
    ]
    if found["slots"]:
        meaning = f"at least; at most {times['most']} with none idle"
        rows.append((plural(found["slots"], "slot"), times["least"], meaning))
    for name, value, meaning in rows:
        yield f"{name:11}  {value:>9}  {meaning}".rstrip()


def _steps(steps: Sequence[Found]) -> Iterator[str]:
    yield from ("", "      tasks  step, and what it waits for (*: for all of them)")
    for step in steps:
        after = ", ".join(f"{e['step']}{'_*' if e['funnel'] else ''}" for e in step["after"])
        yield from _entry(f"{step['tasks']:11}", f"{step['step']}{after and f' <- {after}'}")


def _path(found: Found) -> Iterator[str]:
    path = found["critical_path"]
    yield from ("", f"Critical path: {len(path)} of {found['tasks']} tasks")
    for row in path[:FEW]:
        yield from _entry(f"{amount(row['duration'], found['unit']):>11}", row["task"])
    yield from _more(len(path))


def _time(run: Found) -> Iterator[str]:
    def share(name: str, value: float, whole: float, meaning: str = "") -> str:
        part = f"{value / whole:.0%}" if whole else ""
        return f"  {name:9}  {amount(value):>9}  {part:>4}  {meaning}".rstrip()

    elapsed, attempts, slots = run["elapsed"], run["attempts"], run["slots"]
    yield share("running", run["running"], elapsed, "at least one task ran")
    yield share("queued", run["queued"], elapsed, "none ran, and some waited to be started")
    yield share("idle", run["idle"], elapsed, "nothing was in flight")
    flight = run["queue"] + run["run"]
    yield f"{plural(attempts, 'attempt')}, together"
    yield share("queued", run["queue"], flight, f"{amount(run['queue'] / attempts)} each")
    yield share("ran", run["run"], flight, f"{amount(run['run'] / attempts)} each")
    if lost := run["unfinished_attempts"]:
        yield share("of that", run["unfinished"], flight, f"in {lost} that did not finish")
    if slots:
        yield f"{plural(slots, 'slot')}, together; at most {run['most']} ran at the same time"
        yield share("busy", run["run"], slots * elapsed)
        yield share("idle", run["slot_idle"], slots * elapsed)


def _slowest(rows: Sequence[Found]) -> Iterator[str]:
    if rows:
        yield from ("", "Longest runs")
    for row in rows:
        yield from _entry(f"{amount(row['seconds']):>11}  {row['state']:9}", row["task"])


def _failed(run: Found) -> Iterator[str]:
    if not run["failed"]:
        return
    blocked = f"; {run['incomplete']} cannot run because of them" if run["incomplete"] else ""
    yield from ("", f"Failed: {plural(run['failed'], 'task')}{blocked}")
    rows = run["failed_by_value"]
    if rows:
        yield "     failed     of all that ended with this value"
    for row in rows[:FEW]:
        share = f"{row['failed'] / row['of']:.0%}"
        head = f"{row['failed']:11}  {row['of']:5}  {share:>4}"
        yield from _entry(head, f"{row['parameter']} = {row['value']}")
    yield from _more(len(rows))


def _more(count: int) -> Iterator[str]:
    if count > FEW:
        yield f"  and {count - FEW} more (--format json has them all)"


def _entry(head: str, name: str) -> Iterator[str]:
    """``name`` behind ``head``, in as many lines as it takes."""
    return _folded(name, f"{head}  ")


def _folded(text: str, head: str) -> Iterator[str]:
    for part in chop_cells(one_line(text), ROOM - len(head)):
        yield head + part
        head = " " * len(head)
