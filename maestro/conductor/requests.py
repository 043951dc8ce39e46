"""Notes that people leave for the conductor of a study: cancel it, change its settings."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, fields

from maestro.adapters.private import private
from maestro.conductor.store import HIDDEN
from maestro.errors import StudyError

__all__ = ["LIMITS", "Request", "cancels", "discard", "leave", "pending"]

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


def leave(directory: str, request: Request) -> str:
    """Leave ``request`` for whoever conducts the study in ``directory``, now or later; the path to
    `discard` it by.

    Raises
    ------
    StudyError
        It cannot be written.
    """
    folder = os.path.join(directory, _FOLDER)
    name = f"{time.time_ns():020d}-{os.getpid()}"
    path = os.path.join(folder, f"{name}.json")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        draft = os.path.join(folder, f".{name}")
        with open(draft, "w", encoding="utf-8", opener=private) as file:
            json.dump({f.name: getattr(request, f.name) for f in fields(Request)}, file)
        os.rename(draft, path)
    except OSError as error:
        raise StudyError(f"no request can be left in {folder}: {error.strerror}") from error
    return path


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


def cancels(directory: str) -> bool:
    """Whether a request to cancel the study in ``directory`` has been left."""
    return any(request.cancel for _, request in pending(directory))


def discard(path: str) -> None:
    """Remove a request that has been carried out, or is withdrawn, unless that has been done."""
    with suppress(FileNotFoundError):
        os.unlink(path)
