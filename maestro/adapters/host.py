"""Facts of this machine and its processes, on Linux and, through its tools, elsewhere."""

from __future__ import annotations

import os

__all__ = ["boot_id", "cores", "hostname", "process_start"]


def hostname() -> str:
    """The name of this host."""
    return os.uname().nodename


def boot_id() -> str:
    """What tells this boot of the machine from any other; empty where that cannot be known."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _output("sysctl", "-n", "kern.boottime")


def process_start(pid: int) -> str | None:
    """What tells process ``pid`` from a later one with the same id: when it was started.

    None when there is no such process, or only its exit status is left of it.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name stands in parentheses and may hold anything; fields count from behind it.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        if os.path.exists("/proc/self/stat"):
            return None
    else:
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    state, _, start = _output("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
    return None if not state or state.startswith("Z") else " ".join(start.split())


def cores() -> int:
    """How many cores this process may use: by its affinity and its control group's quota."""
    if hasattr(os, "sched_getaffinity"):
        offered = len(os.sched_getaffinity(0))
    else:
        offered = os.cpu_count() or 1
    quota = _quota()
    return max(1, offered if quota is None else min(offered, int(quota)))


def _quota() -> float | None:
    """The cores that the control group grants, None for no limit."""
    for paths in (
        ("/sys/fs/cgroup/cpu.max",),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            words = " ".join(map(_read, paths)).split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None


def _output(*command: str) -> str:
    """What ``command`` prints, empty when it fails or is not there."""
    # Not at the top: importing it makes every fork of the shim slower.
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()
