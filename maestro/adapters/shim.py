"""The process whose children the local tasks are: it outlives the conductor that started it.

Requests come in on the standard input, reports go out on the standard output, both as JSON lines;
the ledger is the truth. When its conductor is gone (the end of its input), or at a TERM, it starts
nothing more, records so, waits until its children have ended, and ends.

    {"run": [task, number], "script", "directory", "output", "limit", "slots"}
    {"cancel": [task, number]}
    {"throttle": number}

Reports are the ledger's records but for intents, ``["refused", task, number, errno, why]`` in the
place of what is void, and of what was cancelled before its turn ``["dropped", task, number]``; that
it is closed is reported at a TERM alone, when there still is somebody to tell. A shim that cannot
keep a ledger reports no more than ``["unfit", errno, why]``, and ends. While nothing depends on it,
reports wait for those that follow: to wake the conductor takes longer than to read another.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time

from maestro.adapters import host, spawn
from maestro.adapters.ledger import Ledger, line
from maestro.adapters.spawn import Spawner

TYPE_CHECKING = False  # importing typing would take as long as all else does here
if TYPE_CHECKING:
    from typing import Any

__all__ = ["GRACE", "main"]

GRACE = 2.0
"""Seconds between asking a task to end and killing it."""

RETRY = 1.0
"""Seconds between two attempts to record what the disk did not take."""

LINGER = 0.02
"""Seconds that a report may wait for others while nothing depends on it."""

SETTLING = 0.002
"""Seconds after which the start of a task is recorded: until a process has become another program,
to ask when it was started takes as long as that.
"""

# Handled, and not ignored as Python does the last two: what is handled, exec sets back.
_HANDLED = (
    signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ,
)  # fmt: skip


class _Child:
    """A task's attempt while it runs; times by the monotonic clock, but for when it ``began``."""

    __slots__ = ("attempt", "began", "deadline", "killed", "limit", "output", "slots", "started")

    def __init__(self, request: dict[str, Any]) -> None:
        self.attempt: tuple[str, int] = tuple(request["run"])
        self.output, self.limit, self.slots = request["output"], request["limit"], request["slots"]
        self.began = time.time()
        self.started = time.monotonic()
        self.deadline = None if self.limit is None else self.started + self.limit
        self.killed: str | None = None


