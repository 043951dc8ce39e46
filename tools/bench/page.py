"""The page: what has been found, as tables and plots."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.bench.measure import CORES, ROOT
from tools.bench.plots import draw
from tools.bench.result import Figure, Row, amount

__all__ = ["machine", "table", "write"]

BEGIN, END = "<!-- begin: written by tools/bench -->", "<!-- end -->"
PAGE = "performance.md"
HEAD = (
    "| ratio | goal | met | what | ours | beside |",
    "|---|---|---|---|---|---|",
)


def write(figures: Sequence[Figure], around: Sequence[str], folder: Path) -> Path:
    """Write the page into ``folder``, with its images, and return its path. What people have
    written around the part that is measured stays.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    if not path.exists():
        path.write_text((ROOT / "docs" / PAGE).read_text("utf-8"), "utf-8")
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    part = "\n".join([*around, "", *_verdict(figures), *_sections(figures, images)])
    path.write_text(f"{before}{BEGIN}\n\n{part}\n{END}{after}", "utf-8")
    return path


def machine(
    versions: Mapping[str, str], began: float, scratch: Path, load: float
) -> Iterator[str]:
    """Where and with what it was measured."""
    day = time.strftime("%Y-%m-%d", time.gmtime(began))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield (
        f"Measured on {day} in one session of {(time.time() - began) / 60:.0f} min, on "
        f"{CORES} cores ({_processor()}) with {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release().partition('-')[0]} and "
        f"Python {platform.python_version()}; files were on {_file_system(scratch)}. The load of "
        f"the machine before was {load:.1f}."
    )
    if versions:
        peers = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield f"Beside {peers}."


def _file_system(folder: Path) -> str:
    command = ["df", "--output=fstype", str(folder)]
    return subprocess.check_output(command, text=True).split()[-1]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _verdict(figures: Sequence[Figure]) -> Iterator[str]:
    rows = [row for figure in figures for row in figure.rows if row.met is not None]
    met = sum(bool(row.met) for row in rows)
    if rows:
        yield from (f"{met} of {len(rows)} goals are met.", "")


def _sections(figures: Sequence[Figure], images: Path) -> Iterator[str]:
    for figure in figures:
        yield from (f"## {figure.title}", "", figure.what, "")
        if figure.skipped:
            yield from (f"Not measured: {figure.skipped}.", "")
        if figure.rows:
            yield from (*HEAD, *map(table, figure.rows), "")
        for curve in figure.curves:
            yield from (f"![{curve.caption}](images/{draw(curve, images)})", "")


def table(row: Row) -> str:
    """One line of a table."""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    ours = f"{amount(row.ours)} {row.unit}".strip()
    beside = f"{row.other}, {amount(row.theirs)} {row.unit}".strip() if row.other else ""
    return f"| {row.ratio} | {row.goal} | {met} | {row.what} | {ours} | {beside} |"
