"""Specifications that are spoilt at random end in problems, never in a traceback."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maestro.errors import SpecError
from maestro.spec import check, load
from tests.everything import EVERYTHING
from tests.faults.hostile import ODD, PIECES, TEXTS, places, spoil

odd = st.one_of(
    st.booleans(),
    st.integers(-3, 9),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(TEXTS),
    st.sampled_from(ODD),
)

TREE = yaml.safe_load(EVERYTHING)
PLACES = [path for path in places(TREE) if path]


def survives(folder: Path, text: str) -> None:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    spec, problems = check(path, cwd="/x")
    failed = any(p.severity == "error" for p in problems)
    assert failed == (spec is None), problems
    for problem in problems:
        assert problem.position is not None, problem
        assert problem.message
        assert "\n" not in str(problem)
    if failed:
        with pytest.raises(SpecError):
            load(path, cwd="/x")
    else:
        load(path, cwd="/x")


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tree_with_odd_parts(tmp_path: Path, data: st.DataObject) -> None:
    tree = copy.deepcopy(TREE)
    for _ in range(data.draw(st.integers(1, 3))):
        how = data.draw(st.sampled_from(["new", "new", "key", "twice"]))
        new = data.draw(st.text(max_size=4) if how == "key" else odd)
        spoil(tree, data.draw(st.sampled_from(PLACES)), how, new)
    survives(tmp_path, yaml.safe_dump(tree))


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(EVERYTHING)), st.integers(0, 30), st.sampled_from(PIECES)),
        max_size=4,
    )
)
def test_a_text_with_odd_pieces(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = EVERYTHING
    for at, length, piece in edits:
        text = text[:at] + piece + text[at + length :]
    survives(tmp_path, text)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    assert check(path)[0] is None
