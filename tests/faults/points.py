"""Points at which a process kills itself: before or after a function, at its n-th passage.

The shim imports this module too, so it needs nothing but the standard library.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["BEFORE", "Point", "arm", "kill", "killed", "parent", "points"]

MAKING = (
    "maestro.conductor.prepare:_fill",
    "maestro.conductor.metadata:write",
    "maestro.conductor.store:Store.create",
    "maestro.conductor.store:_add_parameters",  # within its transaction
)
"""While a study is made."""

RECORDING = (
    "maestro.conductor.store:Store.commit",
    "maestro.conductor.workspace:Writer.job",
)
"""Around the submissions of all tasks."""

CONDUCTOR = (
    "maestro.conductor.store:Store.take_lease",
    "maestro.conductor.store:_note",  # within a transaction
    "maestro.conductor.snapshot:write",
    "maestro.conductor.workspace:_write_script",
    "maestro.engine.engine:Engine.decide",
    "maestro.engine.engine:Engine.observe",
)
"""Between intent, submission and record, whatever runs the tasks."""

LOCAL = (
    "maestro.adapters.local:LocalBackend._start_shim",
    "maestro.adapters.local:LocalBackend.recorded",
    "maestro.adapters.local:LocalBackend.submit",
    "maestro.adapters.local:LocalBackend._flush",
    "maestro.adapters.local:LocalBackend._report",
)
"""The same with local tasks."""

BATCH = (
    "maestro.adapters.jobrecords:JobRecords.install",
    "maestro.adapters.jobrecords:JobRecords.write_members",
    "maestro.adapters.jobrecords:JobRecords.claim",
    "os:link",
    "os:unlink",
    "maestro.adapters.batch:BatchBackend.recover",
    "maestro.adapters.batch:BatchBackend.submit",
    "maestro.adapters.batch:BatchBackend._sent",
    "maestro.adapters.batch:BatchBackend._end_poll",
    "maestro.adapters.slurm:SlurmCodec.submission",
    "maestro.adapters.slurm:SlurmCodec.accepted",
    "maestro.adapters.commands:Commands.start",
    "maestro.adapters.commands:_run",
    "maestro.adapters.commands:_spawn",
    "maestro.adapters.findings:Findings.accept",
    "maestro.adapters.findings:Findings._finish",
)
"""The same with jobs for a scheduler, where commands are passed in threads of their own."""

SHIM = (
    "maestro.adapters.ledger:Ledger.append",
    "maestro.adapters.shim:Shim._start",
    "maestro.adapters.spawn:Spawner.poise",
    "maestro.adapters.spawn:Spawner.spawn",
    "maestro.adapters.shim:Shim._record_start",
    "maestro.adapters.spawn:rename",
    "os:chdir",
    "os:posix_spawn",
    "os:rename",
    "os:write",  # the ledger's records, and reports
    "os:waitpid",
)
"""Between a request and its records, in the process whose children the local tasks are."""


class Point(NamedTuple):
    """``where`` is a module and a function in it, ``after`` whether that has returned; ``both``
    says that the other of conductor and shim is killed first.
    """

    where: str
    after: bool
    passage: int = 1
    both: bool = False

    def __str__(self) -> str:
        side = "after" if self.after else "before"
        passage = f", passage {self.passage}" if self.passage > 1 else ""
        return f"{side} {self.where}{passage}{', with its partner' if self.both else ''}"

    @property
    def in_shim(self) -> bool:
        """Whether it is the shim that passes it."""
        return self.where in SHIM


def points(*, scheduled: bool, passages: int = 1, both: bool = False) -> list[Point]:
    """The points that who conducts a study comes by, with jobs for a scheduler or with local tasks,
    at their first ``passages``; ``both`` has each once more with the partner of who dies. What is
    the same for all is left to local tasks.
    """
    own = BATCH if scheduled else (*MAKING, *CONDUCTOR, *LOCAL, *SHIM)
    return [
        Point(where, after, passage, partner)
        for passage in range(1, passages + 1)
        for partner in ((False, True) if both else (False,))
        for where in (*RECORDING, *own)
        for after in (False, True)
    ]


BEFORE = {
    True: Point("maestro.adapters.slurm:SlurmCodec.submission", after=True),
    False: Point("maestro.adapters.local:LocalBackend.submit", after=False),
}
"""Where a death leaves submissions in doubt, by whether there is a scheduler: for who follows there
is more to pass.
"""


def arm(point: Point, note: str, others: Callable[[], Iterable[int]]) -> None:
    """Let this process kill itself at ``point``, and first ``others`` too if that says so; who
    dies is noted down in the file ``note``.
    """
    module, _, path = point.where.partition(":")
    owner: Any = importlib.import_module(module)
    *above, name = path.split(".")
    for step in above:
        owner = getattr(owner, step)
    passed, whole, own = itertools.count(1), getattr(owner, name), os.getpid()

    def pass_by() -> None:
        # A fork of the shim that has yet to become its task is not the shim.
        if os.getpid() == own and next(passed) == point.passage:
            for pid in [*(others() if point.both else ()), own]:
                kill(pid, note)

    @functools.wraps(whole)
    def passing(*arguments: Any, **options: Any) -> Any:
        if not point.after:
            pass_by()
        result = whole(*arguments, **options)
        if point.after:
            pass_by()
        return result

    setattr(owner, name, passing)


def parent() -> Callable[[], list[int]]:
    """What `arm` is told in a shim: the process that started it, as long as that lives."""
    starter = os.getppid()
    return lambda: [starter] if os.getppid() == starter != 1 else []


def kill(pid: int, note: str) -> None:
    """Kill ``pid`` at once, and note down who it was."""
    file = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.pwrite(file, b"%d\n" % pid, 0)  # appends all the same, and is no point itself
    os.close(file)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def killed(note: str) -> list[int]:
    """The processes that have been killed, by ``note``."""
    try:
        with open(note, encoding="ascii") as file:
            return [int(line) for line in file]
    except FileNotFoundError:
        return []
