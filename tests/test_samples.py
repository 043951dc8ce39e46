"""Every sample runs to its end, from another directory, with spaces in its path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Shell

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
GENERATED = "generators/throw.yaml"


@pytest.fixture
def copy(shell: Shell) -> Path:
    shutil.copytree(SAMPLES, shell.folder / "some samples")
    return shell.folder / "some samples"


def ran(shell: Shell, *arguments: object) -> dict[str, str]:
    shell("maestro", "run", "-y", "-fg", "-r", "5", "-o", "out", *arguments, timeout=120)
    states = shell.states("out")
    assert set(states.values()) == {"FINISHED"}
    return states


def test_none_is_forgotten(copy: Path) -> None:
    studies = {str(path.relative_to(copy)) for path in copy.glob("**/*.yaml")}
    tested = {"hello", "hello_parameters", "environment", "restart", "heat/heat"}
    assert studies == {f"{name}.yaml" for name in tested} | {GENERATED}


def test_they_are_beyond_doubt(shell: Shell, copy: Path) -> None:
    done = shell("maestro", "validate", *copy.glob("**/*.yaml"))
    assert not done.stderr


def test_hello(shell: Shell, copy: Path) -> None:
    ran(shell, copy / "hello.yaml")
    assert shell.output("out", "goodbye") == "Hello, world!\nGoodbye, world!\n"


def test_hello_parameters(shell: Shell, copy: Path) -> None:
    assert len(ran(shell, copy / "hello_parameters.yaml")) == 7
    assert shell.output("out", "post").splitlines()[::2] == [
        "Bonjour, Blaise!", "Guten Tag, Carl!", "Hello, Ada!",
    ]  # fmt: skip


def test_environment(shell: Shell, copy: Path) -> None:
    ran(shell, copy / "environment.yaml")
    *words, place = shell.output("out", "rank").splitlines()
    assert [line.split()[1] for line in words][-1] == "hello"
    assert place.startswith(f"{shell.folder}/out/rank is my own")


def test_restart(shell: Shell, copy: Path) -> None:
    ran(shell, copy / "restart.yaml")
    assert (shell.folder / "out" / "count" / "numbers").read_text() == "next\n" * 10


def test_grid(shell: Shell, copy: Path) -> None:
    states = ran(shell, "-p", copy / "generators" / "grid.py", copy / GENERATED)
    assert len(states) == 6 + 1
    assert shell.output("out", "rank").split()[0] == "40.77"
    assert (shell.folder / "out" / "grid.py").exists()


def test_sample(shell: Shell, copy: Path) -> None:
    generator = copy / "generators" / "sample.py"
    states = ran(shell, "-p", generator, "--pargs", "COUNT: 8", copy / GENERATED)
    assert {f"throw_THROW.{i}.SPEED.20" for i in range(8)} < states.keys()


def test_heat(shell: Shell, copy: Path) -> None:
    assert len(ran(shell, copy / "heat" / "heat.yaml")) == 1 + 16 + 4 + 1
    report = shell.folder / "out" / "report"
    verdicts = re.findall(r"order \d\.\d|unstable", (report / "table.txt").read_text())
    assert verdicts == ["order 4.0", "order 2.0", "order 2.0", "unstable"]
    assert (report / "errors.svg").read_text().count("<circle") == 16
