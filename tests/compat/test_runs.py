"""Studies that are really run, here and in the peer: same states, same output, same exit status."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

import maestro
from maestro.cli.main import main
from tests.compat.conftest import Peer
from tests.compat.strategies import OURS_ALONE, PEER_REFUSES, Spec, file_names, specifications


def outputs(study: Path) -> dict[str, str]:
    """What each task printed, by the path of its output file without the process id."""
    found = {}
    for path in study.glob("**/*.out"):
        name = file_names(re.sub(r"\.\d+\.out$", "", path.name))
        text = path.read_text().replace(str(study), "<study>")
        found[f"{path.parent.relative_to(study)}/{name}"] = text
    return found


def compare(peer: Peer, folder: Path, spec: Path, *options: str) -> dict[str, str]:
    """Run ``spec`` in both, and compare what became of it; our states."""
    here, there = folder / "here", folder / "there"
    common = ["-d", "5", "run", "-fg", "-y", "-s", "0", *options]
    answer = peer(*common, "-o", there, spec)
    if any(message in answer.get("error", "") for message in PEER_REFUSES.values()):
        return {}
    assert main([*common, "-o", str(here), str(spec)]) == answer["code"], answer
    states = maestro.open_study(str(here)).states()
    # Difference: what never ran because a parent failed is FAILED in the peer.
    assert {t: s.replace("INCOMPLETE", "FAILED") for t, s in states.items()} == answer["states"]
    assert outputs(here) == outputs(there)
    return states


STUDIES = {
    "a chain": (["echo 1 | tee a", "cat $(s0.workspace)/a", "cat $(s0.workspace)/a; pwd"], {}),
    "a failure": (["exit 3", "echo never", "echo never"], {"s0": "FAILED", "s2": "INCOMPLETE"}),
    "a late failure": (["true", "false", "true"], {"s1": "FAILED", "s2": "INCOMPLETE"}),
    "parameters": (["echo $(P) > x", "cat $(s0.workspace)/x; echo $(Q)", "echo $(P.label)"], {}),
    "a partial failure": (
        ["test $(P) != 2", "echo $(P)", "echo $(Q)"],
        {"s0_P.1": "FINISHED", "s0_P.2": "FAILED", "s1_P.2": "INCOMPLETE"},
    ),
    "standard error": (["echo wrong >&2; echo right", "true", "true"], {}),
}


@pytest.mark.parametrize("kind", STUDIES)
def test_chosen_studies(peer: Peer, tmp_path: Path, kind: str) -> None:
    commands, expected = STUDIES[kind]
    steps = [
        {"name": f"s{i}", "description": "d", "run": {"cmd": cmd} | _after(i)}
        for i, cmd in enumerate(commands)
    ]
    spec = {
        "description": {"name": "chosen", "description": kind},
        "study": steps,
        "global.parameters": {
            "P": {"values": [1, 2, 2], "label": "P.%%"},
            "Q": {"values": ["a", "b", "c"], "label": "Q.%%"},
        },
    }
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    states = compare(peer, tmp_path, path)
    assert expected.items() <= states.items()


def _after(i: int) -> dict[str, list[str]]:
    return {"depends": [f"s{i - 1}"]} if i else {}


@settings(max_examples=12, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(spec=specifications(runnable=True))
def test_random_studies(peer: Peer, tmp_path_factory: Any, spec: Spec) -> None:
    for rule in OURS_ALONE:
        assume(not rule(spec))
    folder = tmp_path_factory.mktemp("run")
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    compare(peer, folder, path)
    shutil.rmtree(folder)
