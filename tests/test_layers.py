"""The layer check passes on the tree, and sees an import that runs the wrong way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def layers(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/layers.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("layers") / "maestro"
    shutil.copytree(ROOT / "maestro", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_tree_is_in_order() -> None:
    done = layers()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("spec/planted.py", "import maestro.graph", "planted.py:1: spec imports graph"),
        ("spec/planted.py", "x = 1\nfrom maestro import engine", "y:2: spec imports engine"),
        ("engine/planted.py", "def f():\n    import time", "planted.py:2: engine imports time"),
        ("engine/planted.py", "from os.path import join", "planted.py:1: engine imports os"),
        ("graph/planted.py", "import sqlite3", "planted.py:1: graph imports sqlite3"),
        ("graph/planted.py", "from ..cli.main import main", "planted.py:1: graph imports cli"),
        ("graph/planted.py", "from .. import report", "planted.py:1: graph imports report"),
        (
            "adapters/planted.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import maestro.conductor",
            "planted.py:3: adapters imports conductor",
        ),
        (
            "conductor/planted.py",
            "from importlib import import_module\nimport_module('maestro.cli.main')",
            "planted.py:2: conductor imports cli",
        ),
        ("cli/planted.py", "from maestro import expand", "y:1: cli imports maestro.expand"),
        ("graph/planted.py", "import maestro_schemas", "y:1: graph imports maestro_schemas"),
        ("planted.py", "", "planted.py:1: planted is in no room"),
        ("attic/planted.py", "", "planted.py:1: attic is in no room"),
    ],
)
def test_it_sees_what_runs_the_wrong_way(copy: Path, path: str, text: str, message: str) -> None:
    planted = copy / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(text)
    try:
        done = layers(copy)
    finally:
        planted.unlink()
    assert done.returncode == 1
    assert message in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spec/planted.py", "import os, maestro_schemas"),
        ("conductor/planted.py", "import maestro\nfrom maestro import __version__, spec"),
        ("engine/planted.py", "from ..graph import tasks\nfrom . import states"),
    ],
)
def test_it_lets_pass_what_runs_towards_the_ground(copy: Path, path: str, text: str) -> None:
    planted = copy / path
    planted.write_text(text)
    try:
        done = layers(copy)
    finally:
        planted.unlink()
    assert done.returncode == 0, done.stdout
