"""``maestro status`` with a choice of tasks, as a summary, and for other programs."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Shell

STUDY = """
    description: {name: grid, description: some fail}
    study:
    - name: make it
      description: d
      run: {cmd: "true"}
    - name: sim
      description: d
      run: {cmd: 'exit $(N) # $(state)', depends: [make it]}
    - name: post
      description: d
      run: {cmd: "true", depends: [sim]}
    global.parameters:
      N: {values: [0, 3, 0], label: [N.0, N.3, N.00]}
      state: {values: ["a,b", "x\\ty", "c"], label: [p, q, r]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ended study in ``out``."""
    shell = Shell(tmp_path_factory.mktemp("status"))
    shell.write("grid.yaml", STUDY)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "grid.yaml", code=2)
    return shell.folder


@pytest.fixture
def study(made: Path) -> Shell:
    return Shell(made)


@pytest.fixture
def storeless(study: Shell, tmp_path: Path) -> Shell:
    """A shell with a study in ``out`` of which only ``status.csv`` can be read."""
    shell = Shell(tmp_path)
    shutil.copytree(study.folder / "out", shell.folder / "out")
    shutil.rmtree(shell.folder / "out" / ".maestro")
    return shell


def valid(text: str) -> dict[str, Any]:
    """The document ``text``, which holds to the schema that is shipped."""
    schema = importlib.resources.files("maestro_schemas").joinpath("status.schema.json")
    document: dict[str, Any] = json.loads(text)
    Draft202012Validator(json.loads(schema.read_text())).validate(document)
    return document


def names(study: Shell, *options: str) -> set[str]:
    """The tasks that these options choose."""
    document = valid(study("maestro", "status", "-f", "json", *options, "out").stdout)
    return {task["task"] for task in document["studies"][0]["tasks"]}


def table(study: Shell, *options: str) -> list[dict[str, str]]:
    text = study("maestro", "status", "-f", "csv", *options, "out").stdout
    return list(csv.DictReader(io.StringIO(text)))


SIMS = {"sim_N.0.p", "sim_N.3.q", "sim_N.00.r"}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--step", "sim"], SIMS),
        (["--step", "sim", "--step", "make it"], {*SIMS, "make it"}),
        (["--where", "N == 3"], {"sim_N.3.q", "post_N.3.q"}),
        (["--where", "N == 0", "--step", "sim"], SIMS - {"sim_N.3.q"}),
        (["--state", "failed"], {"sim_N.3.q"}),
        (["--state", "FAILED,Incomplete"], {"sim_N.3.q", "post_N.3.q"}),
        (["--state", "failed", "--state", "incomplete", "--step", "post"], {"post_N.3.q"}),
        (["--state", "running"], set()),
    ],
)
def test_a_choice(study: Shell, options: list[str], chosen: set[str]) -> None:
    assert names(study, *options) == chosen
    text = study("maestro", "status", "--no-header", *options, "out").stdout
    assert len(text.splitlines()) == len(chosen)
    closing = study("maestro", "status", "--summary", *options, "out").stdout
    assert f"{len(chosen)} of 7 tasks" in closing


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--step", "sin"], "grid has no step 'sin'; did you mean 'sim'?"),
        (["--state", "fialed"], "there is no state 'fialed'; did you mean 'FAILED'?"),
        (["--state", "failed,"], "there is no state ''"),
        (["--state", "submitting"], "PENDING, RUNNING"),
        (["--where", "M == 3"], "there is no parameter 'M'"),
        (["--where", "N = 3"], "equality is =="),
        (["--summary", "--layout", "flat"], "leave out --layout"),
        (["--format", "json", "--layout", "narrow"], "leave out --layout"),
        (["--format", "json", "--no-header"], "leave out --no-header"),
        (["--layout", "narrow", "--no-header"], "leave out --no-header"),
        (["--summary", "--no-header"], "use --format csv"),
        (["--format", "xml"], "'xml' is none of text, json, csv"),
    ],
)
def test_what_makes_no_sense(study: Shell, options: list[str], said: str) -> None:
    done = study("maestro", "status", *options, "out", code=1)
    assert said in done.stderr
    assert done.stdout == ""


def test_a_misspelt_state_is_told_all(study: Shell) -> None:
    done = study("maestro", "status", "--state", "x", "out", code=1)
    assert "INITIALIZED, PENDING, RUNNING, UNKNOWN, FINISHED" in done.stderr
    assert "SUBMITTING" not in done.stderr


def test_the_summary(study: Shell) -> None:
    lines = study("maestro", "status", "--summary", "out").stdout.splitlines()
    assert lines[1:6] == [
        "Step     Tasks  Done  ✓ FINISHED  ✗ FAILED  – INCOMPLETE",
        "make it      1  100%           1         0             0",
        "sim          3   66%           2         1             0",
        "post         3   66%           2         0             1",
        "7 tasks: ✓ 5 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE",
    ]


def test_one_document_for_several_studies(study: Shell) -> None:
    done = study("maestro", "status", "-f", "json", "out", "nowhere", "out", code=1)
    assert "nowhere does not exist" in done.stderr
    document = valid(done.stdout)
    assert [len(one["tasks"]) for one in document["studies"]] == [7, 7]
    one = document["studies"][0]
    assert one["outcome"] == "FAILURE"
    assert one["states"] == {"FINISHED": 5, "FAILED": 1, "INCOMPLETE": 1}
    (bad,) = (task for task in one["tasks"] if task["state"] == "FAILED")
    assert bad["parameters"] == {"N": 3, "state": "x\ty"}
    assert bad["exit_code"] == 3
    assert bad["run_seconds"] >= 0
    summary = valid(study("maestro", "status", "-f", "json", "--summary", "out").stdout)
    assert summary["studies"] == [{key: one[key] for key in one if key != "tasks"}]
    assert valid(study("maestro", "status", "-f", "json", "nowhere", code=1).stdout) == {
        "studies": []
    }


def test_csv_has_a_column_for_each_parameter(study: Shell) -> None:
    rows = table(study)
    assert list(rows[0])[:6] == ["directory", "task", "step", "N", "parameter.state", "state"]
    by_name = {row["task"]: row for row in rows}
    assert by_name["sim_N.0.p"]["parameter.state"] == "a,b"
    assert by_name["make it"]["N"] == ""
    assert list(table(study, "--state", "running")) == []
    bare = study("maestro", "status", "-f", "csv", "--no-header", "--step", "sim", "out").stdout
    assert len(bare.splitlines()) == 3
    steps = table(study, "--summary")
    assert [row["tasks"] for row in steps] == ["1", "3", "3"]
    assert steps[1]["FINISHED"] == "2"
    assert steps[1]["RUNNING"] == "0"


def test_pandas_reads_it(study: Shell) -> None:
    pandas = pytest.importorskip("pandas")
    text = study("maestro", "status", "-f", "csv", "out").stdout
    frame = pandas.read_csv(io.StringIO(text), parse_dates=["submitted", "started", "ended"])
    assert frame["run_seconds"].dtype == float
    assert str(frame["ended"].dtype).startswith("datetime64")


def test_without_a_store(storeless: Shell) -> None:
    assert names(storeless, "--step", "make it", "--state", "finished") == {"make it"}
    document = valid(storeless("maestro", "status", "-f", "json", "out").stdout)
    one = document["studies"][0]
    assert one["source"] == "status.csv"
    assert one["why_not_store"] == "there is no .maestro/study.sqlite here"
    assert one["states"] == {"FINISHED": 5, "FAILED": 1, "INCOMPLETE": 1}
    assert one["tasks"][0]["parameters"] is None
    done = storeless("maestro", "status", "-f", "csv", "out")
    assert "is missing (parameters, attempts, exit codes): there is no" in done.stderr
    assert len(done.stdout.splitlines()) == 8
    summary = storeless("maestro", "status", "--summary", "out").stdout
    assert "sim          3   66%" in summary
    assert "From status.csv, as it was last written: there is no" in summary
    done = storeless("maestro", "status", "--where", "N == 3", "out", code=1)
    assert "--where needs the values of parameters" in done.stderr
    assert "did you mean 'sim'" in storeless(
        "maestro", "status", "--step", "sin", "out", code=1
    ).stderr


def test_control_characters_are_shown(study: Shell) -> None:
    for options in ([], ["--layout", "narrow"], ["--layout", "legacy"]):
        text = study("maestro", "status", *options, "--step", "sim", "out").stdout
        assert "x\\ty" in text
        assert "x\ty" not in text
