"""The SQLite file of a study, and sharing it with other programs: who waits for whom, how long.

Rollback journal, not WAL, which network file systems cannot have. A writer takes the file for
itself before it writes anything, so that nothing has to be undone where readers do not let go, and
leaves it to readers for as long as it has made them wait before it tries again.
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from urllib.parse import quote

from maestro.conductor.locks import LockFile, holders, lock_file
from maestro.errors import StudyError

__all__ = [
    "FILE", "HIDDEN", "READING", "TURN", "Database", "StoreDamaged", "StoreFailed", "StoreHeld",
]  # fmt: skip

log = logging.getLogger(__name__)

HIDDEN = ".maestro"
"""The directory, inside the study's, of what is Maestro's own."""

FILE = f"{HIDDEN}/study.sqlite"

TURN = 1.0
"""Seconds that a writer waits for readers at a time; new readers have to wait as long."""

READING = 10.0
"""Seconds that a reader waits for a writer."""

_SCRAMBLED = ("no such ", "malformed ", "Could not decode ")
"""What SQLite's messages begin with that are about what a file holds, and do not say so."""

_REFUSALS = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
}
"""What SQLite says of some errors of the file system."""

_GONE = "it has been moved or removed"

_READING = ("query_only = 1",)
_WRITING = ("journal_mode = TRUNCATE", "synchronous = NORMAL")


class StoreHeld(StudyError):
    """Another program uses the store, and has not let go while it was waited for; ``holder`` says
    in a sentence which.
    """

    def __init__(self, directory: str, holders: Sequence[str]) -> None:
        who = ", ".join(holders) or "another program"
        self.holder = f"the store of {directory} is in use by {who}"
        super().__init__(f"{self.holder}; try again when that has let go of it")


class StoreDamaged(StudyError):
    """The store is not what has been written, or no longer there; ``why`` says how that shows.
    ``damage`` is that in a sentence, without what to do.
    """

    def __init__(self, directory: str, why: str) -> None:
        said = " ".join(why.split())[:200]  # it may quote what it stumbled over
        self.damage = f"{os.path.join(directory, FILE)} is damaged: {said}"
        super().__init__(
            f"{self.damage}; this makes it anew from all else that is known of the study: "
            f"{shlex.join(['maestro', 'resume', directory])}"
        )


class StoreFailed(StudyError):
    """The file system refused, or has lost, the store; ``number`` is its errno, where known."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number


class _Copy(sqlite3.Connection):
    """A connection that closes itself: what it holds is nobody else's."""

    def __del__(self) -> None:
        self.close()


