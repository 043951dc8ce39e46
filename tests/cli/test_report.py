"""``maestro report``: where its page goes to, and what is said where there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import Shell

STUDY = """
description: {name: "a / b", description: d}
study:
- {name: one, description: d, run: {cmd: "true"}}
"""


@pytest.fixture
def ran(shell: Shell) -> Shell:
    shell.write("s.yaml", STUDY)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml")
    return shell


def test_where_it_goes_to(ran: Shell) -> None:
    file = ran("maestro", "report", "out").stdout.strip().removeprefix("The report: ")
    page = (ran.folder / file).read_text()
    assert file == "a__b-report.html"
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    printed = ran("maestro", "report", "out", "-o", "-").stdout
    assert len(printed) == pytest.approx(len(page), abs=2000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["."], "is not a study directory"),
        (["out", "-o", "no/x.html"], "no/x.html cannot be written: No such file"),
        (["out", "-o", "out/status.csv"], "-o out/status.csv would replace what out consists of"),
    ],
)
def test_wrong_words(ran: Shell, arguments: list[str], said: str) -> None:
    assert said in ran("maestro", "report", *arguments, code=1).stderr


def test_without_its_store(ran: Shell) -> None:
    (ran.folder / "out/.maestro/study.sqlite").unlink()
    done = ran("maestro", "report", "out", code=1)
    assert "what status.csv has is shown by: maestro status" in done.stderr


def test_without_bokeh(ran: Shell, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    (lacking / "bokeh").mkdir(parents=True)
    (lacking / "bokeh" / "__init__.py").write_text("raise ImportError('not installed')")
    path = os.pathsep.join([str(lacking), *sys.path])
    done = ran("maestro", "report", "out", code=1, env=os.environ | {"PYTHONPATH": path})
    assert "pip install 'maestro-conductor[report]'" in done.stderr
