"""The pager of ``maestro status``: fed as it reads, and left whenever one likes."""

from __future__ import annotations

from pathlib import Path

from tests.report.conftest import Played
from tests.report.screen import maestro, on_a_terminal


def test_who_leaves_early_has_seen_enough(tmp_path: Path) -> None:
    large = Played(tmp_path, tuple(range(5000)))
    text = on_a_terminal(maestro("status", large.directory), PAGER="head -2")
    assert text.splitlines()[0].endswith(large.directory + "\x1b[0m")
    assert len(text.splitlines()) == 2


def test_it_is_fed_all(tmp_path: Path) -> None:
    large = Played(tmp_path, tuple(range(5000)))
    text = on_a_terminal(maestro("status", large.directory), PAGER="X=1 grep -c INITIALIZED")
    assert text.strip() == "5002", "a line for each task, and the closing one"


def test_a_pager_that_is_not_there(played: Played) -> None:
    command = maestro("status", played.directory)
    assert "PAGED" in on_a_terminal(command, MANPAGER="nosuchpager -x")
    text = on_a_terminal(command, MANPAGER="nosuchpager", PAGER="nor this", PATH="/nowhere")
    assert "sim_A.0" in text


def test_the_store_is_free_while_one_reads(tmp_path: Path) -> None:
    """The pager itself writes to it before it reads a line."""
    large = Played(tmp_path, tuple(range(5000)))
    program = tmp_path / "pager.py"
    program.write_text(
        "import sys\n"
        "from maestro.conductor.store import Store\n"
        f"store = Store.open({large.directory!r}, write=True)\n"
        "with store._db.writing(): print('written')\n"
        "store.close(); print(len(sys.stdin.readlines()))\n"
    )
    command = maestro("status", large.directory)
    text = on_a_terminal(command, PAGER=f"{command.split()[0]} {program}")
    assert text.split() == ["written", "5006"]
