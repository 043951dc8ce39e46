"""The record of one shim's life: what it started and how that ended, in a file of JSON lines.

    ["open", pid, start, boot, host, time]           the shim itself
    ["start", task, number, pid, start, time]        written before the task's script may run
    ["end", task, number, code, time, seconds, why]
    ["closed"]                                       nothing more will be started

``start`` is what `maestro.adapters.host.process_start` gives, times are seconds since the epoch,
signal n is exit code 128 + n, ``why`` is null, "cancel" or "timeout": why the shim ended the task.
This module is the writing side, which the shim imports: it must stay small, because the shim is
forked for every task. `maestro.adapters.records` reads.
"""

from __future__ import annotations

import errno
import json
import os
import time

from maestro.adapters import host

__all__ = ["Ledger"]


class Ledger:
    """Writes the ledger ``path``, which must not exist.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(path, flags, 0o600)
        self._mend = b""  # ends a line that was cut short, so that it spoils no other
        pid = os.getpid()
        self.write(
            "open", pid, host.process_start(pid), host.boot_id(), host.hostname(), time.time()
        )

    def write(self, kind: str, *values: object) -> None:
        """Append a record at once.

        Raises
        ------
        OSError
            It could not be written whole.
        """
        line = self._mend + json.dumps([kind, *values]).encode() + b"\n"
        self._mend = b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, "the ledger could not be written whole")
        self._mend = b""
