"""Finding what tasks have printed, and its end."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from maestro.conductor.files import regular
from maestro.conductor.store import TaskRow
from maestro.graph.names import safe
from maestro.report.concealing import NOTHING, Concealer

__all__ = ["ENDINGS", "from_last", "last_lines", "newest", "output", "script", "script_name"]

ENDINGS = (".out", ".err")

LONG = 400
"""Characters that are kept of a line: a progress bar may never end its own."""

LONGEST = 10_000
"""Bytes that a line is believed to have, at most, where its beginning is looked for."""

BLOCK = 1 << 16


def script_name(task: TaskRow, *, hashed: bool) -> str:
    """The name, without ending, of the scripts and output files of ``task``."""
    return task.workspace.rpartition("/")[2] if hashed else safe(task.name)


def script(folder: str, name: str, *, restarted: bool) -> str | None:
    """The script called ``name`` in ``folder``, for whatever scheduler it is."""
    middle = r"\.restart" if restarted else r"(?!\.restart)"
    pattern = re.compile(re.escape(name) + middle + r"(\.\w+)?\.sh")
    try:
        found = sorted(filter(pattern.fullmatch, os.listdir(folder)))
    except OSError:
        return None
    return os.path.join(folder, found[0]) if found else None


def output(folder: str, name: str, ending: str, job: str, number: int) -> str | None:
    """The file with this ``ending`` in ``folder`` that the ``number``-th attempt, which was
    ``job``, has printed to. Where none is called so, it is the `newest`.
    """
    # The first is for the id of a process that has come round again, the last for Slurm.
    for inner in (f".{job}-{number}", f".{job}", ""):
        path = os.path.join(folder, f"{name}{inner}{ending}")
        if os.path.exists(path):
            return path
    return newest(folder, name, ending)


def newest(folder: str, name: str, ending: str) -> str | None:
    """The file in ``folder`` that was written to last, of those called ``name`` and ``ending``
    (".out") with something or nothing between, as a process id or a job's; None where there is
    none.
    """
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                inner = entry.name.removeprefix(name).removesuffix(ending)
                if entry.name == f"{name}{inner}{ending}" and inner[:1] in ("", "."):
                    found.append((entry.stat().st_mtime_ns, entry.path))
    except OSError:
        return None
    return max(found, default=(0, None))[1]


def last_lines(path: str, count: int, conceal: Concealer = NOTHING) -> list[str]:
    """The last lines of a file that are not blank, or their ends, as ``conceal`` has them; where it
    cannot be read, why.
    """
    try:
        with open(path, "rb", opener=regular) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.seek(max(0, size - count * LONG - conceal.longest))
            text = conceal(file.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{os.path.basename(path)}: {error.strerror}"]
    if start:  # it may begin amid something to hide, of which the rest cannot be known
        first, end, rest = text.partition("\n")
        text = first[conceal.longest :] + end + rest
    lines = [line for line in text.splitlines() if line.strip()]
    return [line[-LONG:] for line in lines[-count:]]


def from_last(file: BinaryIO, count: int) -> int:
    """Where the last ``count`` lines of ``file`` begin. What is before them is not read."""
    end = file.seek(0, os.SEEK_END)
    least = max(0, end - count * LONGEST)
    start, found = end, 0
    while start > least:
        begin = max(least, start - BLOCK)
        file.seek(begin)
        block = file.read(start - begin)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if begin + at + 1 == end:  # it ends the last line
                continue
            found += 1
            if found == count:
                return begin + at + 1
        start = begin
    return least
