"""Reaching a study from outside its conductor, whether or not that is still there."""

from __future__ import annotations

import time

from maestro.conductor import requests
from maestro.conductor.conduct import ended, taken_up
from maestro.conductor.lease import conducted_by
from maestro.conductor.store import Store, StoreHeld
from maestro.engine import Outcome
from maestro.errors import MaestroError, StudyError

__all__ = ["cancel", "conducted"]

PATIENCE = 30.0
"""Seconds to wait until a living conductor has cancelled its study."""


def cancel(directory: str) -> Outcome | None:
    """Cancel the study in ``directory``: by its conductor, or, when that is gone, here.

    Returns how the study ended; None when its conductor has not answered within `PATIENCE`.

    Raises
    ------
    StudyError, SpecError
        There is no study, or it can be neither reached nor taken up: then nothing is asked for.
    """
    note = requests.leave(directory, requests.Request(cancel=True))
    try:
        return _heeded(directory)
    except MaestroError:
        requests.discard(note)  # else whoever takes it up later would heed it
        raise


def _heeded(directory: str) -> Outcome | None:
    """How the study ended once its conductor, or this process, has heeded the requests left."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if (outcome := ended(directory)) is not None:
                return outcome
            alive = conducted(directory)
        except StoreHeld:
            continue
        if alive:
            time.sleep(0.05)
            continue
        try:
            with taken_up(directory) as conductor:
                return conductor.run()
        except StudyError:
            if not conducted(directory):
                raise
    return None


def conducted(directory: str) -> bool:
    """Whether anybody conducts the study in ``directory`` now, as far as this host can tell.

    Raises
    ------
    StudyError
        There is no study, or its store cannot be read.
    """
    store = Store.open(directory)
    try:
        return conducted_by(store) is not None
    finally:
        store.close()
