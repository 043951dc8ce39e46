"""Whether a study directory is where its study was made, or has been moved or copied."""

from __future__ import annotations

import os
from contextlib import closing
from enum import Enum

from maestro.conductor.store import FILE, Store
from maestro.errors import StudyError

__all__ = ["Place", "place_of"]


class Place(Enum):
    """Where a study directory is."""

    SAME = "same"
    """Where its study was made or last conducted, maybe by another name."""
    MOVED = "moved"
    COPY = "copy"
    """The one that it was copied from still is there: what is in flight is in flight there."""


def place_of(store: Store) -> Place:
    """Where the directory of ``store`` is.

    Raises
    ------
    StudyError
        The store cannot be read.
    """
    info = store.info()
    if info.directory == store.directory or _same_file(info.directory, store.directory):
        return Place.SAME
    if not os.path.isfile(os.path.join(info.directory, FILE)):
        return Place.MOVED
    try:
        with closing(Store.open(info.directory)) as original:
            same = original.info().identity == info.identity
    except StudyError:  # somebody has one there, and who it is cannot be told
        return Place.COPY
    return Place.COPY if same else Place.MOVED


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
