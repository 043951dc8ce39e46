"""What jobs have written of themselves (see ``wrapper.sh``), and giving attempts up.

An attempt has two records: ``<key>.start``, which is made exclusively, and ``<key>.end``. Who makes
the first one decides: the job, which then runs the script, or `JobRecords.claim`, after which no
job ever will.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from maestro.adapters.base import Job
from maestro.adapters.private import private

__all__ = ["TURNED_AWAY", "JobEnd", "JobRecords", "JobStart", "shard"]

TURNED_AWAY = 75
"""The exit code of a job that found its attempt started, or given up, before."""

SHARD = 1000
"""Tasks whose records share a directory."""

SETTLED = 3.0
"""Seconds after which a change of a directory shows in its time, however coarse that is."""

_GIVEN_UP = "given-up"

_LINKLESS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems say that have no hard links."""

_SENT = frozenset({1, 2, 3, 9, 10, 12, 15, 24})
"""Signals that schedulers send: HUP, INT, QUIT, KILL, USR1, USR2, TERM and XCPU."""


@dataclass(frozen=True, slots=True)
class JobStart:
    """A script is about to run: in which job, on which host, since when."""

    job: str = ""
    host: str = ""
    time: float | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A script has ended. After a ``signal`` (0: none) its exit code does not tell why."""

    code: int
    signal: int
    time: float


class JobRecords:
    """The records of one study, below ``folder``. A ``key`` is ``<row>.<number>``: which task, and
    which attempt at it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.wrapper = os.path.join(folder, "wrapper.sh")
        # By shard: its time, when that was seen first by our own clock, and whether it was listed
        # since it settled. A file server's clock may be minutes away from ours.
        self._listed: dict[int, tuple[int, float, bool]] = {}

    def install(self) -> None:
        """Make the folder, and put the wrapper there; one that jobs may be reading is replaced.

        Raises
        ------
        OSError
            The file system refused.
        """
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        text = resources.files("maestro.adapters").joinpath("wrapper.sh").read_bytes()
        new = f"{self.wrapper}.new"
        with open(new, "wb", opener=private) as file:
            file.write(text)
        os.chmod(new, 0o700)
        os.replace(new, self.wrapper)

    def path(self, key: str) -> str:
        """What the paths of the records of ``key`` begin with."""
        return os.path.join(self._place(shard(key)), key)

    def prepare(self, keys: Iterable[str]) -> None:
        """Make room for the records of ``keys``."""
        for own in {shard(key) for key in keys}:
            os.makedirs(self._place(own), mode=0o700, exist_ok=True)

    def start(self, key: str) -> JobStart | None:
        """The start record of ``key``, if there is one; an empty one if it cannot be read yet."""
        words = _words(f"{self.path(key)}.start")
        if words is None or words[:1] == [_GIVEN_UP]:
            return None
        try:
            job, host, _, at = words
            return JobStart(job, host, float(at))
        except ValueError:  # its text has not arrived, or not all of it
            return JobStart()

    def end(self, key: str) -> JobEnd | None:
        """The end record of ``key``, if there is one."""
        words = _words(f"{self.path(key)}.end")
        try:
            code, signal, at = words or []
            end = JobEnd(int(code), int(signal), float(at))
        except ValueError:
            return None
        if not end.signal and end.code - 128 in _SENT:  # it reached the script before the wrapper
            return JobEnd(end.code, end.code - 128, end.time)
        return end

    def claim(self, key: str) -> bool:
        """Give ``key`` up: whether no job has started it, and none ever will."""
        path, text = f"{self.path(key)}.start", f"{_GIVEN_UP}\n"
        new = f"{path}.new"
        with open(new, "w", opener=private) as file:
            file.write(text)
        try:
            os.link(new, path)  # with its text: an empty one is taken for a job's that has begun
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _LINKLESS:
                raise
            with contextlib.suppress(FileExistsError), open(path, "x", opener=private) as file:
                file.write(text)
        finally:
            os.unlink(new)
        return self.start(key) is None

    def news(self, watched: Mapping[int, Iterable[str]]) -> Iterator[str]:
        """Names of records (``17.1.start``) in the shards that have changed since the last call;
        ``watched`` are keys by `shard`, and may change meanwhile.
        """
        for own, keys in list(watched.items()):
            place = self._place(own)
            try:
                changed, now = os.stat(place).st_mtime_ns, time.monotonic()
                known, first, settled = self._listed.get(own, (0, now, False))
                if known != changed:
                    first, settled = now, False
                if settled:
                    continue
                names = set(os.listdir(place))
            except FileNotFoundError:
                continue
            self._listed[own] = changed, first, now - first > SETTLED
            for key in list(keys):
                for name in (f"{key}.start", f"{key}.end"):
                    if name in names:
                        yield name

    def write_members(self, key: str, members: Sequence[tuple[str, Job]]) -> str:
        """Write down which tasks the members of an array are, by key and job; the list's path."""
        path = f"{self.path(key)}.list"
        fields = (
            text
            for own, job in members
            for text in (self.path(own), job.script, job.directory, job.output)
        )
        with open(
            path, "w", encoding="utf-8", errors="surrogateescape", opener=private
        ) as file:
            file.writelines(f"{text}\0" for text in fields)
        return path

    def arrays(self) -> Iterator[tuple[str, list[str]]]:
        """All arrays that were written down: each with its members' keys. Members may have their
        records elsewhere than where their list is.
        """
        for path in glob.iglob(os.path.join(glob.escape(self.folder), "*", "*.list")):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                fields = file.read().split("\0")
            name = os.path.basename(path).removesuffix(".list")
            yield name, [os.path.basename(record) for record in fields[:-1:4]]

    def started(self) -> Iterator[tuple[str, float]]:
        """The keys of all start records, those of attempts that were given up among them, and when
        they were made.
        """
        for path in glob.iglob(os.path.join(glob.escape(self.folder), "*", "*.start")):
            yield os.path.basename(path).removesuffix(".start"), os.path.getmtime(path)

    def _place(self, own: int) -> str:
        """The directory of a shard."""
        return os.path.join(self.folder, str(own))


def shard(key: str) -> int:
    """The number of the directory that the records of ``key`` are in."""
    return int(key.partition(".")[0]) // SHARD


def _words(path: str) -> list[str] | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().split()
    except FileNotFoundError:
        return None
