"""Running a scheduler's commands beside the loop, a few at a time."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Callable

from maestro.adapters.codec import Answer, Command

__all__ = ["Commands"]

WORKERS = 4
"""Commands at a time: a scheduler takes four submissions in little more than the time of two."""

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
        self.started = 0
        """How many there have been."""

    def start(self, command: Command, then: Then) -> None:
        """Run ``command``, and call ``then`` with its answer in a later `collect`."""
        self.started += 1
        self._under_way += 1
        if len(self._threads) < min(WORKERS, self._under_way):
            thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
            self._threads.append(thread)
            thread.start()
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
            self._answered.put((then, _run(command)))
            with contextlib.suppress(OSError):  # full, and so readable; or closed
                self._call.send(b"!")


def _run(command: Command) -> Answer:
    environment = dict(os.environ)
    for name, value in command.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    try:
        process = subprocess.Popen(
            command.arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Answer(127, "", f"{command.arguments[0]}: {error}")
    try:
        out, err = process.communicate(timeout=command.timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Answer(None, out, err)
    return Answer(process.returncode, out, err)
