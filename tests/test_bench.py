"""The measurements of docs/performance.md, at sizes that tell nothing: that each can be made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import slurm
from tools.bench.__main__ import FIGURES
from tools.bench.figures.looking import piped

ROOT = Path(__file__).parents[1]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m tools.bench``."""
    command = [sys.executable, "-m", "tools.bench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def sections(page: str) -> dict[str, str]:
    """What stands below each heading."""
    _, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def rows(section: str) -> list[str]:
    """The lines of its table that tell something."""
    return [line for line in section.splitlines() if re.match(r"\|.*\d", line)]


def test_every_figure_can_be_measured(tmp_path: Path) -> None:
    names = FIGURES.keys() - {"slurm"}
    done = bench("--quick", "--cache", tmp_path / "cache", "--output", tmp_path, *names)
    assert done.returncode == 0, done.stderr
    found = sections((tmp_path / "performance.md").read_text("utf-8"))
    assert len(found) == len(names), done.stdout
    for title, text in found.items():
        assert rows(text), f"{title}\n{text}"
    images = {path.name for path in (tmp_path / "images").iterdir()}
    named = re.findall(r"\(images/(bench-\w[\w-]*\.svg)\)", "".join(found.values()))
    assert images == set(named)
    for name in images:
        assert ">maestro<" in (tmp_path / "images" / name).read_text("utf-8")


@pytest.mark.slurm
def test_jobs_on_the_real_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm.running(monkeypatch)
    done = bench("--quick", "--cache", tmp_path, "slurm")
    assert done.returncode == 0, done.stderr
    assert len(rows((tmp_path / "performance.md").read_text("utf-8"))) == 3


def test_figures_are_chosen_by_name(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = bench("--quick", "--cache", cache, "levels")
    assert done.returncode == 0, done.stderr
    assert len(sections((cache / "performance.md").read_text("utf-8"))) == 1
    done = bench("--quick", "--cache", cache, "nothing")
    assert done.returncode == 2
    assert "there is no figure nothing" in done.stderr


def test_memory_is_that_of_the_program_and_not_ours() -> None:
    ours = bytearray(b"x") * 200_000_000
    assert piped(["/bin/sh", "-c", "seq 100; exec sleep 1"]).memory < 20
    program = ROOT / "tools" / "bench" / "programs" / "peak.py"
    command = [sys.executable, str(program), "/bin/true"]
    assert float(subprocess.check_output(command)) < 40
    assert len(ours) == 200_000_000


@pytest.mark.parametrize("option", ["--scratch", "--output", "--cache"])
def test_what_cannot_be_written_to_is_told_before_anything_is_measured(
    tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").touch()
    done = bench("--quick", "--cache", tmp_path, option, tmp_path / "file", "levels")
    assert done.returncode == 2
    assert f"{tmp_path / 'file'}: File exists" in done.stderr


def test_a_scratch_folder_is_made(tmp_path: Path) -> None:
    """Its name may have spaces."""
    scratch = tmp_path / "not there" / "yet"
    done = bench("--quick", "--cache", tmp_path / "cache", "--scratch", scratch, "levels")
    assert done.returncode == 0, done.stderr
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_a_figure_that_fails_is_told(tmp_path: Path) -> None:
    """Others are measured even so."""
    shadow = tmp_path / "programs"
    shadow.mkdir()
    (shadow / "make").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (shadow / "make").chmod(0o755)
    command = [sys.executable, "-m", "tools.bench", "--quick", "--cache", str(tmp_path / "cache")]
    done = subprocess.run(
        [*command, "run", "levels"], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PATH": f"{shadow}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "ended with 3\nbroken" in done.stderr
    found = sections((tmp_path / "cache" / "performance.md").read_text("utf-8"))
    assert "Not measured" in found["run"]
    assert "4 tasks in a row" in found["A study of four levels with default settings"]