class Database:
    """The store of the study in ``directory``, opened to read, or also to ``write``. ``patience``
    is how many seconds `reading` waits for a writer; ``file`` tells the file from any other that
    comes to have its name.

    Raises
    ------
    StudyError
        The file is damaged; so do `reading` and `writing`. It is a `StoreHeld` when others use the
        file, and a `StoreFailed` when the file system refuses.
    """

    def __init__(self, directory: str, *, write: bool, patience: float = READING) -> None:
        self.patience = patience
        self._directory = directory
        self._path = os.path.join(directory, FILE)
        self._lock: LockFile | None = None
        with self._told():
            self.file = self._identity()
            self._lock = lock_file(self._path, write=write)
            self._db = self._connect(write=write)
            try:
                self._prepare(write=write)
            except BaseException:
                self._db.close()
                raise

    @staticmethod
    def make(directory: str) -> None:
        """Make an empty file, which must not exist, where a store is to be.

        Raises
        ------
        StudyError
            The file system refused.
        """
        path = os.path.join(directory, FILE)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StudyError(f"{path} cannot be made: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Cursor]:
        """A cursor to read with. All that is read is of one moment, and what stands inside another
        transaction belongs to that.
        """
        with self._told():
            if self._db.in_transaction:
                with self._cursor() as cursor:
                    yield cursor
                return
            try:
                self._exclude_others(self.patience)
                self._db.execute("BEGIN")
                with self._cursor() as cursor:
                    yield cursor
            finally:
                self._end()

    def copy(self) -> sqlite3.Connection:
        """All of it, as it is now, in memory."""
        copy = sqlite3.connect(":memory:", factory=_Copy)
        with self.reading():
            self._db.backup(copy)
        return copy

    @contextmanager
    def writing(self, patience: float = 0.0) -> Iterator[sqlite3.Cursor]:
        """A cursor to write with. What is written is committed at the end, all or nothing.
        Others are waited for a `TURN` at a time, and for more than ``patience`` seconds no more.
        """
        with self._told():
            try:
                self._take(patience)
                with self._cursor() as cursor:
                    yield cursor
                if self._lock is not None and not self._lock.held():
                    raise StoreHeld(self._directory, self._holders())
                self._db.execute("COMMIT")
            finally:
                self._end()

    def _take(self, patience: float) -> None:
        """Begin a transaction, after which no reader can hold it up any more."""
        first = time.monotonic()
        told = False
        while True:
            begun = time.monotonic()
            try:
                with self._told():
                    self._exclude_others(TURN)
                    self._db.execute("BEGIN EXCLUSIVE")
                break
            except StoreHeld as error:
                if time.monotonic() - first >= patience:
                    raise
                if not told:
                    log.warning("%s; waiting for that", error.holder)
                    told = True
            time.sleep(time.monotonic() - begun)
        if told:
            log.info("the store of %s is free again", self._directory)

    def _check_place(self) -> None:
        """Miss a file that has been taken away, which SQLite would write even so."""
        if self._identity() == self.file:
            return
        if not os.path.isdir(os.path.dirname(self._path)):
            raise StoreFailed(f"the store of {self._directory} cannot be used: {_GONE}")
        raise StoreDamaged(self._directory, "it is not the file that it was")

    def _exclude_others(self, patience: float) -> None:
        """Wait for others ``patience`` seconds, now or, where SQLite locks, whenever it does."""
        self._check_place()
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
        if self._lock is not None and not self._lock.take(patience):
            raise StoreHeld(self._directory, self._holders())

    def _end(self) -> None:
        try:
            if self._db.in_transaction:  # what befell SQLite may have undone it already
                self._db.execute("ROLLBACK")
        finally:
            if self._lock is not None:
                self._lock.drop()

    def _cursor(self) -> AbstractContextManager[sqlite3.Cursor]:
        # One that was left in the middle of its rows would hold the file even when that is closed.
        return closing(self._db.cursor())

    def _connect(self, *, write: bool) -> sqlite3.Connection:
        # A reader may have to roll back what a killed conductor left half written: where it can,
        # it opens the file to write, and writes nothing else.
        mode = "rw" if write or os.access(self._path, os.W_OK) else "ro"
        locking = "" if self._lock is None else "&vfs=unix-none"
        uri = f"file:{quote(os.fsencode(self._path))}?mode={mode}{locking}"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    def _prepare(self, *, write: bool) -> None:
        try:
            self._exclude_others(self.patience)
            for pragma in _WRITING if write else _READING:
                self._db.execute(f"PRAGMA {pragma}")
        finally:
            self._end()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in a sentence what SQLite or the file system has against the store."""
        refused = f"the store of {self._directory} cannot be used"
        try:
            yield
        except sqlite3.DatabaseError as error:
            said = str(error)
            if said == "database is locked":
                raise StoreHeld(self._directory, self._holders()) from error
            if isinstance(error, sqlite3.OperationalError) and not said.startswith(_SCRAMBLED):
                why = self._why(said)
                raise StoreFailed(f"{refused}: {why}", _REFUSALS.get(why)) from error
            raise StoreDamaged(self._directory, said) from error
        except UnicodeDecodeError as error:  # it stands in what SQLite says
            raise StoreDamaged(self._directory, "its text cannot be read") from error
        except OSError as error:
            why = f"{error.filename or self._path}: {error.strerror or error}"
            raise StoreFailed(f"{refused}: {why}", error.errno) from error

    def _identity(self) -> tuple[int, int] | None:
        """What tells the file from any other by its name."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _why(self, said: str) -> str:
        """SQLite knows less than can be seen."""
        return said if self._identity() is not None else _GONE

    def _holders(self) -> list[str]:
        if self._lock is None:
            return holders(self._path)
        owner = self._lock.owner()
        return [] if owner is None else [owner]
