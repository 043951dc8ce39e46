"""Scripts that end in odd ways, in several languages: each has the right record, though nobody
conducts the study while they end.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

import maestro
from maestro.errors import StudyError
from tests.cluster import slurm
from tests.conftest import eventually
from tests.faults import scenes
from tests.faults.conduct import Life

BASH = "until test -e '$(OUTPUT_PATH)/go'; do sleep 0.1; done\n"
CSH = "while (! -e '$(OUTPUT_PATH)/go')\n  sleep 0.1\nend\n"
PYTHON = """\
import os, signal, sys, time
def leave(*_):
    sys.exit(0)
while not os.path.exists("$(OUTPUT_PATH)/go"):
    time.sleep(0.1)
"""

SCRIPTS = {
    "/bin/bash": (BASH, {
        "exec-3": ("exec sh -c 'exit 3'", 3),
        "exec-0": ("exec true", 0),
        "trap": ("trap 'echo bye' EXIT; exit 4", 4),
        "forgiving-trap": ("trap 'exit 0' EXIT; exit 5", 0),
        "trap-and-TERM": ("trap 'echo bye' EXIT; (sleep 0.3; kill -TERM $$) & sleep 3", 143),
        "TERM-to-the-shell": ("(sleep 0.3; kill -TERM $$) & sleep 3", 143),
        "TERM-to-the-group": ("(sleep 0.3; kill -TERM 0) & sleep 3", 143),
        "TERM-heeded": ("trap 'exit 6' TERM; kill -TERM 0; sleep 3", 6),
        "TERM-survived": ("trap '' TERM; kill -TERM 0; exit 0", 0),
        "KILL": ("kill -KILL $$", 137),
    }),
    "/bin/csh": (CSH, {
        "exit": ("exit 4", 4),
        "exec": ("exec sh -c 'exit 3'", 3),
        "TERM-to-the-shell": ("kill -TERM $$\nsleep 3", 143),
        "TERM-to-the-group": ("sh -c 'kill -TERM 0'\nsleep 3", 143),
        "end": ("true", 0),
    }),
    "/usr/bin/env python3": (PYTHON, {
        "exit": ("sys.exit(4)", 4),
        "exec": ("os.execvp('sh', ['sh', '-c', 'exit 3'])", 3),
        "error": ("1 / 0", 1),
        "TERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(3)", 143),
        "TERM-to-the-group": ("os.killpg(0, signal.SIGTERM); time.sleep(3)", 143),
        "TERM-heeded": (
            "signal.signal(signal.SIGTERM, leave); os.kill(os.getpid(), signal.SIGTERM)", 0,
        ),
        "end": ("pass", 0),
    }),
}  # fmt: skip


@pytest.fixture(params=["local", pytest.param("slurm", marks=pytest.mark.slurm)])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> scenes.Scene:
    if request.param == "local":
        return scenes.local(20)
    slurm.running(monkeypatch)
    return scenes.slurm(os.environ["SLURM_CONF"])


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_right_record(shell: str, scene: scenes.Scene, tmp_path: Path) -> None:
    if shutil.which(shell.split()[0]) is None and not os.environ.get("CI"):
        pytest.skip(f"there is no {shell}")
    wait, cases = SCRIPTS[shell]
    steps = [
        {"name": name, "description": name, "run": {"cmd": f"{wait}{command}\n", "procs": 1}}
        for name, (command, _) in cases.items()
    ]
    spec = {
        "description": {"name": "study", "description": "odd ends"},
        "batch": {**scene.batch, "shell": shell},
        "study": steps,
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    words = ["maestro", "run", "-y", "-fg", "-s", "0", "-o", "out", "study.yaml"]
    life = Life(tmp_path, scene.environment, words)
    out = tmp_path / "out"
    eventually(lambda: run(out) == set(cases), 60)
    assert life.kill(conductor=True, shim=False)
    (out / "go").touch()
    assert Life(tmp_path, scene.environment, ["conductor", "out"]).end(60) == 2
    tasks = {task.name: task for task in maestro.open_study(str(out)).tasks()}
    for name, (_, code) in cases.items():
        task = tasks[name]
        expected = ("FAILED", code) if code else ("FINISHED", 0)
        assert (task.state, task.exit_code or 0) == expected, name


def run(out: Path) -> set[str]:
    """The tasks that are known to run."""
    try:
        states = maestro.open_study(str(out)).states()
    except StudyError:
        return set()
    return {task for task, state in states.items() if state == "RUNNING"}
