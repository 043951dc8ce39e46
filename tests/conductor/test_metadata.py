"""The files of ``meta`` are YAML that any reader takes, whatever the values are."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from maestro.conductor import metadata
from maestro.conductor.store import StudyInfo
from maestro.conductor.study import Study
from maestro.graph import expand
from maestro.spec.model import Parameter, Specification, Step

scalars = st.one_of(
    st.text(max_size=30), st.integers(), st.booleans(), st.none(),
    st.floats(allow_nan=False),
)  # fmt: skip


@given(key=st.text(max_size=30), value=st.dictionaries(st.text(max_size=5), scalars, max_size=4))
def test_a_line_is_read_back(key: str, value: dict) -> None:
    assert yaml.safe_load(metadata._line(key, value)) == {key: value}


def test_a_key_too_long_for_a_simple_one() -> None:
    key = "x" * 3000
    text = "top:\n" + metadata._line(key, ["a"], "  ")
    assert yaml.safe_load(text) == {"top": {key: ["a"]}}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    spec = Specification(
        "s", "d", (Step("a", "d", "echo $(P)"), Step("b", "d", "true")),
        (Parameter("P", (1, "zwei ☃ 🎉"), ("P.1", "P.2"), "P"),),
    )  # fmt: skip
    info = StudyInfo("s", "d", str(tmp_path), "s.yaml", "/", "/", time.time())
    return Study(str(tmp_path), info, spec, expand(spec, hashws=True))


def test_what_is_written(study: Study, tmp_path: Path) -> None:
    metadata.write(study, study.spec.parameters)
    read = {p.name: yaml.safe_load(p.read_text()) for p in (tmp_path / "meta").iterdir()}
    assert read["parameters.yaml"]["P.2"] == {
        "labels": {"$(P.label)": "P.2"}, "params": {"$(P)": "zwei ☃ 🎉"},
    }  # fmt: skip
    assert read["metadata.yaml"]["used_parameters"] == {"a": ["P"], "b": []}
    assert read["environment.yaml"]["PATH"]
    (workspace,) = [w for w, e in read["workspaces.yaml"].items() if e["label"] == "P.1"]
    assert read["metadata.yaml"]["workspaces"]["a_P.1"] == workspace
    assert yaml.safe_load((tmp_path / "batch.info").read_text()) == {"type": "local"}
