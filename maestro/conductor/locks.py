"""How programs keep out of one another's way in a store: by the locks of its file system, or, where
that has none, by a lock file.

SQLite has lock files of its own (``unix-dotfile``), but under them many of its versions never undo
what a killed writer has left half written. So there it is told to lock nothing, and whoever uses
the store takes our lock file first.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass

from maestro.adapters import host
from maestro.conductor.files import write_private
from maestro.errors import StudyError

__all__ = ["LACKING", "LockFile", "holders", "lock_file"]

log = logging.getLogger(__name__)

LACKING = frozenset(
    {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
)
"""What a file system says that has no locks."""

_POSIX, _FILES = b"posix\n", b"lock file\n"
"""What the note says: which locks are in use."""

STILL = 20.0
"""Seconds without a sign of life after which nobody conducts the study: four heartbeats."""

STALE = 30.0
"""Seconds that the lock of a process which cannot be seen from here must stand there unchanged
until it is taken to be left behind: nobody holds it for long.
"""

PAUSE = 0.01
"""Seconds between two attempts to take it."""


def lock_file(path: str, *, write: bool) -> LockFile | None:
    """The lock file of the store ``path``, where it has one. A note beside it tells whoever uses
    it; who is to ``write`` it makes the note where there is none.

    Raises
    ------
    OSError
        The note cannot be read, or written.
    StudyError
        Others use the store by the locks of its file system, which this host does not have.
    """
    note = os.path.join(os.path.dirname(path), "locks")
    mode = _bytes(note)
    if mode is None:
        if not write:
            return None
        write_private(note, _POSIX)
    if mode != _FILES:
        if _can_lock(note):
            return None
        _see_still(path)
        log.info("no file can be locked in %s: a lock file is used", os.path.dirname(path))
        write_private(note, _FILES)
    return LockFile(f"{path}.lock")


def _can_lock(path: str) -> bool:
    """Whether a range of the file ``path`` can be locked, as SQLite does with its own."""
    with open(path, "rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1)
        except OSError as error:
            return error.errno not in LACKING
    return True


def _see_still(path: str) -> None:
    """Wait until it is clear that nobody writes the store ``path``; a new one is nobody's yet."""
    seen = _signs_of_life(path)
    if not seen:
        return
    log.info("waiting %.0f s to see whether anybody conducts the study", STILL)
    end = time.monotonic() + STILL
    while time.monotonic() < end:
        time.sleep(1.0)
        if _signs_of_life(path) != seen:
            raise StudyError(
                f"{path} is in use by a program on another host, which locks it in a way that is "
                "not possible here; use that host"
            )


def _signs_of_life(path: str) -> bytes:
    """What every commit changes."""
    with open(path, "rb") as file:
        return file.read(28)[24:]


def holders(path: str) -> list[str]:
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



@dataclass(frozen=True, slots=True)
class _Owner:
    """Who has made a lock file; ``mark`` tells it from any other that they make."""

    host: str
    boot: str
    pid: int
    start: str | None
    mark: str

    def lives(self) -> bool | None:
        """Whether they still run; None where that cannot be seen from here."""
        if (self.host, self.boot) != (host.hostname(), host.boot_id()):
            return None
        return host.process_start(self.pid) == self.start


class LockFile:
    """The lock that who has made the file ``path`` holds.

    One that was left behind is broken: at once where its process is known to be dead, and else when
    it was seen unchanged for `STALE` seconds.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._mine: str | None = None
        self._seen: str | None = None
        self._since = 0.0

    def take(self, patience: float) -> bool:
        """Take it, unless somebody else has it for longer than ``patience`` seconds.

        Raises
        ------
        OSError
            No file can be made there.
        """
        end = time.monotonic() + patience
        while not self._make():
            self._look()
            if time.monotonic() >= end:
                return False
            time.sleep(PAUSE)
        return True

    def held(self) -> bool:
        """Whether it still is ours: a process that did not move for long may have lost it."""
        return self._mine is not None and self._read() == self._mine

    def drop(self) -> None:
        """Give it up, if it is ours."""
        if self.held():
            os.unlink(self._path)
        self._mine = None

    def owner(self) -> str | None:
        """Who has it."""
        owner = _owner(self._read())
        return None if owner is None else f"process {owner.pid} on {owner.host}"

    def _make(self) -> bool:
        try:
            file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        pid = os.getpid()
        owner = (host.hostname(), host.boot_id(), pid, host.process_start(pid))
        text = json.dumps([*owner, secrets.token_hex(4)])
        try:
            with os.fdopen(file, "w") as stream:
                stream.write(text)
        except OSError:
            os.unlink(self._path)
            raise
        self._mine = text
        return True

    def _look(self) -> None:
        """See who holds it up, and break it where nobody does."""
        now = time.monotonic()
        text = self._read()
        if text is None or text != self._seen:
            self._seen, self._since = text, now
        if text is None:
            return
        owner = _owner(text)
        lives = None if owner is None else owner.lives()
        if lives is False or (lives is None and now - self._since >= STALE):
            log.warning("%s was left behind, and is removed", self._path)
            self._break(text)

    def _break(self, text: str) -> None:
        aside = f"{self._path}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):  # others break it too
            os.rename(self._path, aside)
            if _text(aside) != text:  # they have, and it is somebody's by now
                with suppress(OSError):
                    os.link(aside, self._path)
            os.unlink(aside)

    def _read(self) -> str | None:
        return _text(self._path)


def _text(path: str) -> str | None:
    found = _bytes(path)
    return None if found is None else found.decode("utf-8", "replace")


def _bytes(path: str) -> bytes | None:
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return None


def _owner(text: str | None) -> _Owner | None:
    """Who has written ``text``; None when it is not whole."""
    try:
        return _Owner(*json.loads(text or ""))
    except (ValueError, TypeError):
        return None
