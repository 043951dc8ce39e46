"""When a scheduler is asked next."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace

__all__ = ["Limits", "Pace"]

FIRST = 5.0
"""Seconds before a scheduler that has not answered is asked again, at least."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: between two polls (``sleeptime``, and never less than ``least``; from ``hurry`` on
    while somebody waits for an answer), between two looks at records, that a job may be
    ``missing``, that a submission may be in ``doubt``, between polls of a scheduler that does not
    answer, at most (``backoff``), and for commands to end when the backend is closed.
    """

    sleeptime: float = 60.0
    least: float = 0.5
    hurry: float = 1.0
    look: float = 0.25
    missing: float = 300.0
    doubt: float = 30.0
    backoff: float = 600.0
    closing: float = 10.0


class Pace:
    """``due`` is when a poll is due, by the monotonic clock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hurried = 0.0  # the wait between polls while somebody waits; 0: nobody does
        self._failures = 0
        self.due = time.monotonic() + self._interval()

    def change(self, sleeptime: float) -> None:
        """Wait ``sleeptime`` seconds between two polls from now on."""
        self._limits = replace(self._limits, sleeptime=sleeptime)
        self.due = min(self.due, time.monotonic() + self._interval())

    def hurry(self) -> None:
        """Somebody waits for what the scheduler will say: ask soon, and then less and less. One
        that does not answer is left alone.
        """
        self._hurried = self._limits.hurry
        if not self._failures:
            self.due = min(self.due, time.monotonic() + self._hurried)

    def answered(self, *, waits: bool) -> None:
        """A poll has ended; ``waits`` says whether somebody still waits."""
        self._failures = 0
        self._hurried = 2 * self._hurried if waits else 0.0
        self.due = time.monotonic() + self._interval()

    def failed(self) -> None:
        """There was no answer. The wait grows, and no two conductors' waits are alike."""
        wait = max(self._interval(), FIRST) * 2 ** min(self._failures, 10)
        self._failures += 1
        self.due = time.monotonic() + min(wait, self._limits.backoff) * random.uniform(0.5, 1.0)

    def _interval(self) -> float:
        wait = max(self._limits.sleeptime, self._limits.least)
        return min(wait, self._hurried) if self._hurried else wait
