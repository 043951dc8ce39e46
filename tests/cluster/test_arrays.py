"""Job arrays on the real Slurm: every member is a task of its own."""

from __future__ import annotations

import re

import pytest

from tests.cluster.conftest import Cluster
from tests.conftest import eventually

pytestmark = pytest.mark.slurm


def test_two_hundred(cluster: Cluster) -> None:
    cluster.shadow("sbatch", lambda real: f'echo >> "${{0%/*}}/sent"\nexec {real} "$@"')
    cluster.write(
        {"name": "sim", "cmd": "echo $(N) $SLURM_ARRAY_TASK_ID; test $(N) != 150", "procs": 1},
        values=list(range(200)),
        arrays=True,
    )
    cluster.run(code=2)
    tasks = cluster.study().tasks()
    assert {t.name for t in tasks if t.state == "FAILED"} == {"sim_N.150"}
    assert cluster.study().counts()["FINISHED"] == 199
    assert len({t.job for t in tasks}) == 200
    assert all(re.fullmatch(r"\d+_\d+", t.job) for t in tasks)
    assert len({t.job.partition("_")[0] for t in tasks}) == 1
    sent = (cluster.shell.folder / "shadows" / "sent").read_text()
    assert sent == "\n"
    for task in tasks:
        folder = cluster.out / task.workspace
        index = task.job.partition("_")[2]
        assert (folder / f"{task.name}.out").read_text().split() == [task.name[6:], index]
        assert (folder / f"{task.name}.slurm.sh").exists()


def test_one_member_is_cancelled_and_one_restarted(cluster: Cluster) -> None:
    cluster.write(
        {
            "name": "sim", "cmd": "echo begin; while ! test -e go$(N); do sleep 0.1; done",
            "restart": "echo again", "procs": 1,
        },
        values=[1, 2, 3],
        arrays=True,
    )  # fmt: skip
    cluster.launch()
    names = [f"sim_N.{n}" for n in (1, 2, 3)]
    cluster.waits_for("RUNNING", *names)
    jobs = {name: cluster.task(name).job for name in names}
    cluster.slurm("scancel", jobs["sim_N.1"])
    cluster.waits_for("CANCELLED", "sim_N.1")
    # Slurm lets one member's end be moved, by the number that it has as a job of its own.
    raw = cluster.slurm("squeue", "-h", "-r", "-j", jobs["sim_N.2"], "-o", "%A").strip()
    cluster.slurm.time_out(raw)
    eventually(lambda: cluster.task("sim_N.2").restarts == 1, 60)
    (cluster.out / "sim" / "N.3" / "go3").touch()
    assert cluster.ends() == "CANCELLED"
    assert cluster.states() == {
        "sim_N.1": "CANCELLED", "sim_N.2": "FINISHED", "sim_N.3": "FINISHED",
    }  # fmt: skip
    assert (cluster.out / "sim" / "N.2" / "sim_N.2.out").read_text() == "begin\nagain\n"


def test_the_throttle_reaches_an_array_that_waits(cluster: Cluster) -> None:
    cluster.write(
        {"name": "sim", "cmd": "while ! test -e '$(OUTPUT_PATH)/go'; do : $(N); sleep 0.1; done",
         "procs": 1},
        values=list(range(6)),
        arrays=True,
    )  # fmt: skip
    cluster.launch("-t", "6")
    eventually(lambda: cluster.study().counts()["RUNNING"] == 6)
    array = cluster.task("sim_N.0").job.partition("_")[0]
    shown = cluster.slurm("scontrol", "show", "job", array)
    assert "ArrayTaskThrottle=6" in shown
    cluster.shell("maestro", "update", "--throttle", "2", "out")
    eventually(lambda: "ArrayTaskThrottle=2" in cluster.slurm("scontrol", "show", "job", array))
    (cluster.out / "go").touch()
    assert cluster.ends() == "FINISHED"


def test_cancelling_an_array(cluster: Cluster) -> None:
    """Some members run, and some wait."""
    cluster.write(
        {"name": "sim", "cmd": "sleep 10$(N)", "procs": 4, "nodes": 1},
        values=list(range(10)),
        arrays=True,
    )
    cluster.launch()
    eventually(lambda: cluster.study().counts()["RUNNING"] == 4)
    cluster.shell("maestro", "cancel", "-y", "out")
    assert set(cluster.states().values()) == {"CANCELLED"}
    eventually(lambda: not cluster.jobs())


def test_an_array_whose_answer_is_lost(cluster: Cluster) -> None:
    lost = cluster.lose_answers()
    cluster.write(
        {"name": "sim", "cmd": "echo run >> runs; sleep 3; : $(N)", "procs": 1},
        values=list(range(5)),
        arrays=True,
    )
    cluster.run()
    assert set(cluster.states().values()) == {"FINISHED"}
    assert lost.read_text().split() == [cluster.task("sim_N.0").job.partition("_")[0]]
    for runs in cluster.out.glob("sim/*/runs"):
        assert runs.read_text() == "run\n"


def test_arrays_are_no_larger_than_the_scheduler_takes(cluster: Cluster) -> None:
    """Those that follow a refused one are sent all the same."""
    cluster.shadow("scontrol", lambda real: (
        f'[ "$2" = config ] || exec {real} "$@"\n'
        f'{real} "$@" | sed "s/^MaxArraySize.*/MaxArraySize = 4/"'
    ))  # fmt: skip
    cluster.shadow("sbatch", lambda real: (
        'if mkdir "${0%/*}/refused" 2> /dev/null; then\n'
        'echo "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying" >&2\n'
        f'exit 1\nfi\nexec {real} "$@"'
    ))  # fmt: skip
    cluster.write(
        {"name": "sim", "cmd": "echo run >> runs; : $(N)", "procs": 1},
        values=list(range(10)),
        arrays=True,
    )
    cluster.run()
    arrays = [task.job.partition("_")[0] for task in cluster.study().tasks()]
    assert max(arrays.count(array) for array in arrays) == 4
    for runs in cluster.out.glob("sim/*/runs"):
        assert runs.read_text() == "run\n"


def test_a_killed_conductor(cluster: Cluster) -> None:
    cluster.write(
        {"name": "sim", "cmd": "echo run >> runs; sleep 4; exit $(N)", "procs": 1},
        values=[0, 1, 2],
        arrays=True,
    )
    words = ("run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
    process = cluster.shell.start("maestro", *words)
    eventually(lambda: len(list(cluster.out.glob("sim/*/runs"))) == 3)
    process.kill()
    process.communicate()
    cluster.shell("conductor", "-s", "1", "out", code=2)
    assert cluster.states() == {
        "sim_N.0": "FINISHED", "sim_N.1": "FAILED", "sim_N.2": "FAILED",
    }  # fmt: skip
    for runs in cluster.out.glob("sim/*/runs"):
        assert runs.read_text() == "run\n"
