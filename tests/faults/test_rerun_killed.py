"""A rerun that is killed at any point: asked for again, it comes to the same end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Shell

STUDY = """
    description: {name: sums, description: Sums}
    study:
    - name: make
      description: make
      run:
        cmd: |
          echo $(SIZE)$(MORE) > made
          echo "$(SIZE)$(MORE)" >> ../../lines
    - name: sum
      description: sum
      run: {cmd: "cat '$(make.workspace)'/*/made > sum", depends: [make_*]}
    env: {variables: {MORE: "."}}
    global.parameters:
      SIZE: {values: [10, 20, 30], label: SIZE.%%}
"""
OTHER = STUDY.replace("[10, 20, 30]", "[10, 20, 40]").replace('MORE: "."', 'MORE: "!"')

DRIVER = """\
import importlib, os, signal, sys
module, name, count = sys.argv[1:4]
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
whole, left = getattr(owner, last), int(count)
def die(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments, **options)
setattr(owner, last, die)
from maestro.cli.main import main
sys.exit(main(sys.argv[4:]))
"""

# Each is killed before the call of that number.
POINTS = [
    ("maestro.conductor.revision", "_put_aside", 1),
    ("maestro.conductor.revision", "_put_aside", 2),
    ("maestro.conductor.revision", "shutil.copy", 1),
    ("maestro.conductor.revision", "keep_specification", 1),
    ("maestro.conductor.revision", "metadata.write", 1),
    ("maestro.conductor.rerun", "Store.reopen", 1),
    ("maestro.conductor.rerun", "snapshot.write", 1),
    ("maestro.conductor.workspace", "os.rename", 3),
    ("maestro.conductor.workspace", "Writer._put_aside", 2),
    ("maestro.conductor.workspace", "Writer._write", 2),
]


@pytest.fixture
def study(shell: Shell) -> Path:
    shell.write("sums.yaml", STUDY)
    shell.write("other.yaml", OTHER)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "sums.yaml")
    return shell.folder / "out"


def killed(shell: Shell, point: tuple[str, str, int], *words: str) -> bool:
    """Whether the command was killed before that call, and did not come to its end."""
    module, name, count = point
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, module, name, str(count), *words],
        cwd=shell.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[1]}-{point[2]}")
def test_another_specification(shell: Shell, study: Path, point: tuple[str, str, int]) -> None:
    words = ("rerun", "--spec", "other.yaml", "-y", "-fg", "out")
    assert killed(shell, point, *words)
    shell("maestro", "resume", "-y", "-fg", "out")
    shell("maestro", *words)
    assert (study / "sum" / "sum").read_text() == "10!\n20!\n40!\n"
    assert set(shell.states("out").values()) == {"FINISHED"}
    lines = (study / "lines").read_text().split()
    assert sorted(lines) == ["10!", "10.", "20!", "20.", "30.", "40!"]
    former = study / "meta" / "former" / "make"
    kept = {path.name: (path / "made").read_text() for path in former.iterdir()}
    assert kept == {
        "SIZE.10.attempt-1": "10.\n", "SIZE.20.attempt-1": "20.\n", "SIZE.30.attempt-1": "30.\n",
    }  # fmt: skip
