"""What people see of a run in front of them, and after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro.conductor.store import StudyInfo
from maestro.conductor.study import Study
from maestro.engine import Seen
from maestro.report.progress import FEW, digest, progress
from tests.report.conftest import Played
from tests.report.test_tables import on_a_terminal


def watched(played: Played) -> Study:
    info = StudyInfo("played", "d", played.directory, "s.yaml", "/", "/", 0.0)
    return Study(played.directory, info, played.spec, played.graph)


def test_a_pipe_gets_a_line_for_every_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Played(tmp_path)
    with progress(watched(played)) as watcher:
        played.see("sim_A.0", Seen.STARTED)
        played.see("sim_A.0", Seen.FINISHED, exit_code=0)
        played.see("sim_A.1", Seen.FAILED, exit_code=3, detail="exit code 3")
        watcher.saw(played.engine.drain(), played.engine)
    assert capsys.readouterr().out.splitlines() == [
        "[1/4] sim_A.0 FINISHED",
        "[2/4] sim_A.1 FAILED: exit code 3",
        "[3/4] all INCOMPLETE: sim_A.1 is FAILED",
    ]


def test_of_a_large_study_only_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Played(tmp_path, tuple(range(FEW + 1)))
    with progress(watched(played)) as watcher:
        played.see("sim_A.0", Seen.FINISHED)
        played.see("sim_A.1", Seen.FAILED, detail="why")
        watcher.saw(played.engine.drain(), played.engine)
    assert capsys.readouterr().out.splitlines() == ["[  2/502] sim_A.1 FAILED: why"]


def test_a_digest_of_failures(played: Played) -> None:
    workspace = Path(played.directory) / "sim" / "A.1"
    workspace.mkdir(parents=True)
    (workspace / "sim_A.1.12.err").write_text("".join(f"line {i}\n" for i in range(100)))
    played.see("sim_A.2", Seen.FINISHED, exit_code=0)
    played.save()
    assert digest(played.directory).splitlines() == [
        "played: FAILURE",
        "4 tasks: ✓ 2 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE",
        "sim_A.1 FAILED: exit code 3, after 0d:00h:00m:09s",
        f"  {workspace}/sim_A.1.12.err",
        *(f"    line {i}" for i in range(95, 100)),
        f"Results: {played.directory}",
    ]


STUDY = """
description: {name: seen, description: seen}
study:
- name: a
  description: a
  run: {cmd: "sleep 0.5; exit $(N)"}
global.parameters:
  N: {values: [0, 4], label: N.%%}
"""


def test_a_terminal_gets_a_bar_and_is_left_clean(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY)
    program = "from maestro.cli.main import main; import sys; sys.exit(main())"
    text = on_a_terminal(
        f"cd {tmp_path}; python3 -c '{program}' run -y -fg -o out s.yaml; test $? = 2",
        PATH=f"{Path(__import__('sys').executable).parent}:/usr/bin:/bin",
    )
    assert "━" in text
    assert "2 running" in text
    assert "✗ a_N.4 FAILED: exit code 4" in text
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0, "the cursor is back"
