"""The ledger, as it is written and read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro.adapters.ledger import CUT_SHORT, Ledger, line
from maestro.adapters.records import End, Reader, Start, Void


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(str(path))
    ledger.write("start", "a", 1, 2, "3", 4.0)
    with open(path, "ab") as file:
        file.write(b'["start", "b", 1')
    reader = Reader(str(path))
    assert reader.read() == [Start("a", 1, 2, "3", 4.0)]
    assert reader.read() == []
    with open(path, "ab") as file:
        file.write(b"\n")
    ledger.write("end", "a", 1, 0, 5.0, 1.0, None)
    ledger.write("closed")
    assert reader.read() == [End("a", 1, 0, 5.0, 1.0, None)]
    assert reader.closed


def test_a_line_that_was_not_written_whole_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(str(path))
    write = os.write
    with monkeypatch.context() as patch:  # all but the line feed
        patch.setattr(os, "write", lambda file, data: write(file, data[:-1]))
        with pytest.raises(OSError, match="No space left") as caught:
            ledger.write("start", "a", 1, 2, "3", 4.0, None)
    assert caught.value.filename == str(path)
    ledger.write("start", "b", 1, 2, "3", 4.0, 60)
    assert Reader(str(path)).read() == [Start("b", 1, 2, "3", 4.0, 60)]


def test_of_several_lines_those_that_were_written_whole_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(str(path))
    lines = [line("void", task, 1) for task in "abc"]
    size, write = len(lines[0]), os.write
    for room, left in (size + 1, 2), (0, 2), (len(CUT_SHORT), 2), (len(CUT_SHORT) + size, 1):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda file, data, room=room: write(file, data[:room]))
            with pytest.raises(OSError, match="No space left"):
                ledger.append(lines)
        assert len(lines) == left, room
    ledger.append(lines)
    assert lines == []
    assert Reader(str(path)).read() == [Void(task, 1) for task in "abc"]


def test_a_ledger_is_private_and_never_continued(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    Ledger(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Ledger(str(path))


def test_no_ledger_is_an_empty_one(tmp_path: Path) -> None:
    reader = Reader(str(tmp_path / "none"))
    assert reader.read() == []
    assert (reader.opened, reader.closed) == (None, False)
