"""Running a scheduler's commands beside the loop, a few at a time."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from maestro.adapters.codec import Answer, Command
from maestro.errors import BackendError

__all__ = ["Commands"]

log = logging.getLogger(__name__)

WORKERS = 4
"""Commands at a time: a scheduler takes four submissions in little more than the time of two."""

SLICE = 1.0
"""Seconds that a command's output may be held open after its end."""

_LACKING = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What a machine says that has no room for another process."""

Then = Callable[[Answer], None]


class Commands:
    """Runs commands in threads; what is to be done with their answers is done by `collect`, in the
    thread that calls it. Commands run in sessions of their own, out of reach of Ctrl-C.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Command, Then] | None] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[tuple[Then, Answer]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._listen, self._call = socket.socketpair()
        self._listen.setblocking(False)
        self._call.setblocking(False)

    def start(self, command: Command, then: Then) -> None:
        """Run ``command``, and call ``then`` with its answer in a later `collect`.

        Raises
        ------
        BackendError
            This machine has no room for a single thread.
        """
        self._under_way += 1
        if len(self._threads) < min(WORKERS, self._under_way):
            thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                if not self._threads:
                    text = f"no command can be run here: {error}"
                    raise BackendError(text, transient=True) from error
            else:
                self._threads.append(thread)
        self._waiting.put((command, then))

    def collect(self) -> None:
        """Take the answers that have come."""
        with contextlib.suppress(BlockingIOError):
            while self._listen.recv(4096):
                pass
        while True:
            try:
                then, answer = self._answered.get_nowait()
            except queue.Empty:
                return
            self._under_way -= 1
            then(answer)

    def fileno(self) -> int:
        """Readable when an answer has come."""
        return self._listen.fileno()

    def close(self, patience: float) -> None:
        """Start nothing more, and give what runs ``patience`` seconds to end."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(patience / len(self._threads))
        self._call.close()
        self._listen.close()

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            command, then = item
            try:
                answer = _run(command)
            except Exception as error:  # whoever waits for an answer waits for ever without one
                log.exception("%s could not be run", command.arguments[0])
                answer = Answer(None, "", f"{command.arguments[0]}: {error!r}")
            self._answered.put((then, answer))
            with contextlib.suppress(OSError):  # full, and so readable; or closed
                self._call.send(b"!")


def _run(command: Command) -> Answer:
    end = time.monotonic() + command.timeout
    try:
        process = _spawn(command, end)
    except (OSError, ValueError) as error:
        lacking = isinstance(error, OSError) and error.errno in _LACKING
        return Answer(None if lacking else 127, "", f"{command.arguments[0]}: {error}")
    while True:
        ended = process.poll() is not None
        try:
            out, err = process.communicate(timeout=max(0.0, min(SLICE, end - time.monotonic())))
        except subprocess.TimeoutExpired as error:
            if not ended and time.monotonic() < end:
                continue
            # Too late; or it has ended, and something that it left behind holds its output open.
            out, err = error.output or b"", error.stderr or b""
            _leave(process)
            return Answer(process.returncode if ended else None, _text(out), _text(err))
        return Answer(process.returncode, _text(out), _text(err))


def _spawn(command: Command, end: float) -> subprocess.Popen[bytes]:
    """Start ``command``. Where this machine lacks what that takes, that is waited for."""
    environment = dict(os.environ)
    for name, value in command.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    while True:
        try:
            return subprocess.Popen(
                command.arguments,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            if error.errno not in _LACKING or time.monotonic() >= end:
                raise
        time.sleep(SLICE / 2)


def _leave(process: subprocess.Popen[bytes]) -> None:
    """End ``process``, if it runs, and wait for nobody who holds its output open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SLICE)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
