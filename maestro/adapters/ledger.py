"""The record of one shim's life: what it started and how that ended, in a file of JSON lines.

    ["open", pid, start, boot, host, time]           the shim itself
    ["intent", task, number, output, limit]          it is about to be started
    ["start", task, number, pid, start, time, limit] its process is there
    ["end", task, number, code, time, seconds, why]
    ["void", task, number]                           after an intent: it could not be started
    ["closed"]                                       nothing more will be started

``start`` is what `maestro.adapters.host.process_start` gives, times are seconds since the epoch,
``output`` is the path that `maestro.adapters.base.Job` has, ``limit`` is the seconds that the task
may take or null, signal n is exit code 128 + n, ``why`` is null, "cancel" or "timeout": why the
shim ended the task. This module is the writing side, `maestro.adapters.records` reads.
"""

from __future__ import annotations

import errno
import json
import os
import time

from maestro.adapters import host

__all__ = ["Ledger", "line"]

CUT_SHORT = b" cut short\n"
"""Ends a line that could not be written whole: it spoils no other, and is never taken for whole,
even if its line feed alone was missing.
"""


def line(kind: str, *values: object) -> bytes:
    """A record as it is written."""
    return json.dumps([kind, *values]).encode() + b"\n"


class Ledger:
    """Writes the ledger ``path``, which must not exist.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._path = path
        self._file = os.open(path, flags, 0o600)
        self._mend = b""
        pid = os.getpid()
        self.write(
            "open", pid, host.process_start(pid), host.boot_id(), host.hostname(), time.time()
        )

    def write(self, kind: str, *values: object) -> None:
        """Append one record at once.

        Raises
        ------
        OSError
            It could not be written whole, and does not count.
        """
        self.append([line(kind, *values)])

    def append(self, lines: list[bytes]) -> None:
        """Append records, as `line` makes them, at once. Those that stand are taken off the list.

        Raises
        ------
        OSError
            Those that are left could not be written whole, and do not count.
        """
        text = self._mend + b"".join(lines)
        room = -len(self._mend)
        self._mend = CUT_SHORT
        try:
            written = os.write(self._file, text)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error
        if written == len(text):
            self._mend = b""
            lines.clear()
            return
        room += written
        while (room := room - len(lines[0])) >= 0:
            del lines[0]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
