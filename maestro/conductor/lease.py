"""The exclusive right to conduct a study.

Two things guard it: a lock on a file, which the kernel drops with the process, and the holder's
name in the store, for file systems where locks do not reach other hosts. Every takeover raises the
epoch, and what an earlier holder still tries to record is refused.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

from maestro.adapters import host
from maestro.conductor.locks import LACKING, holders
from maestro.conductor.place import Place, place_of
from maestro.conductor.store import HIDDEN, Holder, Store
from maestro.errors import StudyError

__all__ = ["HEARTBEAT", "Lease", "conducted_by", "conducted_here", "held", "unconducted"]

log = logging.getLogger(__name__)

HEARTBEAT = 5.0
"""Seconds between two signs of life of a holder that has nothing else to record."""

WATCH = 4 * HEARTBEAT
"""Seconds that another host's counter must stand still before its lease is stale."""

_LOCK = f"{HIDDEN}/conductor.lock"


class Lease:
    """The lease of one study; held from construction until `release`. ``force`` takes it from
    whoever has it: what they still try to record is refused.

    Raises
    ------
    StudyError
        Another process conducts the study; the message names it.
    """

    def __init__(self, store: Store, *, force: bool = False) -> None:
        self._store = store
        self._file = _lock(store, force=force)
        try:
            # Who conducts the study that this one was copied from has no lease of it.
            free = force or place_of(store) is Place.COPY
            seen = store.holder() if free else _stale_holder(store)
            if seen.host is not None:  # what ended it may have spoilt the store as well
                store.check()
            self.epoch = seen.epoch + 1
            pid = os.getpid()
            mine = Holder(
                self.epoch, 0, host.hostname(), host.boot_id(), pid, host.process_start(pid)
            )
            if not store.take_lease(seen, mine):
                raise held(store.directory, _name(store.holder()))
            store.upgrade()
        except BaseException:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Give the study up in order. Where that cannot be recorded, the lease is left behind, and
        will be found stale.
        """
        try:
            self._store.release_lease(self.epoch)
        except StudyError as error:
            log.warning("the lease is left behind: %s", error)
        finally:
            os.close(self._file)


def conducted_by(store: Store) -> str | None:
    """Who conducts the study now, as far as this host can tell; None when nobody does."""
    holder = store.holder()
    if holder.host is None or place_of(store) is Place.COPY:
        return None
    if holder.host == host.hostname() and not _lives(holder):
        return None
    return _name(holder)


def conducted_here(store: Store) -> str | None:
    """Who on this host conducts the study now; None when nobody here does."""
    holder = store.holder()
    return conducted_by(store) if holder.host == host.hostname() else None


def held(directory: str, who: str) -> StudyError:
    """That ``who`` conducts the study in ``directory``, and what can be done then."""
    follow, end, take = (
        shlex.join(["maestro", *words, directory])
        for words in (["status", "--watch"], ["cancel"], ["resume", "--force"])
    )
    return StudyError(
        f"{directory} is being conducted by {who}\n"
        f"  To follow it:   {follow}\n"
        f"  To cancel it:   {end}\n"
        f"  If that process is stopped or beyond reach, to take the study over: {take}"
    )


@contextmanager
def unconducted(directory: str, *, force: bool = False) -> Iterator[None]:
    """Nobody on this host begins to conduct the study in ``directory`` meanwhile, though its store
    cannot tell; ``force`` does not mind who does already.

    Raises
    ------
    StudyError
        It is being conducted.
    """
    path = os.path.join(directory, _LOCK)
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not force and error.errno not in LACKING:
                who = ", ".join(holders(path)) or "another process"
                raise held(directory, who) from None
        yield
    finally:
        os.close(file)


def _lock(store: Store, *, force: bool) -> int:
    """Lock the lock file, where the file system has locks, and unless ``force`` goes without.

    Raises
    ------
    StudyError
        Another process has it.
    """
    path = os.path.join(store.directory, _LOCK)
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if force or error.errno in LACKING:
            return file
        os.close(file)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise OSError(error.errno, error.strerror, path) from error
        raise held(store.directory, _name(store.holder())) from None
    return file


def _stale_holder(store: Store) -> Holder:
    """The holder whose lease may be taken: none, a dead one, or one that does not move.

    Raises
    ------
    StudyError
        It is alive.
    """
    seen = store.holder()
    if seen.host is None:
        return seen
    # A host of this name and another boot may be this one before it went down, or another.
    if seen.host == host.hostname() and seen.boot == host.boot_id():
        if _lives(seen):
            raise held(store.directory, _name(seen))
        return seen
    log.info("waiting %.0f s to see whether %s still lives", WATCH, _name(seen))
    end = time.monotonic() + WATCH
    while time.monotonic() < end:
        time.sleep(HEARTBEAT / 5)
        now = store.holder()
        if now.counter != seen.counter:
            raise held(store.directory, _name(now))
    return seen


def _lives(holder: Holder) -> bool:
    """Whether a holder on this host still runs."""
    return (
        holder.boot == host.boot_id()
        and holder.pid is not None
        and host.process_start(holder.pid) == holder.start
    )


def _name(holder: Holder) -> str:
    return f"process {holder.pid} on {holder.host}"
