"""Hostile studies do no harm: none ends in a traceback, leaves its directory, or runs a value."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Shell
from tests.faults.hostile import CANARY, Case, case
from tests.faults.sandbox import Fault, attempt
from tests.standins.install import install

COUNT = 1200
"""Cases that are tried here; ``tools/faults/hostile.py`` tries as many as one likes."""

STEP = 100


@pytest.mark.parametrize("first", range(0, COUNT, STEP))
def test_hostile_studies(first: int) -> None:
    outcomes = Counter(attempt(number) for number in range(first, first + STEP))
    assert outcomes["written"] + outcomes["run"] > STEP // 4, outcomes
    assert outcomes["refused"] > STEP // 4, outcomes


def test_a_case_is_made_from_its_number(tmp_path: Path) -> None:
    assert [case(n, "/x") for n in range(200)] == [case(n, "/x") for n in range(200)]
    assert len({case(n, "/x").specification for n in range(200)}) > 180


def rigged(command: str) -> Case:
    """A study that does harm, and says that it does none."""
    text = f"""\
description: {{name: study, description: a study}}
study:
- {{name: first, description: d, run: {{cmd: '{command}'}}}}
"""
    return Case(1, ("study.yaml", text.encode()))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"touch {CANARY}", "something was run"),
        (f"touch ../../../../{CANARY}", "something was run"),
        ('echo "', "the scripts complain"),
    ],
)
def test_harm_is_seen(command: str, said: str) -> None:
    with pytest.raises(Fault, match=said):
        attempt(1, lambda _number, _base: rigged(command))


def test_a_copy_that_lies_elsewhere_is_seen() -> None:
    def outside(number: int, base: str) -> Case:
        return replace(rigged("true"), arguments=["-o", f"{base}/elsewhere"])

    with pytest.raises(Fault, match="it made"):
        attempt(1, outside)


NAME = (
    f"-; touch {CANARY} $(touch {CANARY}) `touch {CANARY}`\ntouch {CANARY}\n'; touch {CANARY}; '"
    f'"; touch {CANARY}; " \x1b[31m\\ é🜚 %j {{{{id}}}}' + os.fsdecode(b"\xff\xfe")
)
"""A name for directories and files."""

STEPS = """\
description: {name: study, description: a study}
study:
- {name: first, description: d, run: {cmd: "true", procs: 1, walltime: "01:00"}}
- {name: second, description: d, run: {cmd: "true", depends: [first]}}
"""
BATCH = {
    "local": "",
    "lsf": "batch: {type: lsf, host: h, bank: b, queue: q}\n",
    "flux": "batch: {type: flux, host: h, bank: b, queue: pbatch}\n",
}


@pytest.mark.parametrize("kind", BATCH)
def test_hostile_directories(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """They are where people want them, and nothing in their names is obeyed."""
    install(tmp_path / "standins", monkeypatch)
    folder = shell.folder / NAME
    folder.mkdir()
    (folder / f"{NAME}.yaml").write_text(STEPS + BATCH[kind])
    place = f"./{NAME}/of {NAME}"
    shell("maestro", "run", "-y", "-fg", "-s", "1", "-o", place, f"./{NAME}/{NAME}.yaml")
    assert shell.states(place) == {"first": "FINISHED", "second": "FINISHED"}
    shell("maestro", "status", place)
    assert "FINISHED" in shell("conductor", place).stdout
    assert not list(tmp_path.rglob(CANARY))


@pytest.mark.parametrize("path", [r"a\0b", r"\ud800", "/dev/null/x", "/proc/x", "x" * 300])
def test_output_paths_that_cannot_be(shell: Shell, path: str) -> None:
    shell.write("study.yaml", STEPS + f'env: {{variables: {{OUTPUT_PATH: "{path}"}}}}\n')
    done = shell("maestro", "run", "-y", "--dry", "study.yaml", code=1)
    assert "\n" not in done.stderr.strip()
    assert [*shell.folder.iterdir()] == [shell.folder / "study.yaml"]


def test_a_study_that_is_refused_leaves_nothing(shell: Shell) -> None:
    shell.write("study.yaml", STEPS + "env: {variables: {OUTPUT_PATH: a/b}}\n")
    shell.write("gen.py", "raise ValueError('no')")
    (shell.folder / "tmp").mkdir()
    env = os.environ | {"TMPDIR": str(shell.folder / "tmp")}
    words = ("maestro", "run", "-y", "--usetmp", "-p", "gen.py")
    shell(*words, "study.yaml", code=1, env=env)
    shell(*words, "-o", "c/d/e", "study.yaml", code=1, env=env)
    assert sorted(path.name for path in shell.folder.rglob("*")) == ["gen.py", "study.yaml", "tmp"]


@pytest.mark.parametrize("name", ["logs", ".maestro", "study.txt"])
def test_a_specification_that_would_be_in_the_way(shell: Shell, name: str) -> None:
    shell.write(name, STEPS)
    done = shell("maestro", "run", "-y", "--dry", name, code=1)
    assert f"a file called '{name}' would be in the way of the study's own" in done.stderr


def test_two_files_of_one_name(shell: Shell) -> None:
    (shell.folder / "other").mkdir()
    shell.write("study", STEPS)
    shell.write(
        "other/study",
        """\
        from maestrowf.datastructures.core import ParameterGenerator

        def get_custom_generator(env, **kwargs):
            return ParameterGenerator()
        """,
    )
    done = shell("maestro", "run", "-y", "--dry", "-p", "other/study", "study", code=1)
    assert "are both called 'study'" in done.stderr
