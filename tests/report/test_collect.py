"""What is read from what tasks leave behind: files, types, and what is said when it fails."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro.graph import Task
from maestro.report.collect import Unreadable, collected, unified
from maestro.report.outputs import newest
from maestro.spec.model import Collect, Combination, Parameter, Step

SIZE = Parameter("SIZE", (8, 16), ("S.8", "S.16"), "SIZE")
TASK = Task(Step("sim", "", ""), Combination((SIZE,), 0), "sim/S.8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / TASK.workspace
    folder.mkdir(parents=True)
    return folder


def take(folder: Path, entry: Collect) -> dict:
    found, wrong = collected(entry, TASK, "sim_S.8", str(folder.parents[1]))
    assert wrong == []
    return found


def refused(folder: Path, entry: Collect) -> str:
    with pytest.raises(Unreadable) as error:
        take(folder, entry)
    return str(error.value)


def test_json(folder: Path) -> None:
    (folder / "r 8.json").write_text(
        '\ufeff{"error": 1e-3, "ok": true, "n": null, "solver": {"its": 3, "res": [1, 2]}}'
    )
    assert take(folder, Collect("json", "r $(SIZE).json")) == {
        "error": 0.001, "ok": True, "n": None, "solver.its": 3, "solver.res": "[1, 2]",
    }  # fmt: skip
    columns = (("solver.its", "number"), ("error", "string"))
    found = take(folder, Collect("json", "r $(SIZE).json", columns=columns))
    assert found == {"solver.its": 3.0, "error": "0.001"}
    assert type(found["solver.its"]) is float


def test_the_last_line_of_a_csv_file(folder: Path) -> None:
    (folder / "h.csv").write_text('time, norm,note\r\n0.1,1,"a, b"\r\n0.2,2.5,\r\n\r\n')
    assert take(folder, Collect("csv", "h.csv")) == {"time": "0.2", "norm": "2.5", "note": None}


@pytest.mark.parametrize("text", ["a;b\n1,5;2\n", "a\tb\n1,5\t2\n", 'a,b,\n"1,5",2,\n'])
def test_what_separates_columns_is_seen(folder: Path, text: str) -> None:
    (folder / "h.csv").write_text(text)
    assert take(folder, Collect("csv", "h.csv")) == {"a": "1,5", "b": "2"}


def test_the_last_match_in_a_file_or_the_output(folder: Path) -> None:
    (folder / "log").write_bytes(b"\xff error = 1\nerror = 2 after 3s\nend\n")
    (folder / "sim_S.8.10.out").write_text("error = 7\n")
    (folder / "sim_S.8.9.out").write_text("error = 8\n")
    (folder / "sim_S.80.out").write_text("error = 9\n")
    os.utime(folder / "sim_S.8.10.out", (1, 1))
    pattern = r"error = (?P<error>\S+)( after (?P<seconds>\d+)s)?"
    assert take(folder, Collect("match", "log", pattern)) == {"error": "2", "seconds": "3"}
    assert take(folder, Collect("match", "", pattern)) == {"error": "8", "seconds": None}
    assert newest(str(folder), "sim_S.8", ".err") is None
    assert newest(str(folder / "none"), "sim_S.8", ".out") is None


@pytest.mark.parametrize(
    ("entry", "text", "said"),
    [
        (Collect("json", "f"), None, "f: No such file or directory"),
        (Collect("json", "f"), "[1]", "f: there is no JSON object"),
        (Collect("json", "f"), '{"a": ', "f: this is not JSON: Expecting value: line 1 column 7"),
        (Collect("json", "f"), '{"a":' * 100_000, "f: this is not JSON: "),
        (Collect("csv", "f"), "", "f: there is no line below the one of column names"),
        (Collect("csv", "f"), "a,b\n1\n", "f: the last line has 1 columns, and 2 have a name"),
        (Collect("csv", "f"), "a,b,a\n1,2,3\n", "f: two columns are called 'a'"),
        (Collect("match", "f", "(?P<a>x)"), "y", "f: 'match' is found nowhere in it"),
        (Collect("match", "", "(?P<a>x)"), "y", "there is no output"),
    ],
)
def test_what_cannot_be_read(folder: Path, entry: Collect, text: str | None, said: str) -> None:
    if text is not None:
        (folder / "f").write_text(text)
    assert refused(folder, entry).startswith(said)


def test_what_is_not_of_its_type_leaves_the_others(folder: Path) -> None:
    (folder / "f").write_text('{"a": 1.5, "b": "maybe", "c": "007", "d": true}')
    columns = (
        ("a", "integer"), ("b", "boolean"), ("c", "integer"), ("d", "number"), ("e", "number"),
        ("a", "number"),
    )  # fmt: skip
    found, wrong = collected(
        Collect("json", "f", columns=columns), TASK, "sim_S.8", str(folder.parents[1])
    )
    assert found == {"c": 7, "a": 1.5}
    assert wrong == [
        "f: 'a' is no integer: 1.5",
        "f: 'b' is no boolean: maybe",
        "f: 'd' is no number: True",
        "f: there is no 'e'",
    ]


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "f")
    assert refused(folder, Collect("json", "f")) == "f: is no regular file"


def spelled(folder: Path, *texts: str) -> list[object]:
    """What a file without types gives for each of ``texts``."""
    found = []
    for text in texts:
        (folder / "s").write_text(f"{text}\n")
        found.append(take(folder, Collect("match", "s", "(?P<x>.*)"))["x"])
    return found


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-20"], [1, -20]),
        (["1", "2.5", "1.5D-3", ".5"], [1.0, 2.5, 0.0015, 0.5]),
        (["true", "False"], [True, False]),
        (["1", "true"], ["1", "true"]),
        (["007", "8"], ["007", "8"]),
        (["1_000", "1"], ["1_000", "1"]),
        (["-inf", "1"], [-math.inf, 1.0]),
    ],
)
def test_texts_are_what_all_of_them_spell(folder: Path, texts: list, values: list) -> None:
    found = unified([*spelled(folder, *texts), None])
    assert found == [*values, None]
    assert [type(value) for value in found[:-1]] == [type(value) for value in values]


def test_values_with_types_keep_them(folder: Path) -> None:
    assert unified(["1", "2", None]) == ["1", "2", None]
    assert unified([1, 2.5]) == [1.0, 2.5]
    assert unified([True, 1]) == ["True", "1"]
    assert unified([*spelled(folder, "1"), 2.5]) == [1.0, 2.5]
    assert unified([*spelled(folder, "1"), "a"]) == ["1", "a"]


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_a_column_has_one_type(values: list) -> None:
    found = unified(values)
    assert len({type(value) for value in found if value is not None}) <= 1
    assert [value is None for value in found] == [value is None for value in values]
