"""Writing a specification and checking it, in a line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from spec_helpers import Checker

from maestro.errors import Problem
from maestro.spec import Specification, check

HEAD = """\
description:
  name: golden
  description: a study
"""


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checker:
    """Checks a text, below a description of three lines unless ``head`` is given, as study.yaml."""
    monkeypatch.chdir(tmp_path)

    def run(
        text: str, head: str = HEAD, **more: object
    ) -> tuple[Specification | None, list[Problem]]:
        (tmp_path / "study.yaml").write_text(head + textwrap.dedent(text), encoding="utf-8")
        return check("study.yaml", **more)

    return run
