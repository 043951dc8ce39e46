"""What tells one way of running tasks from another, as pure functions over values.

A `Codec` writes scripts. A `Scheduler` is a codec for a batch scheduler: it makes command lines and
reads what the commands print; `maestro.adapters.batch` runs them. A third party that supplies a
`Scheduler` under the entry-point group ``maestro.adapters`` has written an adapter. Nothing here
touches a file or a process. ``docs/guides/adapters.md`` makes an adapter from the beginning.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from maestro.adapters.script import plain_script
from maestro.engine.observations import Seen
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources

__all__ = [
    "TAGS",
    "Answer",
    "Codec",
    "Command",
    "Facts",
    "LocalCodec",
    "Scheduler",
    "Sighting",
    "Submission",
]


TAGS = "maestro:"
"""What all tags of submissions begin with."""


class Codec(Protocol):
    """How tasks are written for one kind of backend. It is made from the ``batch`` section."""

    extension: str
    """What the names of its scripts end in, with the full stop."""

    keys: frozenset[str]
    """The fields of `Resources` that it heeds."""

    settings: frozenset[str]
    """The keys of ``batch`` that it heeds, beside ``type`` and ``shell``."""

    @abstractmethod
    def script(self, task: Rendered, command: str) -> str:
        """The text of a script that runs ``command``, which is one of ``task``."""

    def objections(self, resources: Resources) -> Iterator[tuple[str, str]]:
        """What of ``resources`` it cannot honour although it heeds the key: the key in YAML, and
        why. Texts may hold tokens.
        """
        yield from ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, what its environment has besides (None: has not), and the seconds that it
    may take. No shell reads it, and its directory is the conductor's.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: ``code`` is None when it took too long and was ended, and 127 when there
    is no such program.
    """

    code: int | None
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines that it printed. One without an end was cut short, and may say anything."""
        return self.out[: self.out.rfind("\n") + 1].splitlines()

    @property
    def said(self) -> str:
        """What it said, on one line."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        if self.code is None:
            return "no answer in time"
        return "; ".join(lines[:3]) or f"exit status {self.code}"


@dataclass(frozen=True, slots=True)
class Submission:
    """One job, or one array of ``members`` equal ones, to be submitted.

    ``directives`` are options as `Scheduler.directives` found them, ``command`` is what the job
    runs in ``directory``, ``tag`` what it must be found by, ``limit`` the most members to run at a
    time (0: all). The members of an array see to their directories and output themselves, and only
    an array has a ``name``.
    """

    command: tuple[str, ...]
    directives: tuple[str, ...]
    resources: Resources
    directory: str
    tag: str
    name: str = ""
    members: int | None = None
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A job as the scheduler has it. ``tag`` is that of its submission, where the scheduler tells;
    times are in seconds since the epoch; ``exit_code`` as a shell shows it.
    """

    job: str
    seen: Seen
    tag: str = ""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about a scheduler: the ``largest`` array that it takes, and whether it
    has ``queues``.
    """

    largest: int = 1
    queues: bool = True


@runtime_checkable
class Scheduler(Codec, Protocol):
    """The codec of a batch scheduler. Who inherits from it has defaults for what it may lack:
    arrays, ranks, limits to ask for, a history.
    """

    title: str
    """Its name, for people."""

    programs: tuple[str, ...]
    """The programs that there must be where a study is conducted."""

    job_variables: tuple[str, ...]
    """The environment variables that make up a job's id, inside the job: set, and without white
    space (see `known_as`). ``A:B`` is B where A is not set.
    """

    array_variables: tuple[str, ...] = ()
    """The same for a member of an array, the last one being its index; empty without arrays. The
    members of the array ``7`` are ``7_0``, ``7_1`` and so on, and no other id has an underscore.
    """

    @abstractmethod
    def directives(self, script: str) -> tuple[str, ...]:
        """The options that stand in the head of ``script``, the user's own among them."""

    def shared(self, directives: Sequence[str]) -> tuple[str, ...]:
        """``directives`` without those that are one task's alone: what an array has in common."""
        return tuple(directives)

    def rank_variable(self, resources: Resources) -> str:
        """The variable with the rank of a process, where the scheduler starts the command of one
        job several times; else empty.
        """
        return ""

    def probe(self) -> Command | None:
        """A command to ask before anything is submitted, if there is anything to find out."""
        return None

    def facts(self, answer: Answer) -> Facts:
        """What the answer to `probe` says; defaults where it says nothing."""
        return Facts()

    @abstractmethod
    def submission(self, submission: Submission, facts: Facts) -> Command:
        """The command that submits it. The scheduler must not run it again by itself. What a single
        job prints belongs into ``<file>.out`` and ``<file>.err`` in its directory, whose names
        `script` has put among the directives.
        """

    @abstractmethod
    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        """The id of the submitted job, or None when it may or may not have been accepted;
        ``crowded`` says that other jobs of the study are in flight, which may fill a limit.

        Raises
        ------
        BackendError
            It was refused; ``transient`` when the task is not to blame.
        """

    def known_as(self, recorded: str) -> str:
        """The id, as `accepted` gives it, of a job that calls itself ``recorded``: the values of
        its `job_variables` or `array_variables`, joined by ``_``, with ``-`` for one that is not
        set; empty when its record cannot be read yet.
        """
        return recorded

    @abstractmethod
    def queue(self, jobs: Sequence[str]) -> Command:
        """The one command that tells of all ``jobs`` in flight, and, where the scheduler has tags,
        of those whose submission is in doubt: they are not among ``jobs``, which may be empty.
        """

    @abstractmethod
    def sightings(self, answer: Answer) -> list[Sighting]:
        """What the answer to `queue` says. Lines that are not understood are passed over.

        Raises
        ------
        BackendError
            The scheduler did not answer.
        """

    def history(self, jobs: Sequence[str]) -> Command | None:
        """The command that tells of ``jobs`` which the queue no longer lists, if there is one."""
        return None

    def recalled(self, answer: Answer) -> list[Sighting]:
        """What the answer to `history` says, as far as there is one."""
        return []

    @abstractmethod
    def cancel(self, jobs: Sequence[str]) -> Command:
        """The command that ends ``jobs``, waiting or running. It comes again until they have ended,
        and some may have ended before.
        """

    def throttle(self, job: str, limit: int) -> Command | None:
        """The command that lets at most ``limit`` members of the array ``job`` run (0: all)."""
        return None


class LocalCodec(Codec):
    """Scripts for this machine: the interpreter, and the command."""

    extension = ".sh"
    keys = frozenset({"nodes", "procs", "cores_per_task", "walltime"})
    settings = frozenset({"launcher", "procs", "enforce walltime"})

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def script(self, task: Rendered, command: str) -> str:
        """The text of a script; ``$(LAUNCHER)`` stays where the study names no launcher."""
        return plain_script(self._batch, task.resources, command)
