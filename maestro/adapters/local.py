"""Running tasks on this machine, as children of a shim that outlives its conductor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import maestro
from maestro.adapters.base import HOPELESS, TRANSIENT, Health, Job
from maestro.adapters.former import Former
from maestro.adapters.private import private
from maestro.adapters.records import End, Start, ended, started
from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.errors import BackendError

__all__ = ["LocalBackend"]

POLL = 0.2
"""Seconds between two looks at tasks that another shim started."""

AHEAD = 4
"""Jobs that wait at the shim for each that can run: enough for it to be busy with while we take in
what has happened to many.
"""

PATIENCE = 15.0
"""Seconds for a shim to notice that its conductor is gone."""

# Isolated and without site, nothing of the task's surroundings is imported. PYTHONUTF8 is not
# looked at either: a path must mean the same bytes there and here.
_FLAGS = ("-I", "-S", "-B", "-X", f"utf8={sys.flags.utf8_mode}")
# The packages are made by hand: what they would import takes longer than all else.
_PROGRAM = """\
import sys
package = type(sys)
for name, path in ("maestro", sys.argv[1]), ("maestro.adapters", sys.argv[1] + "/adapters"):
    sys.modules[name] = package(name)
    sys.modules[name].__path__ = [path]
from maestro.adapters.shim import main
main(sys.argv[3], int(sys.argv[2]))
"""
_PACKAGE = os.path.dirname(os.path.abspath(maestro.__file__))


class LocalBackend:
    """Runs jobs under a shim of its own.

    ``prefix`` is what the paths of its ledgers begin with (a second one follows when a shim is
    killed); ``previous`` are the ledgers of earlier conductors, whose tasks may still run. Call
    `recorded`, then `recover`, before anything else where there may be any. Jobs run in the order
    in which they are submitted, as many at a time as there are ``slots`` for (0: all at once).

    Raises
    ------
    BackendError
        The shim cannot be started.
    """

    def __init__(self, prefix: str, previous: Sequence[str] = (), slots: int = 0) -> None:
        self.health = Health()
        self._prefix = prefix
        self._slots = slots
        self._formers = [Former(path) for path in previous]
        self._looked = 0.0
        self._awaited: set[AttemptId] = set()  # sent to former shims
        self._begun: set[AttemptId] = set()  # of those, seen to run by an earlier conductor
        self._flying: set[AttemptId] = set()  # sent to ours
        self._cancelled: set[AttemptId] = set()  # of both
        self._closed: list[subprocess.Popen[bytes]] = []  # shims that end when their tasks have
        self._shims = 0
        self._start_shim()

    # ---- the protocol --------------------------------------------------------------------------

    @property
    def ahead(self) -> int:
        """`AHEAD` for each slot; none while other shims' tasks run, of which ours knows nothing."""
        return 0 if self._looking() else AHEAD * self._slots

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand ``jobs`` to the shim."""
        for job in jobs:
            self._flying.add(job.attempt)
            self._outgoing += _line(
                run=job.attempt,
                script=job.script,
                directory=job.directory,
                output=job.output,
                limit=job.time_limit,
                slots=job.slots,
            )
        self._flush()

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """End ``attempts``: TERM to the whole process group, and KILL after a grace."""
        for attempt in attempts:
            if attempt in self._flying:
                self._outgoing += _line(cancel=attempt)
            elif attempt not in self._awaited:
                continue
            self._cancelled.add(attempt)
        self._cancel_formers()
        self._flush()

    def observe(self) -> list[Observation]:
        """What the shim has reported, and what has become of the tasks of former ones."""
        observations = self._hear()
        if self._looking() and time.monotonic() >= self._looked + POLL:
            observations += self._look()
        self._flush()
        return observations

    def heed(self, sleeptime: float, throttle: int) -> None:
        """The engine throttles; what waits at the shim already, the shim."""
        self._outgoing += _line(throttle=throttle)
        self._flush()

    def fileno(self) -> int:
        """Readable when the shim has reported something."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def timeout(self) -> float | None:
        """Seconds after which `observe` wants to be called even so."""
        if self._outgoing and self._opened:
            return 0.01
        return POLL if self._looking() else None

    def close(self) -> None:
        """Leave the shim alone: it ends when its tasks have."""
        self._hang_up()
        self._bury()
        end = time.monotonic() + PATIENCE
        while not self._flying and self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.0005)  # it takes a few milliseconds; Popen.wait would look less and less

    # ---- after a conductor's death -------------------------------------------------------------

    def recorded(self, *, force: bool = False) -> list[Observation]:
        """Everything that former shims did, in order: their ledgers know of attempts that their
        conductor had no time to record. Returns once they will start nothing more; ``force``
        has them do so though their conductor may live, and gives up what may run elsewhere.

        Raises
        ------
        BackendError
            Tasks may still run on another host, or a former shim cannot be stopped from starting
            more.
        """
        observations: list[Observation] = []
        end = time.monotonic() + PATIENCE
        for former in self._formers:
            observations += former.observe()
            if force:
                former.close()
                if former.elsewhere:
                    former.forsake()
                    observations += former.observe()
            if former.elsewhere:
                raise BackendError(f"tasks of this study may still run on {former.elsewhere}")
            while not former.settled:
                if time.monotonic() > end:
                    raise BackendError(
                        "the former conductor's tasks are still being started", transient=True
                    )
                time.sleep(0.01)
                observations += former.observe()
        return observations

    def recover(self, attempts: Iterable[AttemptId], started: Iterable[AttemptId] = ()) -> None:
        """Take over ``attempts``, which an earlier conductor submitted and which have not ended by
        what is `recorded`: `observe` tells what becomes of them. It had seen that ``started`` ran.
        """
        self._awaited.update(attempts)
        self._begun.update(started)

    def _looking(self) -> bool:
        return bool(self._formers or self._awaited)

    def _look(self) -> list[Observation]:
        self._looked = time.monotonic()
        self._bury()
        observations = [
            seen
            for former in self._formers
            for seen in former.observe()
            if seen.attempt in self._awaited  # all else had been seen before its shim was killed
        ]
        if all(former.settled for former in self._formers):
            now = time.time()
            observations += [
                self._unknown(attempt, now)
                for attempt in self._awaited
                if not any(attempt in former.known for former in self._formers)
            ]
            self._formers = [former for former in self._formers if former.running]
        for seen in observations:
            if seen.seen is not Seen.STARTED:
                self._awaited.discard(seen.attempt)
                self._cancelled.discard(seen.attempt)
        self._cancel_formers()
        return observations

    def _unknown(self, attempt: AttemptId, now: float) -> Observation:
        """What there is to say of an attempt that is in no ledger."""
        if attempt in self._begun:  # when a machine loses its power, files lose their ends
            detail = "the record of its start is lost, and nobody can know how it ended"
            return Observation(attempt, Seen.LOST, now, detail=detail)
        return Observation(attempt, Seen.NEVER_STARTED, now, transient=True)

    def _cancel_formers(self) -> None:
        for former in self._formers:
            for attempt in self._cancelled.intersection(former.running):
                former.cancel(attempt)

    # ---- the shim ------------------------------------------------------------------------------

    def _start_shim(self) -> None:
        self._shims += 1
        self._ledger = f"{self._prefix}-{self._shims}.jsonl"
        self._opened = False
        self._incoming = b""
        self._outgoing = bytearray()
        try:
            with open(f"{self._prefix}.err", "ab", opener=private) as errors:
                self._process = subprocess.Popen(
                    [
                        sys.executable, *_FLAGS, "-c", _PROGRAM, _PACKAGE,
                        str(self._slots), self._ledger,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    bufsize=0,
                )  # fmt: skip
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise _impossible(f"{where}{error.strerror}", error.errno) from error
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)

    def _flush(self) -> None:
        """Send what the shim takes without making us wait, once it has opened its ledger: what
        it is sent before could be started unseen by whoever takes over from us.
        """
        assert self._process.stdin is not None
        while self._outgoing and self._opened:
            try:
                sent = os.write(self._process.stdin.fileno(), self._outgoing)
            except (BlockingIOError, BrokenPipeError):  # it is busy, or its end will be heard
                return
            del self._outgoing[:sent]

    def _hear(self) -> list[Observation]:
        observations: list[Observation] = []
        while True:
            try:
                data = os.read(self.fileno(), 1 << 18)
            except BlockingIOError:
                return observations
            if not data:
                self._mourn()
                self._succeed()
                return observations
            *lines, self._incoming = (self._incoming + data).split(b"\n")
            for line in lines:
                kind, *values = json.loads(line)
                if kind == "open":
                    self._opened = True
                elif kind == "unfit":  # another would fare no better
                    code, why = values
                    raise _impossible(why, code)
                elif kind == "closed":  # somebody told it to
                    self._succeed()
                    return observations
                else:
                    observations.append(self._report(kind, values))

    def _report(self, kind: str, values: list[Any]) -> Observation:
        if kind == "start":
            return started(Start(*values))
        if kind == "end":
            seen = ended(End(*values))
        elif kind == "dropped":
            seen = Observation(AttemptId(*values), Seen.CANCELLED, time.time())
        else:
            task, number, code, why = values
            if code in HOPELESS:
                raise _impossible(str(why), code)
            attempt = AttemptId(str(task), int(str(number)))
            seen = Observation(
                attempt, Seen.REFUSED, time.time(), transient=code in TRANSIENT, detail=str(why)
            )
        self._flying.discard(seen.attempt)
        self._cancelled.discard(seen.attempt)
        return seen

    def _hang_up(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _bury(self) -> None:
        self._closed = [process for process in self._closed if process.poll() is None]

    def _mourn(self) -> None:
        """The shim has ended. Another will fare no better if that was how this one began."""
        code = self._process.wait()
        if code >= 0 and not self._opened:
            self._hang_up()
            raise _impossible(f"the process for them ended with {code}; see {self._prefix}.err")

    def _succeed(self) -> None:
        """The shim will start nothing more: its tasks are a former one's now, and another starts
        the rest.
        """
        self._hang_up()
        self._closed.append(self._process)
        self._formers.append(Former(self._ledger))
        self._awaited |= self._flying
        self._flying.clear()
        self._looked = 0.0
        self._start_shim()


def _impossible(why: str, number: int | None = None) -> BackendError:
    return BackendError(f"no tasks can be started: {why}", number=number)


def _line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"
