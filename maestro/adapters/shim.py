"""The process whose children the local tasks are: it outlives the conductor that started it.

Requests come in on the standard input, reports go out on the standard output, both as JSON lines;
the ledger is the truth. When its conductor is gone (the end of its input), it starts nothing more,
records so, waits until its children have ended, and ends.

    {"run": [task, number], "script", "directory", "output", "limit"}
    {"cancel": [task, number]}

Reports are the ledger's records, and ``["refused", task, number, transient, why]``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import time

from maestro.adapters import host
from maestro.adapters.ledger import Ledger

TYPE_CHECKING = False  # importing typing would make every fork slower
if TYPE_CHECKING:
    from typing import Any

__all__ = ["GRACE", "main"]

GRACE = 2.0
"""Seconds between asking a task to end and killing it."""

RETRY = 1.0
"""Seconds between two attempts to record what the disk did not take."""

_TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
# Handled, and not ignored as Python does the last two: what is handled, exec sets back.
_HANDLED = (
    signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ,
)  # fmt: skip


class _Child:
    """A task's attempt while it runs; times by the monotonic clock."""

    __slots__ = ("attempt", "deadline", "killed", "started")

    def __init__(self, attempt: tuple[str, int], limit: float | None) -> None:
        self.attempt = attempt
        self.started = time.monotonic()
        self.deadline = None if limit is None else self.started + limit
        self.killed: str | None = None


class Shim:
    """Starts, watches and ends tasks; ``path`` is the ledger's."""

    def __init__(self, path: str, requests: int, reports: int) -> None:
        self._ledger = Ledger(path)
        self._outgoing = b""
        self._reports: int | None = reports
        self._report("open")
        self._requests: int | None = requests
        self._incoming = b""
        self._children: dict[int, _Child] = {}
        self._unrecorded: list[list[object]] = []
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._wakeup, wakeup = os.pipe()
        for descriptor in (self._wakeup, wakeup, reports):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in _HANDLED:  # only KILL may end it before its children have
            signal.signal(number, lambda *_: None)

    def run(self) -> None:
        """Serve until the conductor and all children are gone."""
        while self._requests is not None or self._children or self._unrecorded:
            self._flush()
            ready = self._wait()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            self._reap()
            self._enforce()
            if self._requests in ready:
                self._listen()
        self._flush()

    def _wait(self) -> list[int]:
        listening = [self._wakeup] + ([] if self._requests is None else [self._requests])
        speaking = [self._reports] if self._outgoing and self._reports is not None else []
        deadlines = [c.deadline for c in self._children.values() if c.deadline is not None]
        if self._unrecorded:
            deadlines.append(time.monotonic() + RETRY)
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        return select.select(listening, speaking, [], timeout)[0]

    # ---- the conductor -------------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._requests is not None
        data = os.read(self._requests, 1 << 16)
        if not data:
            self._requests = None
            self._ledger.write("closed")
            return
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "run" in request:
                self._start(request)
            else:
                self._cancel(tuple(request["cancel"]))

    def _report(self, *values: object) -> None:
        if self._reports is not None:
            self._outgoing += json.dumps(values).encode() + b"\n"

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

    # ---- tasks ---------------------------------------------------------------------------------

    def _start(self, request: dict[str, Any]) -> None:
        task, number = request["run"]
        try:
            start = self._spawn(request)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            transient = error.errno in _TRANSIENT
            self._report("refused", task, number, transient, f"{where}{error.strerror}")
        else:
            self._report("start", *start)

    def _spawn(self, request: dict[str, Any]) -> list[object]:
        """Start the process of an attempt, and let it go once that is recorded."""
        task, number = request["run"]
        drafts = [f"{request['output']}.attempt-{number}{ending}" for ending in (".out", ".err")]
        opened: list[int] = []
        pid = 0
        try:
            for draft in drafts:
                opened.append(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
            gate, opener = os.pipe()
            opened += [gate, opener]
            pid = os.fork()
            if pid == 0:
                os.close(opener)
                streams = (self._null, opened[0], opened[1])
                _become(request["script"], request["directory"], streams, gate)
            child = _Child((task, number), request["limit"])
            start = [task, number, pid, host.process_start(pid), time.time()]
            self._ledger.write("start", *start)
            _rename(drafts, request["output"], pid, number)
            self._children[pid] = child
            os.write(opener, b"x")
        except OSError:
            # Without its byte from the gate the child ends, having run nothing.
            for descriptor in opened:
                os.close(descriptor)
            if pid:
                os.waitpid(pid, 0)
            raise
        for descriptor in opened:
            os.close(descriptor)
        return start

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            child = self._children.pop(pid)
            if child.killed is not None:
                _signal(pid, signal.SIGKILL)  # what the task left of its group
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            seconds = time.monotonic() - child.started
            end: list[object] = [*child.attempt, code, time.time(), seconds, child.killed]
            self._unrecorded.append(end)
            self._report("end", *end)
        self._record()

    def _record(self) -> None:
        """Record how tasks ended, however long a full disk makes that wait."""
        while self._unrecorded:
            try:
                self._ledger.write("end", *self._unrecorded[0])
            except OSError:
                return
            del self._unrecorded[0]

    def _enforce(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline is not None and now >= child.deadline:
                if child.killed is None:
                    self._end(pid, child, "timeout")
                else:
                    _signal(pid, signal.SIGKILL)
                    child.deadline = None

    def _cancel(self, attempt: tuple[str, int]) -> None:
        for pid, child in self._children.items():
            if child.attempt == attempt and child.killed is None:
                self._end(pid, child, "cancel")

    def _end(self, pid: int, child: _Child, why: str) -> None:
        """Ask a task to end; it is killed when it has not done so after `GRACE`."""
        child.killed = why
        child.deadline = time.monotonic() + GRACE
        _signal(pid, signal.SIGTERM)
        _signal(pid, signal.SIGCONT)  # a stopped process takes no notice


def _become(script: str, directory: str, streams: tuple[int, int, int], gate: int) -> None:
    """In the child: become the task, or end without having run anything."""
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        if os.read(gate, 1) != b"x":
            os._exit(125)
        os.chdir(directory)
        os.execv(script, [script])
    except OSError as error:
        os.write(2, f"maestro: {script} cannot be run: {error.strerror}\n".encode())
        os._exit(127 if error.errno == errno.ENOENT else 126)
    finally:
        os._exit(126)


def _rename(drafts: list[str], output: str, pid: int, number: int) -> None:
    """Give the output files the name with the process id that people know."""
    name = f"{output}.{pid}"
    if os.path.lexists(f"{name}.out") or os.path.lexists(f"{name}.err"):
        name += f"-{number}"  # the id came round again; nothing is overwritten
    for draft, ending in zip(drafts, (".out", ".err"), strict=True):
        os.rename(draft, name + ending)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # ended, or not ours to end
        os.killpg(group, number)


def main(path: str) -> None:
    """Be a shim that keeps the ledger ``path``."""
    Shim(path, 0, 1).run()
