"""Conducting in a process of its own, which may kill itself, or its shim, at a point of its way.

What a scheduler has not answered, or does not know, is waited for a few seconds instead of minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path

from maestro.adapters import batch, commands, local, pace  # noqa: F401
from maestro.adapters.codec import Answer, Command
from maestro.cli import main
from maestro.conductor import conduct, loop  # noqa: F401 - for the processes that are forked
from maestro.graph import expansion  # noqa: F401
from maestro.report import digest, progress  # noqa: F401
from tests.faults.points import Point, arm, kill

__all__ = ["Life"]

TIMEOUT = 2.5
"""Seconds for a scheduler's command."""

_SHIM = """\
sys.path.insert(0, {root!r})
from tests.faults.points import Point, arm, parent
arm(Point(*{point!r}), {note!r}, parent())
main("""

_nursery = multiprocessing.get_context("forkserver")  # it has imported this module already
_nursery.set_forkserver_preload([__name__])


class Life:
    """A process that runs the command line ``words`` in ``folder``, and dies at ``point`` where
    one is given. What it prints is appended to the file ``said`` there, and the file ``killed``
    tells who was killed.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        words: Sequence[str],
        point: Point | None = None,
    ) -> None:
        self.note = str(folder / "killed")
        arguments = (str(folder), dict(environment), list(words), point, self.note)
        self._process = _nursery.Process(target=_live, args=arguments)
        self._process.start()

    @property
    def code(self) -> int | None:
        """How it has ended: None while it lives, and less than zero when it was killed."""
        return self._process.exitcode

    def end(self, seconds: float) -> int:
        """Wait for the end; how it was."""
        self._process.join(seconds)
        assert self.code is not None, f"process {self._process.pid} does not end"
        return self.code

    def kill(self, *, conductor: bool, shim: bool) -> bool:
        """Kill this process, its shim, or both; whether that met anybody."""
        pid = self._process.pid
        assert pid is not None
        doomed = [*(_shims(pid) if shim else ()), *([pid] if conductor else ())]
        for victim in doomed if self.code is None else ():
            kill(victim, self.note)
        if conductor:
            self.end(10)
        return bool(doomed) and (self.code == -signal.SIGKILL or not conductor)


def _shims(pid: int) -> list[int]:
    """The children of ``pid`` that keep a ledger."""
    found = []
    try:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"maestro.adapters.shim" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended meanwhile
    return found


def _live(
    folder: str, environment: dict[str, str], words: list[str], point: Point | None, note: str
) -> None:
    os.chdir(folder)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    _hurry()
    if point is not None and point.in_shim:
        _arm_shim(point, note)
    elif point is not None:
        own = os.getpid()
        arm(point, note, lambda: _shims(own))
    sys.argv = words
    sys.exit(main.conductor() if words[0] == "conductor" else main.main())


def _hurry() -> None:
    """Wait for a scheduler as long as a test can."""
    limits = {"least": 0.2, "hurry": 0.2, "missing": 6.0, "doubt": 1.5, "backoff": 1.0}
    pace.Limits = partial(pace.Limits, **limits)
    pace.FIRST = 0.3
    run = commands._run

    @wraps(run)
    def quick(command: Command) -> Answer:
        return run(replace(command, timeout=TIMEOUT))

    commands._run = quick


def _arm_shim(point: Point, note: str) -> None:
    """Let the first shim of this process die at ``point``."""
    whole, start = local._PROGRAM, local.LocalBackend._start_shim
    words = _SHIM.format(root=str(Path(__file__).parents[2]), point=tuple(point), note=note)
    local._PROGRAM = whole.replace("\nmain(", f"\n{words}")
    assert whole != local._PROGRAM

    @wraps(start)
    def start_one(backend: local.LocalBackend) -> None:
        start(backend)
        local._PROGRAM = whole

    local.LocalBackend._start_shim = start_one
