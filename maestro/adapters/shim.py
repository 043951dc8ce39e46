"""The process whose children the local tasks are: it outlives the conductor that started it.

Requests come in on the standard input, reports go out on the standard output, both as JSON lines;
the ledger is the truth. When its conductor is gone (the end of its input), or at a TERM, it starts
nothing more, records so, waits until its children have ended, and ends.

    {"run": [task, number], "script", "directory", "output", "limit"}
    {"cancel": [task, number]}

Reports are the ledger's records, and ``["refused", task, number, errno, why]``; that it is closed
is reported at a TERM alone, when there still is somebody to tell. A shim that cannot keep a ledger
reports no more than ``["unfit", why]``, and ends.
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

BUSY = 5.0
"""Seconds to wait for a script that somebody has open to write."""

_RUN, _END = b"x", b"-"
"""What a child is told that waits: to become its task, or to end."""

# Handled, and not ignored as Python does the last two: what is handled, exec sets back.
_HANDLED = (
    signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ,
)  # fmt: skip
_TERM = (signal.SIGTERM,)


class _Child:
    """A task's attempt while it runs; times by the monotonic clock."""

    __slots__ = ("attempt", "deadline", "killed", "started")

    def __init__(self, task: str, number: int, limit: float | None) -> None:
        self.attempt = (task, number)
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
        self._unrecorded: list[list[Any]] = []
        self._null = os.open(os.devnull, os.O_RDONLY)
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
            self._flush()
            ready = self._wait()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            self._reap()
            self._enforce()
            if self._requests is not None:
                if self._told_to_close:
                    self._report("closed")
                    self._close()
                elif self._requests in ready:
                    self._listen()
            self._record()
        self._flush()

    def _serving(self) -> bool:
        # That nothing more is started need not be recorded once there is nobody to start it.
        unrecorded = any(record[0] == "end" for record in self._unrecorded)
        return self._requests is not None or bool(self._children) or unrecorded

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
            self._close()
            return
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "run" in request:
                self._start(request)
            else:
                self._cancel(tuple(request["cancel"]))

    def _close(self) -> None:
        """Start nothing more."""
        assert self._requests is not None
        os.dup2(self._null, self._requests)  # closed, its number would go to a task's output
        self._requests = None
        self._unrecorded.append(["closed"])

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

    def _record(self) -> None:
        """Record what has happened, however long a full disk makes that wait."""
        while self._unrecorded:
            try:
                self._ledger.write(*self._unrecorded[0])
            except OSError:
                return
            del self._unrecorded[0]

    # ---- starting ------------------------------------------------------------------------------

    def _start(self, request: dict[str, Any]) -> None:
        task, number = request["run"]
        try:
            start = self._spawn(task, number, request)
        except OSError as error:
            self._report("refused", task, number, error.errno, _told(error))
        else:
            self._report("start", *start)

    def _spawn(self, task: str, number: int, request: dict[str, Any]) -> list[object]:
        """Start the process of an attempt, and let it go once that is recorded. Whatever fails,
        fails before the record: then nothing has happened.
        """
        output, limit = request["output"], request["limit"]
        files = [f"{output}.attempt-{number}{ending}" for ending in (".out", ".err")]
        opened: list[int] = []
        pid = 0
        try:
            for file in files:
                opened.append(_create(file))
            opened += os.pipe()
            signal.pthread_sigmask(signal.SIG_BLOCK, _TERM)  # Python forgets it in a fork
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(opened.pop())
                    _become(request, self._ledger, self._null, *opened)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERM)
            files = _rename(files, output, pid, number)
            child = _Child(task, number, limit)
            start = [task, number, pid, host.process_start(pid), time.time(), limit]
            self._ledger.write("start", *start)
        except OSError:
            self._undo(files, opened, pid)
            raise
        self._children[pid] = child
        os.write(opened[-1], _RUN)
        for descriptor in opened:
            os.close(descriptor)
        return start

    def _undo(self, files: list[str], opened: list[int], pid: int) -> None:
        if pid:
            with contextlib.suppress(OSError):  # somebody has killed it
                os.write(opened[-1], _END)
        for descriptor in opened:
            os.close(descriptor)
        if pid:
            os.waitpid(pid, 0)
        for file in files[: len(opened)]:
            with contextlib.suppress(OSError):
                os.unlink(file)

    # ---- ending --------------------------------------------------------------------------------

    def _reap(self) -> None:
        while self._children and (ended := self._ended()):
            pid, status = ended
            child = self._children.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            seconds = time.monotonic() - child.started
            end = ["end", *child.attempt, code, time.time(), seconds, child.killed]
            self._unrecorded.append(end)
            self._report(*end)
        self._record()

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
        for pid, child in self._children.items():
            if child.attempt == attempt and child.killed is None:
                self._end(pid, child, "cancel")

    def _end(self, pid: int, child: _Child, why: str) -> None:
        """Ask a task to end; it is killed when it has not done so after `GRACE`."""
        child.killed = why
        child.deadline = time.monotonic() + GRACE
        try:
            os.killpg(pid, signal.SIGTERM)
        except ProcessLookupError:  # so young that it has no group of its own yet
            os.kill(pid, signal.SIGTERM)
        except PermissionError:  # another user's by now
            return
        _signal_group(pid, signal.SIGCONT)  # a stopped process takes no notice


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # ended, or not ours to end
        os.killpg(group, number)


