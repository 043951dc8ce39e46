"""What the store remembers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from maestro.engine import State

__all__ = ["AttemptRow", "Happening", "Holder", "Settings", "StudyInfo", "TaskRow"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a study is conducted: the options of ``maestro run``. ``sleeptime`` is in seconds;
    ``scripts`` is the directory for scripts where it is not the workspaces (``--usetmp``).
    """

    throttle: int = 0
    rlimit: int = 1
    attempts: int = 1
    sleeptime: float = 60
    hashws: bool = False
    dry: bool = False
    scripts: str | None = None


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """One study: what it was made from and when.

    ``specification`` and ``generator`` name the copies in the study directory, ``source`` the copy
    that it is conducted by (empty: the same), and ``arguments`` are the generator's;
    ``directory``, ``specroot`` and ``cwd`` are what they were when the study was made;
    ``outcome`` is empty until the study has ended, and ``cancelling`` says that it is being
    cancelled. ``identity`` is what a scheduler's jobs are marked with; ``trouble`` says what is
    wrong with the scheduler, empty while it answers, and ``answered`` when it last did. ``version``
    and ``python`` made it, on ``host``; they are empty where that is not known.
    """

    name: str
    description: str
    directory: str
    specification: str
    specroot: str
    cwd: str
    created: float
    settings: Settings = Settings()
    generator: str | None = None
    arguments: tuple[str, ...] = ()
    source: str = ""
    outcome: str = ""
    cancelling: bool = False
    version: str = ""
    python: str = ""
    host: str = ""
    identity: str = ""
    trouble: str = ""
    answered: float | None = None

    def flat(self) -> dict[str, Any]:
        """Its values and those of its settings, by name, as JSON takes them."""
        values = asdict(self)
        settings: dict[str, Any] = values.pop("settings")
        return values | settings

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> StudyInfo:
        """What `flat` has told.

        Raises
        ------
        KeyError, TypeError
            It was none.
        """
        rest = dict(values)
        settings = Settings(**{f.name: rest.pop(f.name) for f in fields(Settings)})
        arguments = tuple(rest.pop("arguments", ()))
        return cls(**rest, settings=settings, arguments=arguments)


class TaskRow(NamedTuple):
    """A task as the store knows it; times in seconds since the epoch, ``seconds`` of run time. A
    tuple is made in less time than a dataclass, and there may be a million.

    ``id`` is never another task's; ``params`` is the JSON object of its parameters; ``number``
    counts its attempts.
    """

    id: int
    name: str
    step: str
    workspace: str
    params: str
    state: str
    number: int = 0
    restarts: int = 0
    job: str | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    exit_code: int | None = None
    detail: str | None = None


class Happening(NamedTuple):
    """The event ``id``: what happened to the task with the id ``task``, the ``state`` that this led
    to, and the ``seconds`` that the task has run as far as is known now.
    """

    id: int
    task: int
    name: str
    time: float
    state: State
    detail: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as the store knows it; times as in `TaskRow`.

    ``state`` is the task's when the attempt had ended (INITIALIZED: it did not take place), None
    while it is in flight.
    """

    task: str
    number: int
    submitted: float
    started: float | None = None
    ended: float | None = None
    state: str | None = None
    job: str | None = None
    exit_code: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the lease, if any does: ``start`` and ``boot`` tell it from a later
    process with the same id; ``counter`` moves as long as it lives.
    """

    epoch: int
    counter: int
    host: str | None = None
    boot: str | None = None
    pid: int | None = None
    start: str | None = None
