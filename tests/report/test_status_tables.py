"""The status table: its layouts, what is hostile in it, and what a terminal sees."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from pathlib import Path

import pytest
from rich.cells import cell_len

from maestro.conductor import snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.store import Store
from maestro.engine import Seen
from maestro.report.status.request import Request
from maestro.report.status.tables import show
from tests.conftest import Shell
from tests.report.conftest import Played
from tests.report.screen import maestro, on_a_terminal

FLAT = """\
Step Name  Job ID  Workspace  State       Run Time        Elapsed Time    Start Time           \
Submit Time          End Time             Number Restarts  Params
sim_A.0    11      sim/A.0    FINISHED    0d:00h:00m:09s  0d:00h:00m:30s  1970-01-12 13:46:50  \
1970-01-12 13:46:40  1970-01-12 13:47:10  0                A:1
sim_A.1    12      sim/A.1    FAILED      0d:00h:00m:09s  0d:00h:00m:40s  1970-01-12 13:47:00  \
1970-01-12 13:46:40  1970-01-12 13:47:20  0                A:2
sim_A.2    13      sim/A.2    RUNNING     0d:00h:00m:50s  0d:00h:01m:40s  1970-01-12 13:47:30  \
1970-01-12 13:46:40  --                   0                A:[red]x[/red], \\x1b[31m☃
all        --      all        INCOMPLETE  --:--:--        --:--:--        --                   \
--                   --                   0
"""

LEGACY = """\
Step Name    Job ID    Workspace    State       Run Time        Elapsed Time    \
Start Time           Submit Time          End Time             Number Restarts    Params
-----------  --------  -----------  ----------  --------------  --------------  \
-------------------  -------------------  -------------------  -----------------  \
-------------------------
sim_A.0      11        sim/A.0      FINISHED    0d:00h:00m:09s  0d:00h:00m:30s  \
1970-01-12 13:46:50  1970-01-12 13:46:40  1970-01-12 13:47:10  0                  A:1
"""

NARROW = """\

sim_A.0
  Workspace        sim/A.0
  State            FINISHED          Submit Time      1970-01-12 13:46:40
  Job ID           11                Start Time       1970-01-12 13:46:50
  Run Time         0d:00h:00m:09s    End Time         1970-01-12 13:47:10
  Elapsed Time     0d:00h:00m:30s    Number Restarts  0
  Params           A  1

sim_A.1
"""

CLOSING = """\
4 tasks: ▶ 1 RUNNING, ✓ 1 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE
Nobody conducts it. To go on: maestro resume {directory}

"""


def shown(
    played: Played, layout: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """What ``status`` prints a hundred seconds after the study began."""
    monkeypatch.setattr(time, "time", lambda: 1_000_100.0)
    assert show([played.directory], Request(layout=layout)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("layout", "text"), [("flat", FLAT), ("legacy", LEGACY), ("narrow", NARROW)]
)
def test_the_layouts(
    played: Played,
    layout: str,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = shown(played, layout, capsys, monkeypatch)
    assert out.startswith(f"played: {played.directory}\n{text}")
    assert out.endswith(CLOSING.format(directory=played.directory))


@pytest.mark.parametrize("layout", ["flat", "narrow", "legacy"])
def test_values_are_shown_and_not_obeyed(
    played: Played, layout: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shown(played, layout, capsys, monkeypatch)
    assert "[red]x[/red], \\x1b[31m☃" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("layout", ["flat", "narrow", "legacy"])
def test_line_ends_tabs_and_emoji_names_stay_in_their_line(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Played(tmp_path, ("a\nb\tc", ":smile: %s %d", "\u202eright to left"))
    assert show([odd.directory], Request(layout=layout)) == 0
    out = capsys.readouterr().out
    for text in ("a\\nb\\tc", ":smile: %s %d", "\\u202eright to left"):
        assert text in out


def test_wide_characters_keep_the_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = Played(tmp_path, ("漢字", "x"), labels=("A.漢字", "A.x"))
    assert show([wide.directory]) == 0
    lines = capsys.readouterr().out.splitlines()[1:4]
    assert "漢字" in lines[1]
    starts = {cell_len(line[: line.index(word)]) for line, word in zip(
        lines, ("State", "INITIALIZED", "INITIALIZED"), strict=True
    )}  # fmt: skip
    assert len(starts) == 1


def test_who_conducts_it(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.open(played.directory, write=True)
    lease = Lease(store)
    show([played.directory])
    lease.release()
    store.close()
    assert "Conducted by process " in capsys.readouterr().out


def test_how_it_ended(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    played.see("sim_A.2", Seen.FINISHED, exit_code=0)
    played.save()
    show([played.directory])
    assert "The study has ended: FAILURE" in capsys.readouterr().out


def test_several_directories_and_one_that_is_none(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show([str(tmp_path / "no"), played.directory, played.directory]) == 1
    seen = capsys.readouterr()
    assert seen.out.count("Step Name") == 2
    assert "does not exist" in seen.err


def test_the_snapshot_has_to_do(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is damaged, and ``status.csv`` was written by the peer: without quotes."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerow(snapshot.COLUMNS)
    table.write("sim_A.0,11,sim/A.0,FINISHED,--,--,--,--,--,0,A:1,5;B:x\n")
    table.write("sim_A.1,11,sim/A.1,STRANGE,--,--,--,--,--,0,\n")
    (Path(played.directory) / snapshot.FILE).write_text(table.getvalue())
    (Path(played.directory) / ".maestro" / "study.sqlite").write_bytes(b"x" * 9000)
    for layout in ("flat", "narrow", "legacy"):
        assert show([played.directory], Request(layout=layout)) == 0
        out = capsys.readouterr().out
        assert "A:1,5;B:x" in out
        assert "2 tasks: ✓ 1 FINISHED, ? 1 STRANGE" in out
        assert "From status.csv, as it was last written: " in out
        assert "study.sqlite is damaged" in out


def test_a_terminal_sees_colours_and_a_pager_where_it_does_not_fit(played: Played) -> None:
    narrow = maestro("status", "--layout", "narrow", played.directory)
    text = on_a_terminal(narrow, lines=99)
    assert "\x1b[32mFINISHED" in text
    assert "PAGED" not in text
    assert "PAGED" in on_a_terminal(narrow, lines=10)
    flat = maestro("status", played.directory)
    assert "PAGED" in on_a_terminal(flat, lines=99), "it is too wide"
    assert "PAGED" not in on_a_terminal(flat, lines=99, columns=250)


def test_what_people_turned_off_is_off(played: Played) -> None:
    off = maestro("status", "--disable-pager", "--disable-theme", played.directory)
    text = on_a_terminal(off)
    assert "PAGED" not in text
    assert "\x1b" not in text
    coloured = maestro("status", "--disable-pager", played.directory)
    assert "\x1b[32m" in on_a_terminal(coloured)
    assert "\x1b" not in on_a_terminal(coloured, NO_COLOR="1")


def test_a_pipe_is_not_folded_where_colours_are_forced(played: Played, shell: Shell) -> None:
    plain = shell("maestro", "status", played.directory).stdout
    forced = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "60", "PAGER": "echo PAGED"}
    text = shell("maestro", "status", played.directory, env=forced).stdout
    assert "\x1b[32m" in text
    assert re.sub("\x1b\\[[0-9;]*m|\\d", "", text) == re.sub(r"\d", "", plain)  # time goes on


def test_narrow_fits_eighty_columns_and_less(tmp_path: Path) -> None:
    long = Played(tmp_path, ("x" * 200,), labels=("a" * 120,))
    for columns in (80, 60, 20):
        command = maestro("status --layout narrow --disable-pager", long.directory)
        text = on_a_terminal(command, columns=columns)
        blocks = text[text.index("\n\n") : text.rindex("\n\n2 tasks")]
        lines = re.sub("\x1b\\[[0-9;]*m", "", blocks).splitlines()
        assert max(map(len, lines)) <= columns
        assert re.sub(r"\s|Params", "", blocks).count("x" * 200) == 1


def test_flat_shows_the_state_on_eighty_columns_and_cuts_nothing(tmp_path: Path) -> None:
    long = Played(tmp_path, ("x",), labels=("a" * 90,))
    command = maestro("status --disable-pager --disable-theme", long.directory)
    lines = on_a_terminal(command).splitlines()
    assert lines[2].index("INITIALIZED") + len("INITIALIZED") <= 80
    start = lines[1].index("Job ID")
    rows = lines[2 : next(i for i, line in enumerate(lines) if line.startswith("all"))]
    assert "".join(line[:start].strip() for line in rows) == "sim_" + "a" * 90


@pytest.mark.parametrize(("locale", "mark"), [("C", "x"), ("en_US.ISO-8859-1", "x")])
@pytest.mark.parametrize("layout", ["flat", "narrow", "legacy"])
def test_a_terminal_that_knows_few_characters(
    played: Played, locale: str, mark: str, layout: str
) -> None:
    text = on_a_terminal(
        maestro("status --disable-pager --layout", layout, played.directory),
        columns=20, LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
    )  # fmt: skip
    assert f"> 1 RUNNING, + 1 FINISHED, {mark} 1 FAILED" in text
    assert "\\u2603" in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("layout", ["flat", "narrow"])
def test_a_hundred_thousand_tasks(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    large = Played(tmp_path, tuple(range(100_000)))
    begun = time.monotonic()
    assert show([large.directory], Request(layout=layout)) == 0
    assert time.monotonic() - begun < 20, "it takes about 2 s on an idle machine"
    text = capsys.readouterr().out
    assert "100001 tasks: · 100001 INITIALIZED" in text
    assert text.count("\n") >= 100_001
