"""Scripts for this machine, half of an answer, and warnings of what a scheduler cannot honour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maestro.adapters.codec import Answer, LocalCodec, Scheduler
from maestro.adapters.registry import codec_for
from maestro.adapters.unheeded import unheeded
from maestro.graph.render import Rendered
from maestro.spec import check
from maestro.spec.model import Batch, Resources


@pytest.mark.parametrize(
    ("launcher", "command", "expected"),
    [
        (None, "$(LAUNCHER) sim", "$(LAUNCHER) sim"),
        ("mpiexec -n {procs}", "$(LAUNCHER) sim", "mpiexec -n 4 sim"),
        ("run -N {nodes} -n {procs}", "$(LAUNCHER)[1n, 2p] sim", "run -N 1 -n 2 sim"),
        ("mpiexec -n {procs}", "echo {procs}", "echo {procs}"),
    ],
)
def test_a_script(launcher: str | None, command: str, expected: str) -> None:
    settings = {} if launcher is None else {"launcher": launcher}
    codec = LocalCodec(Batch(type="local", shell="/bin/sh", settings=settings))
    task = Rendered("sim", "sim", "simulates", command, "", Resources(nodes=2, procs=4))
    assert codec.script(task, command) == f"#!/bin/sh\n\n{expected}\n"


@pytest.mark.parametrize(
    ("kind", "text", "job"),
    [
        ("slurm", "1234;cluster\n", "1234"),
        ("slurm", "a note\n1234\n", "1234"),
        ("lsf", "Job <1234> is submitted to queue <normal>.\n", "1234"),
        ("flux", "ƒX1234\n", "fX1234"),
    ],
)
def test_half_an_id_is_no_id(kind: str, text: str, job: str) -> None:
    """A command that is killed while it prints may have submitted the job."""
    codec = codec_for(Batch(type=kind, settings={"host": "h", "bank": "b", "queue": "q"}))
    assert isinstance(codec, Scheduler)
    assert codec.accepted(Answer(0, text, ""), crowded=False) == job
    for end in range(len(text)):
        assert codec.accepted(Answer(0, text[:end], ""), crowded=False) in (None, job)


def test_half_a_line_of_a_history_is_left_out() -> None:
    """Its last field, the end of the job, would lie in another century."""
    codec = codec_for(Batch(type="slurm"))
    assert isinstance(codec, Scheduler)
    text = "7|COMPLETED|0:0|1700000000|1700000001\n8|FAILED|1:0|1700000000|1700000002\n"
    for end in range(len(text)):
        seen = codec.recalled(Answer(0, text[:end], ""))
        assert [sighting.job for sighting in seen] == ["7"] * (end > text.index("\n"))


HOSTILE = ("$(touch ran)", "`touch ran`", "x\ntouch ran", '"; touch ran; "', "$[a[$(touch ran)]]")


@pytest.mark.parametrize("kind", ["slurm", "lsf", "flux"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_script_runs_its_command_and_nothing_else(tmp_path: Path, kind: str, text: str) -> None:
    """Whatever stands in its head, and in the options of its launcher."""
    names = ("host", "bank", "queue", "nodes", "procs", "gpus", "reservation", "qos")
    options = ((text, 1), ("y", text), ("export", text))
    own = Resources(
        procs=1, reservation=text, qos=text, bind=text, bind_gpus=text,
        allocation_args=options, launcher_args=options,
    )  # fmt: skip
    for resources in (own, Resources(procs=1)):
        codec = codec_for(Batch(kind, "/bin/bash", dict.fromkeys(names, text)))
        written = codec.script(Rendered(text, "sim", text, "", "", resources), "$(LAUNCHER) true")
        done = subprocess.run(
            ["bash"], input=written, text=True, cwd=tmp_path, env=launchers(tmp_path),
            capture_output=True,
        )  # fmt: skip
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1  # the launcher's arguments
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["slurm", "lsf", "flux"])
def test_the_shell_puts_its_variables_into_launchers(tmp_path: Path, kind: str) -> None:
    options = (("export", 'A=$WHO ${WHO} $(WHO) $5 \\ " `WHO`'),)
    task = Rendered("sim", "sim", "d", "", "", Resources(procs=1, launcher_args=options))
    written = codec_for(Batch(kind)).script(task, "$(LAUNCHER) true")
    environment = launchers(tmp_path) | {"WHO": "me"}
    done = subprocess.run(["bash"], input=written, text=True, env=environment, capture_output=True)
    assert '--export=A=me me $(WHO) $5 \\ " `WHO`' in eval(done.stdout)


def launchers(folder: Path) -> dict[str, str]:
    """An environment with launchers that print their arguments."""
    for name in ("srun", "jsrun", "flux"):
        (folder / name).write_text(f"#!{sys.executable}\nimport sys; print(sys.argv[1:])\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("priority: high", "'priority' in step 'sim' is 'high', and Slurm lets nobody raise it"),
        ("allocation_args: {x: {b: 1}}", "'allocation_args' in step 'sim' holds the group 'x'"),
        ("nested: true", "'nested' in step 'sim' means nothing to type 'slurm'"),
        ("allocation_args: {wait: true}", "'wait', which Maestro sees to itself: it is ignored"),
        ("exclusive: {launcher: true}", ""),
        ("priority: low", ""),
    ],
)
def test_what_a_scheduler_cannot_honour_is_named(tmp_path: Path, run: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "description: {name: n, description: d}\n"
        "batch: {type: slurm, host: h, bank: b, queue: q, args: {x: 1}, "
        "launcher_args: {m: {n: 1}}}\n"
        f"study:\n- name: sim\n  description: d\n  run:\n    cmd: x\n    procs: 1\n    {run}\n"
    )
    spec, _ = check(str(path))
    assert spec is not None
    of_batch, of_steps = [], []
    for problem in unheeded(spec):
        (of_batch if "in 'batch'" in str(problem) else of_steps).append(str(problem))
    assert len(of_batch) == 2
    assert "'args' in 'batch' means nothing to type 'slurm', and is ignored" in of_batch[0]
    assert "'launcher_args' in 'batch' holds the group 'm', which is ignored" in of_batch[1]
    assert len(of_steps) == bool(said)
    assert not said or said in of_steps[0]
