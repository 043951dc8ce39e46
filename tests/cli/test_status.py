"""``maestro status`` and ``conductor --status``, as people use them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Shell

TWO = """
    description: {name: two, description: one good, one bad}
    study:
    - name: run
      description: d
      run: {cmd: exit $(N)}
    global.parameters:
      N: {values: [0, 3], label: N.%%}
"""


@pytest.fixture
def study(shell: Shell) -> Shell:
    """A shell with an ended study in ``out``."""
    shell.write("two.yaml", TWO)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "two.yaml", code=2)
    return shell


def test_every_layout(study: Shell) -> None:
    for layout in ("flat", "narrow", "legacy"):
        done = study("maestro", "status", "--layout", layout, "out")
        assert "run_N.3" in done.stdout
        assert "2 tasks: ✓ 1 FINISHED, ✗ 1 FAILED" in done.stdout
        assert "The study has ended: FAILURE" in done.stdout
        assert "\x1b" not in done.stdout
    study("maestro", "status", "--layout", "round", "out", code=1)


def test_a_pipe_is_never_paged_or_cut(study: Shell) -> None:
    given = {**os.environ, "COLUMNS": "20", "LINES": "3", "PAGER": "false"}
    done = study("maestro", "status", "--disable-theme", "out", env=given)
    row = next(line for line in done.stdout.splitlines() if line.startswith("run_N.3"))
    assert row.endswith("N:3")


def test_the_conductor_shows_it_too(study: Shell) -> None:
    asked = study("maestro", "status", "out").stdout
    for option in ("-s", "--status"):
        assert study("conductor", option, "out").stdout == asked


def test_what_is_no_study_does_not_keep_others_from_being_shown(study: Shell) -> None:
    (study.folder / "empty").mkdir()
    done = study("maestro", "status", "empty", "nowhere", "out", code=1)
    assert "run_N.3" in done.stdout
    errors = done.stderr.splitlines()
    assert len(errors) == 2
    assert errors[0].endswith(
        "empty is not a study directory (it has no .maestro/study.sqlite); those below: "
        f"maestro list '{study.folder}/empty'"
    )
    assert errors[1].endswith("nowhere does not exist, or is no directory")


def test_the_next_command_can_be_typed(shell: Shell) -> None:
    shell.write("two.yaml", TWO)
    shell("maestro", "run", "-n", "-o", "out", "two.yaml")
    done = shell("maestro", "status", "out")
    command = done.stdout.splitlines()[-2].partition("To go on: ")[2]
    assert command == f"maestro resume '{shell.folder / 'out'}'"


def test_a_reader_that_leaves_early(study: Shell) -> None:
    words = study.command("maestro", "status", *["out"] * 2000)
    process = subprocess.Popen(
        words, cwd=study.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("two: ")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=30)


def as_nobody(study: Shell) -> subprocess.CompletedProcess[str]:
    """What ``maestro status out`` comes to, for another user. The modules are imported before
    that: this Python may be root's alone.
    """
    program = (
        "import os, sys; from maestro.report.status.tables import show; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(show(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(study.folder / "out")],
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_may_not_read_the_store_sees_the_snapshot(study: Shell) -> None:
    folder = study.folder
    while folder.stat().st_mode & 0o777 == 0o700 or folder == study.folder:
        folder.chmod(0o755)
        folder = folder.parent
    done = as_nobody(study)
    assert done.returncode == 0, done.stderr
    assert "2 tasks: ✓ 1 FINISHED, ✗ 1 FAILED" in done.stdout
    assert "may be read by its owner only" in done.stdout
    (study.folder / "out" / "status.csv").chmod(0o600)
    done = as_nobody(study)
    assert done.returncode == 1
    assert "may be read by its owner only" in done.stderr


def test_a_conductor_that_died_while_it_recorded_hides_nothing(study: Shell) -> None:
    """It left a journal, which a reader cannot roll back: the snapshot has to do, or the store."""
    kill = (
        "import os, sys; from maestro.conductor.store import Store\n"
        "with Store.open('out', write=True)._db.writing() as db:\n"
        "    db.execute('PRAGMA cache_spill = 1'); db.execute('PRAGMA cache_size = 1')\n"
        "    db.execute('CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL '\n"
        "               'SELECT i + 1 FROM n WHERE i < 5000) SELECT hex(randomblob(99)) FROM n')\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", kill], cwd=study.folder, check=True)
    assert (study.folder / "out" / ".maestro" / "study.sqlite-journal").stat().st_size
    assert "2 tasks: ✓ 1 FINISHED, ✗ 1 FAILED" in study("maestro", "status", "out").stdout


def test_a_moved_study(study: Shell) -> None:
    shutil.move(study.folder / "out", study.folder / "moved here")
    done = study("maestro", "status", "moved here")
    assert f"two: {study.folder / 'moved here'}" in done.stdout


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("status out", ["networkx", "yaml"]),
        ("logs out", ["networkx", "yaml"]),
        ("cancel out", ["networkx", "jsonschema"]),
        ("run -y -fg -s 0 -o other two.yaml", ["rich.console", "maestro.adapters.batch"]),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_need(
    study: Shell, command: str, needless: list[str]
) -> None:
    program = (
        "import sys; from maestro.cli.main import main\n"
        f"assert main({command.split()}) != 1\n"
        f"print('imported:', *set({needless}) & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=study.folder
    )
    assert done.stdout.endswith("imported:\n"), done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from maestro.cli import main, status\n"
        "print(*{'rich', 'tabulate', 'networkx', 'sqlite3', 'yaml'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "", Path.cwd()
