"""``maestro results``: in all formats, of steps that declare what to collect and of others."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess

import pytest

import maestro
from maestro.report import table
from tests.conftest import Shell

STUDY = r"""
description: {name: fit, description: Fits}
study:
  - name: fit
    description: Fit $(N)
    run:
      cmd: |
        echo "starting, error = 99"
        echo "error = $(N).5e-1 after $(N) steps"
        test $(N) = 3 || echo '{"size": "$(N)", "state": "good", "deep": {"n": $(N)}}' > $(N).json
        test $(N) != 2
    collect:
      - match: 'error = (?P<error>\S+)( after (?P<steps>\d+) steps)?'
      - json: $(N).json
  - name: sum
    description: Sum up
    run:
      cmd: printf 'total,N\n3,x\n' > sum.csv
global.parameters:
  N: {values: [1, 2, 3], label: N.%%}
"""


@pytest.fixture
def fit(shell: Shell) -> Shell:
    shell.write("fit.yaml", STUDY)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fit.yaml", code=2)
    return shell


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


COLLECTED = ["error", "steps", "size", "result.state", "deep.n"]


def test_csv(fit: Shell) -> None:
    done = fit("maestro", "results", "-f", "csv", "out")
    rows = rows_of(done.stdout)
    assert list(rows[0]) == ["task", "step", "N", *table.COLUMNS[2:], *COLLECTED]
    assert [[row[c] for c in ("task", "N", "state", *COLLECTED)] for row in rows] == [
        ["fit_N.1", "1", "FINISHED", "0.15", "1", "1", "good", "1"],
        ["fit_N.2", "2", "FAILED", "0.25", "2", "2", "good", "2"],
        ["fit_N.3", "3", "FINISHED", "0.35", "3", "", "", ""],
        ["sum", "", "FINISHED", "", "", "", "", ""],
    ]
    assert done.stderr == (
        "note: $(N).json: No such file or directory (step 'fit', 1 task: fit_N.3)\n"
    )


def test_json_has_types_and_files_tell_the_format(fit: Shell) -> None:
    fit("maestro", "results", "out", "-o", "found it.json", "--step", "fit", "--where", "N < 3")
    rows = json.loads((fit.folder / "found it.json").read_text())
    assert [[row[c] for c in ("N", *COLLECTED)] for row in rows] == [
        [1, 0.15, 1, "1", "good", 1],
        [2, 0.25, 2, "2", "good", 2],
    ]
    study = maestro.open_study(str(fit.folder / "out"))
    found = study.results(steps=["fit"], where="N < 3")
    assert [row["error"] for row in found.rows] == [0.15, 0.25]
    assert (found.collected, found.missing) == (tuple(COLLECTED), ())
    assert found.rows[0]["started"].isoformat() == rows[0]["started"]


def test_parquet(fit: Shell) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    fit("maestro", "results", "out", "-o", "out.parquet")
    frame = pandas.read_parquet(fit.folder / "out.parquet")
    assert [str(frame[c].dtype) for c in ("N", "error", "steps", "size", "deep.n")] == [
        "Int64", "Float64", "Int64", "string", "Int64",
    ]  # fmt: skip
    assert frame["error"].sum() == 0.75
    assert frame["ended"].dt.tz is not None
    pandas.testing.assert_frame_equal(
        frame, maestro.open_study(str(fit.folder / "out")).results().frame()
    )


def test_a_terminal_gets_no_parquet(fit: Shell) -> None:
    pytest.importorskip("pyarrow")
    leader, follower = pty.openpty()
    done = subprocess.run(
        fit.command("maestro", "results", "-f", "parquet", "out"),
        cwd=fit.folder, stdout=follower, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(leader)
    os.close(follower)
    assert done.returncode == 1
    assert "parquet is not for a terminal" in done.stderr


def test_the_table(fit: Shell) -> None:
    lines = fit("maestro", "results", "out", "--step", "fit").stdout.splitlines()
    assert lines[0].split() == ["task", "state", "N", *COLLECTED, "run_seconds"]
    assert lines[4].split()[:8] == ["fit_N.3", "FINISHED", "3", "0.35", "3", "-", "-", "-"]


def test_a_declaration_made_later(fit: Shell) -> None:
    later = STUDY.split("    collect:")[0] + STUDY.split("$(N).json\n")[-1]
    later = later.replace("sum.csv\n", "sum.csv\n    collect: [csv: sum.csv]\n")
    fit.write("later.yaml", later)
    done = fit("maestro", "results", "-f", "csv", "--spec", "later.yaml", "out")
    assert [row["total"] for row in rows_of(done.stdout)] == ["", "", "", "3"]
    assert rows_of(done.stdout)[-1]["result.N"] == "x"
    fit.write("none.yaml", STUDY.split("    collect:")[0])
    done = fit("maestro", "results", "--spec", "none.yaml", "out", code=1)
    assert "none.yaml has no 'collect' in a step of the tasks that are chosen" in done.stderr
    done = fit("maestro", "rerun", "-n", "--spec", "later.yaml", "out")
    assert "Nothing is to be run again" in done.stdout


def test_a_study_that_has_not_run(shell: Shell) -> None:
    shell.write("fit.yaml", STUDY)
    shell("maestro", "run", "-y", "--dry", "-o", "out", "fit.yaml")
    done = shell("maestro", "results", "-f", "csv", "out")
    assert [row["state"] for row in rows_of(done.stdout)] == ["DRYRUN"] * 4
    assert done.stderr == ""
    done = shell("maestro", "results", "-f", "json", "--where", "N > 9", "out")
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["out", "-o", "x.txt"], "x.txt says no format; give -f"),
        (["out", "-o", "no/x.csv"], "no/x.csv cannot be written: No such file"),
        (["out", "--step", "fitt"], "there is no step 'fitt'; did you mean 'fit'?"),
        (["out", "--where", "M > 2"], "'M'"),
        (["out", "--spec", "nowhere.yaml"], "nowhere.yaml"),
        (["out", "-o", "out/status.csv"], "-o out/status.csv would replace what out consists of"),
        (["out", "-f", "csv", "-o", "out/.maestro/study.sqlite"], "would replace"),
        (["out", "-f", "csv", "--spec", "fit.yaml", "-o", "./fit.yaml"], "would replace"),
    ],
)
def test_wrong_words(fit: Shell, arguments: list[str], said: str) -> None:
    assert said in fit("maestro", "results", *arguments, code=1).stderr


def test_a_declared_column_is_always_there(shell: Shell) -> None:
    entry = "- {json: $(N).json, columns: {size: integer, lost: number}}"
    text = STUDY.replace("- json: $(N).json", entry)
    shell.write("fit.yaml", text)
    shell("maestro", "run", "-y", "--dry", "-o", "dry", "fit.yaml")
    rows = rows_of(shell("maestro", "results", "-f", "csv", "dry").stdout)
    assert list(rows[0])[-2:] == ["size", "lost"]
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fit.yaml", code=2)
    done = shell("maestro", "results", "-f", "csv", "out")
    assert [(row["size"], row["lost"]) for row in rows_of(done.stdout)[:3]] == [
        ("1", ""), ("2", ""), ("", ""),
    ]  # fmt: skip
    assert "note: $(N).json: there is no 'lost' (step 'fit', 1 task: fit_N.1)\n" in done.stderr
