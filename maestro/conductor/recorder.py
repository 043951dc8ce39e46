"""Recording what happens to a study, whether or not its store can be written at the moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from maestro.adapters.base import Health
from maestro.conductor.lease import HEARTBEAT
from maestro.conductor.store import Settings, Store, StoreHeld, taken_over
from maestro.engine import Change, Outcome

__all__ = ["Recorder"]

log = logging.getLogger(__name__)

COMMIT = 0.1
"""Seconds that what happened to local tasks may wait to be recorded together: their ledger has it
already.
"""


class Recorder:
    """Records in ``store`` for the holder of the lease ``epoch``.

    While another program holds the store, what is to be recorded is kept, and tried again, but not
    before that program has had as much time as it was waited for. ``tell`` gets the sentences that
    people should see then.
    """

    def __init__(self, store: Store, epoch: int, tell: Callable[[str], None]) -> None:
        self.settings: Settings | None = None
        self.cancelling = False
        self.health = Health()
        self.ended = False
        self._store = store
        self._epoch = epoch
        self._tell = tell
        self._ids = store.ids()
        self._changes: list[Change] = []
        self._known = Health()  # to the store
        self._recorded_at = 0.0
        self._retry_at = 0.0
        self._failures = 0

    def note(self, changes: Sequence[Change]) -> None:
        """``changes`` are to be recorded."""
        self._changes += changes

    @property
    def behind(self) -> bool:
        """Whether changes are still to be recorded."""
        return bool(self._changes)

    def wait(self) -> float | None:
        """Seconds until changes are to be recorded; None while there are none."""
        if not self._changes:
            return None
        return max(0.0, self._recorded_at + COMMIT - time.monotonic(), self._pause())

    def record(self, outcome: Outcome | None = None, *, at_once: bool = False) -> bool:
        """Record everything, where any of it is due, and give a sign of life; ``outcome`` is how
        the study has ended. Whether it has been done now.

        Raises
        ------
        StudyError
            Another conductor has taken the study over, or the store cannot be written.
        """
        waited = time.monotonic() - self._recorded_at
        due = waited >= (COMMIT if self._changes else HEARTBEAT)
        urgent = at_once or outcome is not None or self.settings is not None or self.cancelling
        urgent = urgent or self.health.trouble != self._known.trouble
        if not (due or urgent) or self._pause():
            return False
        begun = time.monotonic()
        try:
            self._commit(outcome)
        except StoreHeld as error:
            self._put_off(begun, error)
            return False
        if self._failures > 1:
            self._say(logging.INFO, "the store can be written again, and knows of everything")
        self._recorded_at = begun
        self._failures = 0
        self._known = self.health
        self._changes.clear()
        self.settings, self.cancelling = None, False
        self.ended = self.ended or outcome is not None
        return True

    def holds(self) -> bool:
        """Whether the study still is ours; also False while the store cannot be read.

        Raises
        ------
        StudyError
            It is another conductor's.
        """
        try:
            ours = self._store.holds(self._epoch)
        except StoreHeld:
            return False
        if not ours:
            raise taken_over(self._store.directory)
        return True

    def _commit(self, outcome: Outcome | None) -> None:
        self._store.commit(
            self._epoch,
            [(self._ids[change.task], change) for change in self._changes],
            settings=self.settings,
            outcome=outcome,
            cancelling=self.cancelling,
            health=None if self.health == self._known else self.health,
            patience=0.0,
        )

    def _pause(self) -> float:
        """Seconds until it may be tried again."""
        return max(0.0, self._retry_at - time.monotonic())

    def _put_off(self, begun: float, error: StoreHeld) -> None:
        now = time.monotonic()
        self._retry_at = now + (now - begun)
        self._failures += 1
        if self._failures == 2:  # once may be somebody who only takes a long look
            self._say(logging.WARNING, f"{error.holder}; what happens is recorded afterwards")

    def _say(self, level: int, text: str) -> None:
        log.log(level, "%s", text)
        self._tell(text)
