"""Facts of this machine and its processes, on Linux and, through its tools, elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import time

TYPE_CHECKING = False  # importing typing would take as long as all else that a shim imports
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = [
    "boot_id", "booted", "cores", "elapsed", "hostname", "process_start", "process_with",
    "process_writing",
]  # fmt: skip


def hostname() -> str:
    """The name of this host."""
    return os.uname().nodename


def boot_id() -> str:
    """What tells this boot of the machine from any other; empty where that cannot be known."""
    global _boot_id
    if _boot_id is None:
        try:
            _boot_id = _read("/proc/sys/kernel/random/boot_id").strip()
        except OSError:
            # The time of the boot comes second: it moves when the clock is set.
            _boot_id = _output("sysctl", "-n", "kern.bootsessionuuid") or _output(
                "sysctl", "-n", "kern.boottime"
            )
    return _boot_id


_boot_id: str | None = None


def booted() -> float:
    """When this machine was booted, in seconds since the epoch by its clock as it is set now."""
    return time.time() - _uptime()


def _uptime() -> float:
    """Seconds since this machine was booted."""
    # Linux's monotonic clock, unlike macOS's, stands still while the machine sleeps.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def process_start(pid: int) -> str | None:
    """What tells process ``pid`` from a later one with the same id: when it was started.

    None when there is no such process, when only its exit status is left of it, or when it is
    hidden from us: then it is somebody else's.

    Raises
    ------
    OSError
        There is no descriptor, or no memory, left to look with.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name stands in parentheses and may hold anything; fields count from behind it.
            fields = file.read().rpartition(b")")[2].split()
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return None if os.path.exists("/proc/self/stat") else _start_by_ps(pid)
    # It lives on while any of its threads does, though the first has ended.
    ended = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    return None if ended else fields[19].decode()


def _start_by_ps(pid: int) -> str | None:
    """`process_start` where there is no ``/proc``; to the second."""
    # Every column has its own option: BSD's ps takes all behind the first = for one heading.
    text = _output("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid))
    state, _, start = text.partition(" ")
    return None if not state or state.startswith("Z") else " ".join(start.split())


def elapsed(start: str) -> float | None:
    """Seconds since a process was started, by what `process_start` told of it, whatever the clock
    has been set to meanwhile; None where that is but a time of day.
    """
    if not start.isdecimal():
        return None
    return _uptime() - int(start) / os.sysconf("SC_CLK_TCK")


_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
"""A process has ended, or is somebody else's."""


def process_with(word: str, path: str) -> int | None:
    """A process in whose command line ``word`` stands, and that has the file ``path`` open, by
    whatever name; None where there is none, or no ``/proc``.

    Raises
    ------
    OSError
        There is no descriptor left to look with.
    """
    for pid in _processes():
        with contextlib.suppress(*_GONE), open(f"/proc/{pid}/cmdline", "rb") as file:
            if os.fsencode(word) in file.read() and _opens(pid, path):
                return pid
    return None


def _opens(pid: int, path: str) -> bool:
    """Whether a process has the file ``path`` open."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(*_GONE):  # it may have closed another meanwhile
            if os.path.samefile(f"/proc/{pid}/fd/{name}", path):
                return True
    return False


def process_writing(paths: Collection[str]) -> int | None:
    """A process that leads a group, and whose output or errors go to one of ``paths``, even if
    that has been deleted; None where there is none, or no ``/proc``.

    Raises
    ------
    OSError
        There is no descriptor left to look with.
    """
    parts = (os.path.split(path) for path in paths)
    wanted = {os.path.join(os.path.realpath(folder), name) for folder, name in parts}
    for pid in _processes():
        if any(_stream(pid, number) in wanted for number in (1, 2)):
            with contextlib.suppress(*_GONE):
                if os.getpgid(pid) == pid:
                    return pid
    return None


def _stream(pid: int, number: int) -> str | None:
    """Where an open descriptor of a process leads; None where it has none of that number, or that
    cannot be told.
    """
    with contextlib.suppress(*_GONE):
        return os.readlink(f"/proc/{pid}/fd/{number}").removesuffix(" (deleted)")
    return None


def _processes() -> Iterator[int]:
    with contextlib.suppress(*_GONE):
        yield from (int(name) for name in os.listdir("/proc") if name.isdecimal())


def cores() -> int:
    """How many cores this process may use: by its affinity and its control group's quota."""
    if hasattr(os, "sched_getaffinity"):
        offered = len(os.sched_getaffinity(0))
    else:
        offered = os.cpu_count() or 1
    quota = _quota()
    return max(1, offered if quota is None else min(offered, int(quota)))


def _quota(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> float | None:
    """The cores that the control groups grant, the least of ours and those above it; None for no
    limit.
    """
    try:
        lines = _read(own).splitlines()
    except (OSError, ValueError):
        return None
    grants = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # the second version: one tree for everything
            mount, files = root, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            mount, files = f"{root}/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        names = [name for name in path.split("/") if name]
        # In a container the path may be the host's: the root of the tree is always looked at.
        for depth in range(len(names) + 1):
            grants.append(_grant("/".join([mount, *names[:depth]]), files))
    return min((grant for grant in grants if grant is not None), default=None)


def _grant(group: str, files: Sequence[str]) -> float | None:
    """The cores that one control group grants, None for no limit or no such group."""
    try:
        quota, period = " ".join(_read(f"{group}/{name}") for name in files).split()
        cores = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number either
        return None
    return cores if cores > 0 else None


def _output(*command: str) -> str:
    """What ``command`` prints, empty when it fails or is not there."""
    # Not at the top: a shim imports this, and hardly ever needs it.
    import subprocess

    # Times are compared as text, whatever zone and language later callers live in.
    environment = {**os.environ, "TZ": "UTC0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()
