"""The SQLite file of a study, and sharing it with other programs: who waits for whom, how long.

Rollback journal, not WAL, which network file systems cannot have. A writer takes the file for
itself before it writes anything, so that nothing has to be undone where readers do not let go, and
leaves it to readers for as long as it has made them wait before it tries again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from maestro.errors import StudyError

__all__ = ["FILE", "HIDDEN", "TURN", "Database", "StoreHeld"]

log = logging.getLogger(__name__)

HIDDEN = ".maestro"
"""The directory, inside the study's, of what is Maestro's own."""

FILE = f"{HIDDEN}/study.sqlite"

TURN = 1.0
"""Seconds that a writer waits for readers at a time; new readers have to wait as long."""

READING = 10.0
"""Seconds that a reader waits for a writer."""

_BUSY = "database is locked"


class StoreHeld(StudyError):
    """Another program uses the store, and has not let go while it was waited for; ``holder`` says
    in a sentence which.
    """

    def __init__(self, directory: str) -> None:
        self.holder = _held(directory)
        super().__init__(f"{self.holder}; try again when that has let go of it")


class Database:
    """The store of the study in ``directory``, opened to read, or also to ``write``. ``patience``
    is how many seconds `reading` waits for a writer.

    Raises
    ------
    StudyError
        The file cannot be used; so do `reading` and `writing`, as `StoreHeld` when others use it.
    """

    def __init__(self, directory: str, *, write: bool) -> None:
        self.patience = READING
        self._directory = directory
        with _told(directory):
            self._db = _connect(os.path.join(directory, FILE), write=write)

    @staticmethod
    def make(directory: str) -> None:
        """Make an empty file, which must not exist, where a store is to be.

        Raises
        ------
        StudyError
            The file system refused.
        """
        path = os.path.join(directory, FILE)
        with _told(directory):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, to read from. All that is read is of one moment, and what stands inside
        another transaction belongs to that.
        """
        with _told(self._directory):
            if self._db.in_transaction:
                yield self._db
                return
            self._wait_at_most(self.patience)
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._end()

    @contextmanager
    def writing(self, patience: float = 0.0) -> Iterator[sqlite3.Connection]:
        """The connection, to write to. What is written is committed at the end, all or nothing.
        Others are waited for a `TURN` at a time, and for more than ``patience`` seconds no more.
        """
        with _told(self._directory):
            self._take(patience)
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                self._end()

    def _take(self, patience: float) -> None:
        """Begin a transaction, after which no reader can hold it up any more."""
        self._wait_at_most(TURN)
        first = time.monotonic()
        told = False
        while True:
            begun = time.monotonic()
            try:
                self._db.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError as error:
                if str(error) != _BUSY or time.monotonic() - first >= patience:
                    raise
            if not told:
                log.warning("%s; waiting for that", _held(self._directory))
                told = True
            time.sleep(time.monotonic() - begun)
        if told:
            log.info("the store of %s is free again", self._directory)

    def _end(self) -> None:
        if self._db.in_transaction:  # what befell SQLite may have undone it already
            self._db.execute("ROLLBACK")

    def _wait_at_most(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")


def _connect(path: str, *, write: bool) -> sqlite3.Connection:
    # A reader may have to roll back what a killed conductor left half written: where it can, it
    # opens the file to write, and writes nothing else.
    mode = "rw" if write or os.access(path, os.W_OK) else "ro"
    uri = f"file:{quote(path)}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=READING)
    pragmas = ("journal_mode = TRUNCATE", "synchronous = NORMAL") if write else ("query_only = 1",)
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _told(directory: str) -> Iterator[None]:
    """Say in a sentence what SQLite or the file system has against the store."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) == _BUSY:
            raise StoreHeld(directory) from error
        raise StudyError(f"the store of {directory} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StudyError(f"the store of {directory} is damaged: {error}") from error
    except OSError as error:
        raise StudyError(f"the store of {directory} cannot be made: {error}") from error


def _held(directory: str) -> str:
    """Who uses the store, as far as that can be known."""
    holders = _holders(os.path.join(directory, FILE))
    who = ", ".join(holders) or "another program"
    return f"the store of {directory} is in use by {who}"


def _holders(path: str) -> list[str]:
    """The other processes of this host that have locked ``path``. Nothing is opened: closing a
    file takes away all locks that its process has on it.
    """
    pids: dict[int, str] = {}
    with suppress(OSError):
        status = os.stat(path)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
        place = f"{device}:{status.st_ino}"
        with open("/proc/locks", encoding="ascii") as file:
            locks = [line.split() for line in file]
        for *_, owner, where, _, _ in locks:
            pid = int(owner)
            if where == place and pid > 0 and pid != os.getpid():
                pids[pid] = _program(pid)
    return [f"process {pid}{name}" for pid, name in pids.items()]


def _program(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return f" ({file.read().strip()})"
    return ""
