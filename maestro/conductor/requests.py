"""Notes that people leave for the conductor of a study: cancel it, change its settings."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, fields

from maestro.adapters.private import private
from maestro.conductor.store import HIDDEN
from maestro.errors import StudyError

__all__ = ["LIMITS", "Request", "discard", "leave", "pending"]

_FOLDER = f"{HIDDEN}/requests"


@dataclass(frozen=True, slots=True)
class Request:
    """Cancel the study, or give its settings new values; None leaves one as it is."""

    cancel: bool = False
    attempts: int | None = None
    throttle: int | None = None
    rlimit: int | None = None
    sleeptime: float | None = None


LIMITS = ("attempts", "throttle", "rlimit", "sleeptime")
"""The settings that a request may change."""


def leave(directory: str, request: Request) -> None:
    """Leave ``request`` for whoever conducts the study in ``directory``, now or later.

    Raises
    ------
    StudyError
        It cannot be written.
    """
    folder = os.path.join(directory, _FOLDER)
    name = f"{time.time_ns():020d}-{os.getpid()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        draft = os.path.join(folder, f".{name}")
        with open(draft, "w", encoding="utf-8", opener=private) as file:
            json.dump({f.name: getattr(request, f.name) for f in fields(Request)}, file)
        os.rename(draft, os.path.join(folder, f"{name}.json"))
    except OSError as error:
        raise StudyError(f"no request can be left in {folder}: {error.strerror}") from error


def pending(directory: str) -> list[tuple[str, Request]]:
    """The requests that have been left, oldest first, each with the path to `discard` it by."""
    folder = os.path.join(directory, _FOLDER)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        return []
    requests = []
    for name in names:
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            requests.append((path, Request(**json.load(file))))
    return requests


def discard(path: str) -> None:
    """Remove a request that has been carried out."""
    os.unlink(path)
