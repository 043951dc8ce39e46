"""What people are told when a study that was conducted in front of them has ended."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass

from maestro.engine import FAILED, State
from maestro.report.advice import after
from maestro.report.failure import FIRST, first_failures
from maestro.report.look import command, counts_text, one_line
from maestro.report.study import open_study

__all__ = ["Digest", "digest"]


@dataclass(frozen=True, slots=True)
class Digest:
    """How a study ended: a few lines of that, of what failed first, and of what to do then."""

    standing: list[str]
    failures: list[str]
    after: list[str]
    results: str

    def __str__(self) -> str:
        return "\n".join([*self.standing, *self.failures, *self.after, self.results])


def digest(directory: str) -> Digest:
    """How the study in ``directory`` ended, and the first failures with what they said last."""
    study = open_study(directory)
    info, tasks = study.info, study.tasks()
    counts = Counter(State(task.state).shown for task in tasks)
    standing = [
        one_line(f"{info.name}: {info.outcome or 'has not ended'}"),
        counts_text(counts, sys.stdout.encoding),
    ]
    failed = [task for task in tasks if State(task.state) in FAILED]
    failures = first_failures(study.directory, info, failed)
    why = command("why", study.directory)
    if (more := len(failed) - FIRST) > 0:
        failures.append(one_line(f"and {more} more: {why}"))
    elif failed:
        failures.append(one_line(f"To know more: {why}"))
    then = [one_line(after(study.directory, info.outcome))] if info.outcome else []
    return Digest(standing, failures, then, one_line(f"Results: {study.directory}"))
