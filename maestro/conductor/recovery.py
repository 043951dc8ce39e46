"""What was found when a study was taken up: what goes on, what has ended, and what got lost."""

from __future__ import annotations

import select
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro.engine import ACTIVE, Change, Engine, Event, State

if TYPE_CHECKING:
    from maestro.adapters.batch import BatchBackend

__all__ = ["Recovered", "recovered", "survey"]

PATIENCE = 15.0
"""Seconds to wait for a scheduler's first answer; a dead one takes 9 s to be given up."""


LOOK = 0.2
"""Seconds between two looks at its answers, at most."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many tasks had ``finished``, and what became of those that were in flight: they run, are
    queued, have ``ended`` meanwhile, are ``lost`` and submitted again, or in ``doubt``: neither
    found nor proven lost yet.
    """

    finished: int
    running: int = 0
    queued: int = 0
    ended: int = 0
    lost: int = 0
    doubt: int = 0

    def __str__(self) -> str:
        counts = (
            (self.running, "running, reattached"),
            (self.queued, "queued, reattached"),
            (self.ended, "ended while away"),
            (self.lost, "lost, resubmitting"),
            (self.doubt, "not found yet, still looked for"),
        )
        known = [f"{number} {what}" for number, what in counts if number]
        return " · ".join([f"{self.finished} finished", *known])


def survey(engine: Engine, batch: BatchBackend) -> None:
    """Wait until the scheduler has told of the jobs that were taken over, or does not answer."""
    end = time.monotonic() + PATIENCE
    while not batch.surveyed and time.monotonic() < end:
        for seen in batch.observe():
            engine.observe(seen, time.time())
        poll = select.poll()
        poll.register(batch, select.POLLIN)
        wait = batch.timeout()
        poll.poll(1000 * min(LOOK, LOOK if wait is None else wait))


def recovered(
    engine: Engine, finished: int, flying: Collection[str], changes: Sequence[Change]
) -> Recovered:
    """What became of the tasks ``flying`` by the ``changes`` since the study was taken up."""
    ends: dict[str, State] = {}
    lost: set[str] = set()
    known = set(flying)
    for change in changes:
        task = change.task
        if change.event is Event.SUBMIT:  # its conductor had no time to record it
            known.add(task)
            lost.discard(task)
            ends.pop(task, None)
        elif change.event is Event.WITHDRAW or (
            change.event is Event.RETRY and ends[task] is State.HWFAILURE
        ):
            lost.add(task)
        elif task in known and change.state not in ACTIVE:
            ends[task] = change.state
    states = [engine.state(task) for task in known - lost - set(ends)]
    return Recovered(
        finished,
        running=states.count(State.RUNNING),
        queued=states.count(State.PENDING),
        ended=len(set(ends) - lost),
        lost=len(lost),
        doubt=states.count(State.SUBMITTING) + states.count(State.UNKNOWN),
    )
