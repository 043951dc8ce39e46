"""What `maestro.report.analysis` finds, as people read it: lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import Any

from rich.cells import chop_cells

from maestro.conductor.snapshot import time_text
from maestro.report.look import amount, counts_text, one_line
from maestro.spec.values import plural

__all__ = ["failed_lines", "lines"]

ROOM = 80
FEW = 10
"""Tasks of the critical path that are named, and values that tasks failed with, at most."""

ALL = " (--format json has them all)"

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
        yield from _slots(found["makespan"], run)
        yield from _slowest(run)
        yield from failed_lines(run["failures"], ALL)


def _size(found: Found) -> Iterator[str]:
    generations = shorten(" ".join(map(str, found["profile"])), ROOM - 37, placeholder=" ...")
    estimated = found["tasks"] - found["measured"]
    how = "one after the other"
    if found["unit"] == "tasks":
        how += ", when each task takes 1"
    elif estimated:
        how += f"; {estimated} estimated by those that finished"
    work, span = (amount(found[name], found["unit"]) for name in ("work", "span"))
    rows = [
        ("tasks", found["tasks"], ""),
        ("edges", found["edges"], ""),
        ("depth", found["depth"], f"generations: {generations}"),
        ("width", found["width"], "tasks in the largest generation"),
        ("work", work, how),
        ("span", span, "as many at a time as can be: the critical path"),
        ("parallelism", f"{found['parallelism'] or 0:.1f}", "work / span"),
    ]
    if makespan := found["makespan"]:
        least, most = (amount(makespan[name], found["unit"]) for name in ("least", "most"))
        slots = plural(makespan["slots"], "slot")
        rows.append((slots, least, f"at least; at most {most} with none idle"))
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
    yield from _more(len(path), ALL)


def _time(run: Found) -> Iterator[str]:
    clock, elapsed, attempts = run["clock"], run["elapsed"], run["attempts"]
    yield _share("running", clock["running"], elapsed, "at least one task ran")
    yield _share("queued", clock["queued"], elapsed, "none ran, and some waited to be started")
    yield _share("idle", clock["idle"], elapsed, "nothing was in flight")
    count, queue, ran = attempts["count"], attempts["queue_seconds"], attempts["run_seconds"]
    yield f"{plural(count, 'attempt')}, together"
    yield _share("queued", queue, queue + ran, f"{amount(queue / count)} each")
    yield _share("ran", ran, queue + ran, f"{amount(ran / count)} each")
    if lost := attempts["lost_count"]:
        meaning = f"in {lost} that ended and did not finish"
        yield _share("of that", attempts["lost_seconds"], queue + ran, meaning)


def _slots(makespan: Found | None, run: Found) -> Iterator[str]:
    if makespan is None:
        return
    slots, idle = makespan["slots"], run["idle_slot_seconds"]
    together = "" if idle is None else ", together"
    yield f"{plural(slots, 'slot')}{together}; at most {run['peak']} ran at the same time"
    if idle is not None:
        yield _share("busy", run["attempts"]["run_seconds"], slots * run["elapsed"])
        yield _share("idle", idle, slots * run["elapsed"])


def _share(name: str, value: float, whole: float, meaning: str = "") -> str:
    part = f"{value / whole:.0%}" if whole else ""
    return f"  {name:9}  {amount(value):>9}  {part:>4}  {meaning}".rstrip()


def _slowest(run: Found) -> Iterator[str]:
    if run["slowest"]:
        yield from ("", "Longest runs")
    for row in run["slowest"]:
        yield from _entry(f"{amount(row['seconds']):>11}  {row['state']:9}", row["task"])
    if run["slowest_values"]:
        yield from ("", "Slowest values", "  mean time  tasks that finished with this value")
    for row in run["slowest_values"]:
        yield from _entry(f"{amount(row['mean_seconds']):>11}  {row['tasks']:5}", _value(row))


def failed_lines(failures: Found, hint: str) -> Iterator[str]:
    """What `maestro.report.analysis.failures` found; ``hint`` says where the values are that are
    left out here.
    """
    if not failures["count"]:
        return
    incomplete = failures["incomplete"]
    blocked = f"; {incomplete} cannot run because of them" if incomplete else ""
    yield from ("", f"Failed: {plural(failures['count'], 'task')}{blocked}")
    yield "     failed     of all that ended of this step"
    for row in failures["by_step"]:
        yield from _entry(_rate(row), row["step"])
    rows = failures["by_value"]
    if rows:
        yield "     failed     of all that ended with this value"
    for row in rows[:FEW]:
        yield from _entry(_rate(row), _value(row))
    yield from _more(len(rows), hint)


def _rate(row: Found) -> str:
    return f"{row['failed']:11}  {row['of']:5}  {row['failed'] / row['of']:>4.0%}"


def _value(row: Found) -> str:
    return f"{row['step']}: {row['parameter']} = {row['value']}"


def _more(count: int, hint: str) -> Iterator[str]:
    if count > FEW:
        yield f"  and {count - FEW} more{hint}"


def _entry(head: str, name: str) -> Iterator[str]:
    """``name`` behind ``head``, in as many lines as it takes."""
    return _folded(name, f"{head}  ")


def _folded(text: str, head: str) -> Iterator[str]:
    for part in chop_cells(one_line(text), ROOM - len(head)):
        yield head + part
        head = " " * len(head)