def _create(path: str) -> int:
    """Open a new file; what an attempt that never ran has left there goes first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o666)


def _rename(drafts: list[str], output: str, pid: int, number: int) -> list[str]:
    """Give the output files the name with the process id that people know. Where that id has come
    round again, the attempt's number follows it, or the next one that is free: nothing is ever
    overwritten.

    Raises
    ------
    OSError
        They cannot be renamed, and have the names that they had.
    """
    name, suffix = f"{output}.{pid}", number
    while os.path.lexists(f"{name}.out") or os.path.lexists(f"{name}.err"):
        name, suffix = f"{output}.{pid}-{suffix}", suffix + 1
    out, err = f"{name}.out", f"{name}.err"
    os.rename(drafts[0], out)
    try:
        os.rename(drafts[1], err)
    except OSError:
        os.rename(out, drafts[0])
        raise
    return [out, err]


def _become(
    request: dict[str, Any], ledger: Ledger, null: int, out: int, err: int, gate: int
) -> None:
    """In the child: become the task, or end without having run anything."""
    script = request["script"]
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # noted down just before exec, it is lost
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERM)
        for number, stream in enumerate((null, out, err)):
            os.dup2(stream, number)
        word = os.read(gate, 1)
        if not word:  # the shim is gone, and perhaps had recorded the start
            ledger.write("void", *request["run"])
        if word != _RUN:
            os._exit(125)
        os.chdir(request["directory"])
        _execute(script)
    except OSError as error:
        said = f"maestro: {script} cannot be run: {_why(error, script)}\n"
        os.write(2, os.fsencode(said))
        os._exit(127 if error.errno == errno.ENOENT else 126)
    finally:
        os._exit(126)


def _execute(script: str) -> None:
    """Become ``script``. Its writer may just have started a process, which holds the file open to
    write until it has become another program: that is waited for.
    """
    end = time.monotonic() + BUSY
    while True:
        try:
            os.execv(script, [script])
        except OSError as error:
            if error.errno != errno.ETXTBSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _why(error: OSError, script: str) -> str:
    if error.errno == errno.ENOENT and not error.filename and os.path.exists(script):
        return f"the interpreter in its first line: {error.strerror}"
    return _told(error)


def _told(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)


def main(path: str) -> None:
    """Be a shim that keeps the ledger ``path``."""
    try:
        shim = Shim(path, 0, 1)
    except OSError as error:
        os.write(1, json.dumps(["unfit", _told(error)]).encode() + b"\n")
        raise SystemExit(1) from None
    shim.run()
