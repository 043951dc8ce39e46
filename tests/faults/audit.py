"""Whether a study that was tormented came to its end as if nothing had been.

Every task appends a line to one file, the journal: its own name, and the job that it runs in. For
each attempt that the store knows to have started there must be a line, once, and no line besides.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import maestro
from maestro.adapters.records import Intent, Reader, Start
from maestro.adapters.spawn import next_of
from maestro.conductor.store import FILE, HIDDEN

__all__ = ["JOURNAL", "Tally", "audit"]

JOURNAL = "journal"

STARTED = {"START", "FINISH", "FAIL", "TIME_OUT", "BREAK"}
"""Events of attempts that have started, and may have ended since; unless they were withdrawn: who
was to let them go died before that.
"""


@dataclass
class Tally:
    """What has been done, and what came of it. ``kills`` are by victim, or by the point where it
    died; ``wrong`` says what is not as it should be.
    """

    kills: Counter[str] = field(default_factory=Counter)
    lies: int = 0
    studies: int = 0
    tasks: int = 0
    attempts: int = 0
    started: int = 0
    lost: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"kills: {self.kills.total()} · lies: {self.lies} · studies: {self.studies} · "
            f"tasks: {self.tasks} · attempts: {self.attempts}, started: {self.started} · "
            f"lost: {self.lost} · twice: {self.twice} · otherwise wrong: {len(self.wrong)}"
        )


def audit(out: Path, fails: str, killed: set[int], tally: Tally) -> None:
    """Look into the study in ``out``, in which tasks whose name ends in ``fails`` are meant to
    fail, and the processes ``killed`` were; add what is found to ``tally``.
    """
    lines = _lines(out)
    attempts = _attempts(out)
    orphans = _orphans(out, killed)
    started: dict[str, list[str]] = {}
    for (task, _), (events, job) in attempts.items():
        if events & STARTED and "WITHDRAW" not in events:
            started.setdefault(task, []).append(job)
    for task in {*lines, *started}:
        written = lines.get(task, [])
        tally.lost += not written
        tally.twice += max(0, len(written) - 1)
        unseen = Counter([""] if task in orphans else [])
        begun = Counter(started.get(task, []))
        others = Counter(written) - begun  # the process of one that was adopted may be unknown
        if begun - Counter(written) - unseen or others.total() != (begun & unseen).total():
            tally.wrong.append(f"{out}: {task} ran in {written}, and started {started.get(task)}")
    states = dict(maestro.open_study(str(out)).states())
    for task, wanted in _expected(out, states, fails, orphans):
        if states[task] != wanted:
            tally.wrong.append(f"{out}: {task} is {states[task]}, and not {wanted}")
    tally.studies += 1
    tally.tasks += len(states)
    tally.attempts += len(attempts)
    tally.started += sum(map(len, started.values()))


def _lines(out: Path) -> dict[str, list[str]]:
    """The jobs that each task ran in, by the journal."""
    found: dict[str, list[str]] = {}
    path = out / JOURNAL
    for line in path.read_text().splitlines() if path.exists() else ():
        task, job = line.split(" ")
        found.setdefault(task, []).append(job.replace("ƒ", "f"))
    return found


def _attempts(out: Path) -> dict[tuple[str, int], tuple[set[str], str]]:
    """What happened to each attempt, by the store, and the job that it is known by."""
    with sqlite3.connect(f"file:{out / FILE}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT task.name, event.number, event, event.job FROM event "
            "JOIN task ON task.id = event.task WHERE event.number > 0 ORDER BY event.id"
        ).fetchall()
    db.close()
    found: dict[tuple[str, int], tuple[set[str], str]] = {}
    for task, number, event, job in rows:
        events, before = found.get((task, number), (set(), ""))
        if event not in ("BLOCK", "CANCEL"):  # they befall tasks, and these have their last number
            found[task, number] = (events | {event}, job or before)
    return found


def _orphans(out: Path, killed: set[int]) -> set[str]:
    """The tasks that ran when their shim was killed: nobody can know how they ended."""
    found: set[str] = set()
    for path in out.glob(f"{HIDDEN}/ledger-*.jsonl"):
        reader = Reader(str(path))
        running: dict[str, Intent | Start] = {}
        for record in reader.read():
            if isinstance(record, Intent | Start):
                running[record.task] = record
            else:
                del running[record.task]
        if reader.opened is not None and reader.opened.pid in killed:
            found |= {task for task, record in running.items() if _began(record, path)}
    return found


def _began(record: Intent | Start, ledger: Path) -> bool:
    """Whether an attempt ran, and was not the next to begin."""
    if isinstance(record, Start):
        return True
    line = Path(next_of(str(ledger))).read_bytes().partition(b"\n")[0]
    return line != json.dumps([record.task, record.number]).encode()


def _expected(
    out: Path, states: dict[str, str], fails: str, orphans: set[str]
) -> Iterator[tuple[str, str]]:
    """The state that each task should have come to."""
    graph = maestro.open_study(str(out)).graph
    for task in graph:
        if any(states[parent] != "FINISHED" for parent in graph.predecessors(task)):
            yield task, "INCOMPLETE"
        elif task in orphans:
            yield task, "HWFAILURE"
        else:
            yield task, "FAILED" if task.endswith(fails) else "FINISHED"