class Shim:
    """Starts, watches and ends tasks, as many at a time as there are ``slots`` for (0: all at
    once); ``path`` is the ledger's.
    """

    def __init__(self, path: str, slots: int, requests: int, reports: int) -> None:
        self._ledger = Ledger(path)
        self._outgoing = b""
        self._pressing = False  # something of that may give us more to do
        self._due = 0.0
        self._reports: int | None = reports
        self._report(line("open"))
        self._requests: int | None = requests
        self._incoming = b""
        self._slots = slots
        self._throttle = 0  # most children, whatever they take; 0: as many as there are slots for
        self._waiting: dict[tuple[str, int], dict[str, Any]] = {}  # requests, in their order
        self._children: dict[int, _Child] = {}
        self._fresh: list[int] = []  # those of them whose start is still to be recorded
        self._unrecorded: list[bytes] = []
        self._unnamed: list[tuple[str, int, int]] = []  # outputs whose start is being recorded
        self._spawner = Spawner(path)
        self._wakeup, wakeup = os.pipe()
        for descriptor in (self._wakeup, wakeup, reports):
            os.set_blocking(descriptor, False)
        self._told_to_close = False
        self._heed_signals(wakeup)

    def _heed_signals(self, wakeup: int) -> None:
        """Only KILL ends us before our children have. To them every signal means what it does by
        default, whatever our conductor was started with.
        """
        for number in signal.valid_signals():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in _HANDLED:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._heed_term)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _heed_term(self, *_: object) -> None:
        self._told_to_close = True

    def run(self) -> None:
        """Serve until the conductor and all children are gone."""
        while self._serving():
            if not self._lingers():
                self._flush()
            ready = self._wait()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            self._reap()
            self._begin()
            self._enforce()
            if self._requests is not None:
                if self._told_to_close:
                    self._report(line("closed"))
                    self._close()
                elif self._requests in ready:
                    self._listen()
            self._announce()
            self._record()
        self._spawner.close()
        self._flush()

    def _serving(self) -> bool:
        # That nothing more is started need not be recorded once there is nobody to start it.
        unrecorded = any(record != line("closed") for record in self._unrecorded)
        return self._requests is not None or bool(self._children) or unrecorded

    def _wait(self) -> list[int]:
        listening = [self._wakeup] + ([] if self._requests is None else [self._requests])
        speaking = []
        deadlines = [c.deadline for c in self._children.values() if c.deadline is not None]
        if self._fresh:
            deadlines.append(self._children[self._fresh[0]].started + SETTLING)
        if self._lingers():
            deadlines.append(self._due)
        elif self._outgoing and self._reports is not None:
            speaking.append(self._reports)
        if self._unrecorded:
            deadlines.append(time.monotonic() + RETRY)
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        return select.select(listening, speaking, [], timeout)[0]

    # ---- the conductor -------------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._requests is not None
        data = os.read(self._requests, 1 << 16)
        if not data:
            self._close()
            return
        *texts, self._incoming = (self._incoming + data).split(b"\n")
        for text in texts:
            request = json.loads(text)
            if "run" in request:
                task, number = request["run"]
                self._waiting[task, number] = request
                self._begin()
            elif "throttle" in request:
                self._throttle = request["throttle"]
                self._begin()
            else:
                self._cancel(tuple(request["cancel"]))

    def _close(self) -> None:
        """Start nothing more."""
        assert self._requests is not None
        # Closed, its number would go to a task's output.
        os.dup2(self._spawner.null, self._requests)
        self._requests = None
        self._waiting.clear()
        self._announce(0.0)
        self._unrecorded.append(line("closed"))

    def _report(self, report: bytes, *, pressing: bool = True) -> None:
        if self._reports is not None:
            if not self._outgoing:
                self._due = time.monotonic() + LINGER
                self._pressing = False
            self._outgoing += report
            self._pressing |= pressing

    def _lingers(self) -> bool:
        """Whether reports may wait: they matter to people alone, or there is enough to do."""
        if self._pressing and len(self._waiting) <= self._slots:
            return False
        return bool(self._outgoing) and time.monotonic() < self._due

    def _flush(self) -> None:
        """Send what the conductor takes without making us wait."""
        while self._outgoing and self._reports is not None:
            try:
                sent = os.write(self._reports, self._outgoing)
            except BlockingIOError:
                return
            except OSError:  # nobody listens any more
                self._reports = None
                return
            self._outgoing = self._outgoing[sent:]

    def _record(self) -> None:
        """Record what has happened, however long a full disk makes that wait."""
        with contextlib.suppress(OSError):
            self._settle()

    def _settle(self) -> None:
        """Record all that has happened.

        Raises
        ------
        OSError
            The ledger cannot be written, and the rest waits.
        """
        if self._unrecorded:
            self._ledger.append(self._unrecorded)
        for output, pid, number in self._unnamed:
            spawn.rename(output, pid, number)
        self._unnamed.clear()

    # ---- starting ------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start what waits, in order, as long as there are slots for it. Alone, a task may take
        more than there are.
        """
        while self._waiting:
            if self._throttle and len(self._children) >= self._throttle:
                return
            attempt, request = next(iter(self._waiting.items()))
            if self._slots and self._children:
                used = sum(child.slots for child in self._children.values())
                if used + request["slots"] > self._slots:
                    return
            del self._waiting[attempt]
            self._start(request)

    def _start(self, request: dict[str, Any]) -> None:
        """Start an attempt, which stands in the ledger before that. When we are killed before its
        start does too, `spawn.next_of` tells whether it began, and its output files, which keep
        their first names until then, which process it is.
        """
        task, number = request["run"]
        output = request["output"]
        self._unrecorded.append(line("intent", task, number, output, request["limit"]))
        try:
            self._spawner.poise(task, number)
            self._settle()  # nothing is to stand behind what it came before
        except OSError as error:
            del self._unrecorded[-1]
            self._refuse(task, number, error)
            return
        try:
            pid = self._spawner.spawn(request)
        except OSError as error:
            self._unrecorded.append(line("void", task, number))
            self._record()  # before another is the next to begin
            self._refuse(task, number, error)
        else:
            self._children[pid] = _Child(request)
            self._fresh.append(pid)

    def _announce(self, age: float = SETTLING) -> None:
        """Have the starts recorded of those that have run for ``age`` seconds."""
        latest = time.monotonic() - age
        while self._fresh and self._children[self._fresh[0]].started <= latest:
            self._record_start(self._fresh[0], _birth(self._fresh[0]))

    def _record_start(self, pid: int, birth: str | None) -> None:
        """Have the start of a fresh child recorded."""
        self._fresh.remove(pid)
        child = self._children[pid]
        start = line("start", *child.attempt, pid, birth, child.began, child.limit)
        self._unrecorded.append(start)
        self._unnamed.append((child.output, pid, child.attempt[1]))
        self._report(start, pressing=False)

    def _refuse(self, task: str, number: int, error: OSError) -> None:
        self._report(line("refused", task, number, error.errno, spawn.told(error)))

    # ---- ending --------------------------------------------------------------------------------

    def _reap(self) -> None:
        while self._children and (ended := self._ended()):
            pid, status = ended
            if pid in self._fresh:
                self._record_start(pid, None)  # no process is left to ask
            child = self._children.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            seconds = time.monotonic() - child.started
            end = line("end", *child.attempt, code, time.time(), seconds, child.killed)
            self._unrecorded.append(end)
            self._report(end)

    def _ended(self) -> tuple[int, int] | None:
        """A child that has ended, and its status. What is left of a group that was asked to end
        is killed before that, while the group's id can be nobody else's.
        """
        if hasattr(os, "waitid"):
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return None
            self._sweep(found.si_pid)
            return os.waitpid(found.si_pid, 0)
        pid, status = os.waitpid(-1, os.WNOHANG)  # macOS before Python 3.13
        if not pid:
            return None
        self._sweep(pid)
        return pid, status

    def _sweep(self, pid: int) -> None:
        if self._children[pid].killed is not None:
            _signal_group(pid, signal.SIGKILL)

    def _enforce(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline is not None and now >= child.deadline:
                if child.killed is None:
                    self._end(pid, child, "timeout")
                else:
                    _signal_group(pid, signal.SIGKILL)
                    child.deadline = None

    def _cancel(self, attempt: tuple[str, int]) -> None:
        if self._waiting.pop(attempt, None) is not None:
            self._report(line("dropped", *attempt))
            return
        for pid, child in self._children.items():
            if child.attempt == attempt and child.killed is None:
                self._end(pid, child, "cancel")

    def _end(self, pid: int, child: _Child, why: str) -> None:
        """Ask a task to end; it is killed when it has not done so after `GRACE`."""
        child.killed = why
        child.deadline = time.monotonic() + GRACE
        _signal_group(pid, signal.SIGTERM)
        _signal_group(pid, signal.SIGCONT)  # a stopped process takes no notice


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # ended, or not ours to end
        os.killpg(group, number)


def _birth(pid: int) -> str | None:
    """When the process ``pid`` was started. It is waited for what that takes to see: who follows us
    must not think that it is gone.
    """
    while True:
        try:
            return host.process_start(pid)
        except OSError:
            time.sleep(0.01)


def main(path: str, slots: int) -> None:
    """Be a shim that keeps the ledger ``path``, for tasks that share ``slots``."""
    try:
        shim = Shim(path, slots, 0, 1)
    except OSError as error:
        os.write(1, line("unfit", error.errno, spawn.told(error)))
        raise SystemExit(1) from None
    shim.run()
