"""A dry run here and a dry run of the peer write the same scripts and mean the same graph."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

import maestro
from maestro.cli.main import main
from tests.compat.conftest import Peer
from tests.compat.strategies import (
    OURS_ALONE,
    PEER_REFUSES,
    Spec,
    file_names,
    specifications,
)

EXAMPLES = 220


def scripts(study: Path) -> dict[str, tuple[str, str]]:
    """Mode and text of every script, by its path in ``study``, whose own path is taken out."""
    return {
        str(path.relative_to(study).with_name(file_names(path.name))): (
            oct(stat.S_IMODE(path.stat().st_mode)),
            path.read_text(encoding="utf-8").replace(str(study), "<study>"),
        )
        for path in study.glob("**/*.sh")
    }


def header(study: Path) -> str:
    return (study / "status.csv").read_text(encoding="utf-8").splitlines()[0]


def compare(peer: Peer, folder: Path, spec: Path, *options: object) -> dict[str, Any] | None:
    """Dry-run ``spec`` in both, and compare what they leave; the peer's answer, unless it refused
    for a known reason.
    """
    here, there = folder / "here", folder / "there"
    answer = peer("-d", "5", "run", "--dry", "-fg", "-y", *options, "-o", there, spec)
    if any(message in answer.get("error", "") for message in PEER_REFUSES.values()):
        return None
    assert answer.get("code") == 0, answer
    command = ["-d", "5", "run", "--dry", "-y", *options, "-o", here, spec]
    assert main([*map(str, command)]) == 0
    assert scripts(here) == scripts(there)
    assert header(here) == header(there)
    assert set(answer["states"].values()) == {"DRYRUN"}
    return answer


# Not shrunk: every example costs two dry runs.
@settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(spec=specifications())
def test_random_specifications(peer: Peer, tmp_path_factory: Any, spec: Spec) -> None:
    for rule in OURS_ALONE:
        assume(not rule(spec))
    folder = tmp_path_factory.mktemp("dry")
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True), encoding="utf-8")
    answer = compare(peer, folder, path)
    assume(answer is not None)
    graph = maestro.expand(maestro.load(str(path)))
    assert set(graph) == answer["states"].keys()
    assert set(graph.edges) == {tuple(edge) for edge in answer["edges"]}
    shutil.rmtree(folder)


GENERATORS = {
    "plain": (
        """
from maestrowf.datastructures.core import ParameterGenerator
def get_custom_generator(env, **kwargs):
    g = ParameterGenerator()
    g.add_parameter("A", [1, 2.5, "x"], "A.%%")
    g.add_parameter("B", ["p", "q", "r"], label=["one", "two", "three"], name="the B")
    return g
""",
        [],
    ),
    "with arguments": (
        """
from maestrowf.datastructures.core import ParameterGenerator
def get_custom_generator(env, **kwargs):
    g = ParameterGenerator()
    top = int(kwargs["TOP"]) + int(env.find("OFFSET").value)
    assert env.find("NOTHING") is None and str(kwargs["OUTPUT_PATH"])
    g.add_parameter("A", list(range(top)))
    g.add_parameter("B", [kwargs["WORD"]] * top, "B.%%")
    return g
""",
        ["--pargs", "TOP: 2", "--pargs", "WORD:a:b"],
    ),
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_generator_files(peer: Peer, tmp_path: Path, kind: str) -> None:
    text, options = GENERATORS[kind]
    (tmp_path / "pgen.py").write_text(text)
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        """
description: {name: generated, description: generated}
env: {variables: {OFFSET: 1}}
study:
- {name: a, description: a, run: {cmd: "echo $(A) $(A.label)"}}
- {name: b, description: b, run: {cmd: "ls $(a.workspace) $(B) $(B.name)", depends: [a]}}
- {name: c, description: c, run: {cmd: "ls $(a.workspace)", depends: [a_*]}}
"""
    )
    assert compare(peer, tmp_path, spec, "-p", tmp_path / "pgen.py", *options)


def test_every_rule_is_a_listed_difference() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "differences.md"
    text = page.read_text(encoding="utf-8")
    names = [rule.__name__ for rule in (*OURS_ALONE, file_names)] + [*PEER_REFUSES]
    assert [name for name in names if not re.search(rf"<!-- {name} -->", text)] == []
