"""Our scripts for a scheduler say at least what the peer's say: directives, launcher options."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from maestro.cli.main import main
from tests.compat.conftest import Peer
from tests.compat.strategies import Spec
from tests.compat.test_dry_runs import scripts

EXAMPLES = 60
SENTINELS = {"slurm": "#SBATCH", "lsf": "#BSUB"}
LAUNCHERS = {"slurm": "srun", "lsf": "jsrun"}

COUNT = st.integers(1, 8)
TEXT = st.sampled_from(["one", "two-3", "four_five"])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _given(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None}


@st.composite
def batches(draw: st.DrawFn, kind: str) -> Spec:
    batch = {"type": kind, "host": "h", "bank": draw(TEXT), "queue": draw(TEXT)}
    more = {"reservation": draw(maybe(TEXT))}
    if kind == "slurm":
        more |= {"nodes": draw(maybe(COUNT)), "procs": draw(maybe(COUNT)), "qos": draw(maybe(TEXT))}
    return batch | _given(more)


@st.composite
def steps(draw: st.DrawFn, kind: str, number: int) -> Spec:
    nodes, procs = draw(COUNT), draw(st.integers(8, 32))
    run: Spec = {
        "walltime": draw(st.sampled_from(["01:30:00", "00:00:59", "12:00:00", "00:10"])),
        "gpus": draw(maybe(COUNT)),
        "reservation": draw(maybe(TEXT)),
    }
    if kind == "slurm":
        chosen = draw(st.sampled_from([{"nodes": nodes, "procs": procs}, {"procs": procs}]))
        run |= chosen | {
            "cores per task": draw(maybe(COUNT)),
            "exclusive": draw(maybe(st.booleans())),
            "qos": draw(maybe(TEXT)),
        }
    else:
        run |= {"nodes": nodes, "procs": procs, "rs per node": draw(COUNT)}
        run |= {"tasks per rs": draw(COUNT), "cpus per rs": draw(COUNT)}
        run |= {"bind": draw(st.sampled_from(["rs", "none"])), "bind gpus": draw(maybe(TEXT))}
    part = f"[{draw(st.integers(1, nodes))}n, {draw(st.integers(1, 8))}p]"
    if "nodes" not in run:
        part = f"[{draw(st.integers(1, 8))}p]"
    call = draw(st.sampled_from(["", part, part.replace("n", "").replace("p", "")]))
    if call and "n" not in call and "nodes" not in run:
        call = part
    lines = ["echo $(SIZE)", f"$(LAUNCHER){call} ./run -n $(SIZE)", "x=$(echo $((1+2)))"]
    run["cmd"] = "\n".join(draw(st.permutations(lines)))
    run["restart"] = draw(maybe(st.just("$(LAUNCHER) ./run --again")))
    if draw(st.integers(0, 3)) == 0:  # it runs where the conductor runs
        for key in ("nodes", "procs"):
            run.pop(key, None)
        run["cmd"] = "echo $(SIZE)"
        run.pop("restart")
    return {"name": f"step{number}", "description": "says $(SIZE)", "run": _given(run)}


@st.composite
def scheduled(draw: st.DrawFn, kind: str) -> Spec:
    return {
        "description": {"name": "study", "description": "random"},
        "batch": draw(batches(kind)),
        "study": [draw(steps(kind, i)) for i in range(draw(st.integers(1, 3)))],
        "global.parameters": {"SIZE": {"values": [1, 22], "label": "SIZE.%%"}},
    }


def parts(kind: str, text: str) -> tuple[str, set[str], list[str]]:
    """A script's interpreter, directives, and the lines of its command."""
    shebang, *lines = text.splitlines()
    head = [line for line in lines if line.startswith(SENTINELS[kind])]
    return shebang, set(head), lines[len(head) :]


def says_as_much(kind: str, ours: str, theirs: str) -> bool:
    """Whether a line of a command does what the peer's does: more options of a launcher may stand
    between the launcher and what it runs.
    """
    launcher = LAUNCHERS[kind]
    if not theirs.startswith(launcher):
        return ours == theirs
    options = re.compile(r"-[-\w]+[ =]?(?!\./)[^- ]\S*")
    # The peer leaves the space of the old form, [1, 8], where it stands.
    before, _, after = re.sub(" +", " ", theirs).partition(" ./run")
    mine, _, rest = ours.partition(" ./run")
    return (
        mine.startswith(launcher)
        and set(options.findall(before)) <= set(options.findall(mine))
        and after == rest
    )


@pytest.mark.parametrize("kind", SENTINELS)
def test_random_specifications(peer: Peer, tmp_path_factory: Any, kind: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(spec=scheduled(kind))
    def compare(spec: Spec) -> None:
        folder = tmp_path_factory.mktemp(kind)
        path, here, there = folder / "spec.yaml", folder / "here", folder / "there"
        path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        answer = peer("-d", "5", "run", "--dry", "-fg", "-y", "-o", there, path)
        assert answer.get("code") == 0, answer
        assert main(["-d", "5", "run", "--dry", "-y", "-o", str(here), str(path)]) == 0
        ours, theirs = scripts(here), scripts(there)
        assert ours.keys() == theirs.keys()
        for name, (mode, text) in theirs.items():
            assert ours[name][0] == mode
            shebang, head, body = parts(kind, text)
            our_shebang, our_head, our_body = parts(kind, ours[name][1])
            assert our_shebang == shebang
            assert head <= our_head, name
            assert len(body) == len(our_body)
            pairs = zip(our_body, body, strict=True)
            assert all(says_as_much(kind, mine, other) for mine, other in pairs), (our_body, body)
        shutil.rmtree(folder)

    compare()
