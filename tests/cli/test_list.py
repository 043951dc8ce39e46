"""``maestro list``: which studies are found, and what is told of them."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Shell, eventually
from tests.report.screen import maestro, on_a_terminal

STUDY = """
    description: {name: NAME, description: d}
    study:
    - name: run
      description: d
      run: {cmd: 'CMD'}
    global.parameters:
      N: {values: [0, 3], label: N.%%}
"""


def make(
    shell: Shell, name: str, command: str = "true", *options: str, code: int = 0
) -> None:
    shell.write("s.yaml", STUDY.replace("NAME", name).replace("CMD", command))
    shell("maestro", "run", *(options or ["-y", "-fg"]), "-o", name, "s.yaml", code=code)


def listed(shell: Shell, *options: str) -> list[dict[str, str]]:
    text = shell("maestro", "list", "-f", "csv", *options).stdout
    return list(csv.DictReader(io.StringIO(text)))


def test_newest_first_with_how_they_stand(shell: Shell) -> None:
    make(shell, "below/first", "exit $(N)", code=2)
    make(shell, "second", "test $(N)")
    make(shell, "third", "true", "-n")
    lines = [line.split() for line in shell("maestro", "list").stdout.splitlines()]
    assert lines[0] == ["Study", "Finished", "Done", "Failed", "Running", "Standing", "Age"]
    assert [line[:6] for line in lines[1:]] == [
        ["third", "0", "0%", "0", "0", "idle"],
        ["second", "2", "100%", "0", "0", "FINISHED"],
        ["below/first", "1", "50%", "1", "0", "FAILURE"],
    ]
    bare = shell("maestro", "list", "--no-header", "below").stdout.split()
    assert bare[:3] == ["below/first", "1", "50%"]
    assert shell("maestro", "list", "second", "--no-header").stdout.split()[0] == "second"


def test_who_conducts_it(shell: Shell) -> None:
    make(shell, "long", "test $(N) = 3 || sleep 60", "-y")
    try:
        eventually(lambda: [row["FINISHED"] + row["RUNNING"] for row in listed(shell)] == ["11"])
        (row,) = listed(shell)
        assert row["standing"] == "conducted"
        assert row["conductor"].startswith("process ")
    finally:
        shell("maestro", "cancel", "-y", "long")
    assert listed(shell)[0]["standing"] == "CANCELLED"


def test_json_is_the_summary_of_status(shell: Shell) -> None:
    make(shell, "one")
    text = shell("maestro", "list", "-f", "json").stdout
    schema = importlib.resources.files("maestro_schemas").joinpath("status.schema.json")
    Draft202012Validator(json.loads(schema.read_text())).validate(json.loads(text))
    assert text == shell("maestro", "status", "-f", "json", "--summary", "one").stdout


def test_where_it_looks(shell: Shell) -> None:
    make(shell, "a/b/study")
    out = shell.folder / "a" / "b" / "study"
    hidden = shell.folder / ".hidden" / "study"
    shutil.copytree(out, hidden)
    shutil.copytree(hidden, out / "run" / "inside")
    (shell.folder / "a" / "again").symlink_to(shell.folder)
    assert [row["directory"] for row in listed(shell)] == [str(out)]
    assert listed(shell, "--depth", "2") == []
    assert len(listed(shell, "--depth", "3")) == 1
    assert len(listed(shell, str(shell.folder / "a" / "again"))) == 1


def test_what_is_wrong_ends_nothing(shell: Shell) -> None:
    make(shell, "good")
    make(shell, "broken")
    (shell.folder / "broken" / ".maestro" / "study.sqlite").write_bytes(b"x" * 9000)
    make(shell, "lost")
    (shell.folder / "lost" / ".maestro" / "study.sqlite").write_bytes(b"x" * 9000)
    (shell.folder / "lost" / "status.csv").unlink()
    done = shell("maestro", "list")
    assert "from status.csv: " in done.stderr
    assert [error for error in done.stderr.splitlines() if "lost" in error]
    assert {line.split()[0] for line in done.stdout.splitlines()[1:]} == {"good", "broken"}
    assert {row["standing"] for row in listed(shell)} == {"FINISHED", "unknown"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_told(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o700)
    folder = tmp_path
    while folder.stat().st_mode & 0o777 == 0o700 or folder == tmp_path:
        folder.chmod(0o755)
        folder = folder.parent
    program = (
        "import os, sys; from maestro.report.listing import show; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "sys.exit(show(sys.argv[1], 5, 'text'))"
    )
    words = [shell.command("maestro")[0], "-c", program, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'shut'} cannot be looked into: Permission denied" in done.stderr


def test_none_at_all(shell: Shell) -> None:
    done = shell("maestro", "list")
    assert done.stdout == ""
    assert "there is no study in ." in done.stderr
    assert "maestro run SPECIFICATION" in done.stderr
    assert json.loads(shell("maestro", "list", "-f", "json").stdout) == {"studies": []}
    assert "does not exist" in shell("maestro", "list", "nowhere", code=1).stderr
    shell("maestro", "list", "-f", "json", "--no-header", code=1)


def test_hundreds_of_studies(shell: Shell) -> None:
    make(shell, "one")
    for i in range(200):
        shutil.copytree(shell.folder / "one", shell.folder / "more" / f"study{i:03}")
    begun = time.monotonic()
    assert len(listed(shell)) == 201
    assert time.monotonic() - begun < 10, "it takes about 1 s on an idle machine"


def test_on_a_terminal(shell: Shell) -> None:
    make(shell, "a" * 60, "exit $(N)", code=2)
    make(shell, "short")
    command = f"cd '{shell.folder}'; {maestro('list')}"
    wide = on_a_terminal(command, columns=140)
    assert "━" * 12 in wide
    assert "\x1b[32mFINISHED" in wide
    narrow = on_a_terminal(command, NO_COLOR="1")
    assert "━" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.replace("\n", "").count("a") >= 60
