"""Studies on the real Slurm: how they end, whatever happens to their jobs."""

from __future__ import annotations

import re
import signal
import time

import pytest

from tests.cluster.conftest import Cluster
from tests.conftest import eventually

pytestmark = pytest.mark.slurm


def test_jobs_and_local_steps_to_the_end(cluster: Cluster) -> None:
    """A failure takes only what waits for it along; srun starts two processes."""
    cluster.write(
        {"name": "make", "cmd": "echo made; pwd"},
        {
            "name": "sim",
            "cmd": "$(LAUNCHER) echo two\n$(LAUNCHER)[1p] echo one\nexit $(N)",
            "nodes": 1, "procs": 2, "cores per task": 1, "walltime": "00:10:00",
            "depends": ["make"],
        },
        {"name": "good", "cmd": "cat '$(sim.workspace)'/*.out", "depends": ["sim"]},
        {"name": "all", "cmd": "true", "depends": ["sim_*"]},
        values=[0, 7],
    )  # fmt: skip
    text = cluster.run(code=2)
    assert "sim_N.7 FAILED: exit code 7" in text
    assert cluster.states() == {
        "make": "FINISHED", "sim_N.0": "FINISHED", "sim_N.7": "FAILED", "good_N.0": "FINISHED",
        "good_N.7": "INCOMPLETE", "all": "INCOMPLETE",
    }  # fmt: skip
    output = cluster.out / "sim" / "N.0" / "sim_N.0.out"
    assert output.read_text() == "two\ntwo\none\n"
    assert cluster.shell.output("out", "good_N.0") == output.read_text()
    done = cluster.task("sim_N.7")
    assert done.exit_code == 7
    assert done.seconds is not None
    assert abs(done.ended - time.time()) < 60
    shown = cluster.slurm("squeue", "-h", "-t", "all", "-j", done.job, "-o", "%j|%k")
    name, _, comment = shown.strip().partition("|")
    assert name == "sim_N.7"
    assert re.fullmatch(r"maestro:[0-9a-f]{12}:\d+\.1", comment)


def test_a_time_limit_is_followed_by_a_restart(cluster: Cluster) -> None:
    cluster.write({
        "name": "sim", "cmd": "echo begin; sleep 60", "restart": "echo again; cat state",
        "procs": 1, "walltime": "00:05:00",
    })  # fmt: skip
    cluster.launch()
    cluster.waits_for("RUNNING", "sim")
    first = cluster.task("sim").job
    (cluster.out / "sim" / "state").write_text("saved\n")
    cluster.slurm.time_out(first)
    assert cluster.ends(90) == "FINISHED"
    task = cluster.task("sim")
    assert (task.restarts, task.number) == (1, 2)
    assert task.job != first
    events = [event for event in cluster.history("sim") if event[1] != "ACCEPT"]
    assert events == [
        (1, "SUBMIT"), (1, "START"), (1, "TIME_OUT"), (1, "RETRY"), (2, "SUBMIT"), (2, "START"),
        (2, "FINISH"),
    ]  # fmt: skip
    # What the first attempt printed is not lost.
    assert (cluster.out / "sim" / "sim.out").read_text() == "begin\nagain\nsaved\n"


@pytest.mark.long
def test_restarts_are_bounded(cluster: Cluster) -> None:
    cluster.write(
        {"name": "sim", "cmd": "sleep 60", "restart": "sleep 60", "procs": 1},
        {"name": "after", "cmd": "true", "depends": ["sim"]},
    )
    cluster.launch("--rlimit", "1")
    for number in (1, 2):
        eventually(lambda n=number: (cluster.task("sim").number, cluster.task("sim").state)
                   == (n, "RUNNING"), 45)  # fmt: skip
        cluster.slurm.time_out(cluster.task("sim").job)
    assert cluster.ends(90) == "FAILURE"
    assert cluster.states() == {"sim": "TIMEDOUT", "after": "INCOMPLETE"}


@pytest.mark.long
def test_a_real_time_limit(cluster: Cluster) -> None:
    cluster.write({
        "name": "sim", "cmd": "sleep 300", "restart": "echo again", "procs": 1, "walltime": 1,
    })  # fmt: skip
    cluster.launch()
    assert cluster.ends(200) == "FINISHED"
    assert cluster.task("sim").restarts == 1


def test_a_job_that_somebody_cancels(cluster: Cluster) -> None:
    cluster.write(
        {"name": "sim", "cmd": "sleep 60", "procs": 1},
        {"name": "after", "cmd": "true", "depends": ["sim"]},
    )
    cluster.launch()
    cluster.waits_for("RUNNING", "sim")
    cluster.slurm("scancel", cluster.task("sim").job)
    assert cluster.ends() == "CANCELLED"
    assert cluster.states() == {"sim": "CANCELLED", "after": "CANCELLED"}
    assert cluster.history("sim")[-1] == (1, "CANCEL")


def test_a_node_that_fails(cluster: Cluster) -> None:
    """The scheduler confirms the loss, so the attempt is followed by another."""
    cluster.write({
        "name": "sim", "cmd": "echo run >> runs; test -e go || sleep 60", "nodes": 1, "procs": 1,
    })  # fmt: skip
    cluster.launch()
    cluster.waits_for("RUNNING", "sim")
    first = cluster.task("sim").job
    (node,) = cluster.slurm("squeue", "-h", "-j", first, "-o", "%N").split()
    (cluster.out / "sim" / "go").touch()
    cluster.slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    assert cluster.ends() == "FINISHED"
    cluster.slurm.up()  # the node comes back by itself
    assert cluster.task("sim").number == 2
    assert (1, "BREAK") in cluster.history("sim")
    assert (cluster.out / "sim" / "runs").read_text() == "run\nrun\n"


@pytest.mark.long
def test_a_node_that_falls_silent(cluster: Cluster) -> None:
    """Its daemon is killed; the scheduler notices after half a minute."""
    cluster.write({
        "name": "sim", "cmd": "echo run >> runs; test -e go || sleep 120", "nodes": 1, "procs": 1,
    })  # fmt: skip
    cluster.launch()
    cluster.waits_for("RUNNING", "sim")
    (node,) = cluster.slurm("squeue", "-h", "-j", cluster.task("sim").job, "-o", "%N").split()
    (cluster.out / "sim" / "go").touch()
    cluster.slurm.stop(node)
    try:
        assert cluster.ends(110) == "FINISHED"
    finally:
        cluster.slurm.up()
    assert cluster.task("sim").number == 2
    assert (cluster.out / "sim" / "runs").read_text() == "run\nrun\n"


def test_a_held_job_waits(cluster: Cluster) -> None:
    cluster.write({"name": "sim", "cmd": "echo released", "procs": 1, "priority": "held"})
    cluster.launch()
    cluster.waits_for("PENDING", "sim")
    eventually(lambda: cluster.task("sim").detail == "JobHeldUser")
    task = cluster.task("sim")
    assert task.state == "PENDING"
    shown = cluster.shell("maestro", "status", "out").stdout
    assert "1 PENDING: the scheduler says JobHeldUser" in shown
    cluster.slurm("scontrol", "release", task.job)
    assert cluster.ends() == "FINISHED"


def test_out_of_memory(cluster: Cluster) -> None:
    cluster.write({
        "name": "sim", "cmd": "python3 -c 'import time; x = b\"x\" * 500_000_000; time.sleep(30)'",
        "procs": 1, "allocation_args": {"mem": "50M"},
    })  # fmt: skip
    cluster.run(code=2)
    task = cluster.task("sim")
    assert task.state == "FAILED"
    assert (task.exit_code, task.detail) == (137, "ended by SIGKILL")


def test_cancelling_what_runs_and_what_waits(cluster: Cluster) -> None:
    cluster.write(
        {"name": "sim", "cmd": "echo $(N) $$; sleep 100", "procs": 4, "nodes": 1},
        {"name": "after", "cmd": "true", "depends": ["sim"]},
        values=list(range(8)),
    )
    cluster.launch()
    eventually(lambda: cluster.study().counts()["RUNNING"] == 4)
    assert cluster.study().counts()["PENDING"] == 4
    cluster.shell("maestro", "cancel", "-y", "out")
    assert set(cluster.states().values()) == {"CANCELLED"}
    assert cluster.study().outcome.value == 3
    eventually(lambda: not cluster.jobs())


def test_interrupting_a_study_in_the_foreground(cluster: Cluster) -> None:
    cluster.write({"name": "sim", "cmd": "sleep 10$(N)", "procs": 1}, values=[1, 2, 3])
    process = cluster.shell.start("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml")
    eventually(lambda: (cluster.out / "status.csv").exists())
    cluster.waits_for("RUNNING", "sim_N.1", "sim_N.2", "sim_N.3")
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=30)
    assert process.returncode == 3, text
    assert "Traceback" not in text
    eventually(lambda: not cluster.jobs())


def test_a_scheduler_that_is_away_for_a_while(cluster: Cluster) -> None:
    """Jobs are taken to be well, people are told, and nothing runs twice."""
    cluster.write(
        {"name": "sim", "cmd": "echo run >> runs; trap '' TERM; sleep $(N)", "procs": 1},
        {"name": "after", "cmd": "echo run >> runs", "depends": ["sim"], "procs": 1},
        values=[1, 8],
    )
    cluster.launch()
    cluster.waits_for("RUNNING", "sim_N.8")
    cluster.slurm.stop("slurmctld")
    try:
        eventually(lambda: cluster.study().info.trouble, 60)
        shown = cluster.shell("maestro", "status", "out").stdout
        assert "Slurm does not answer" in shown
        assert "HWFAILURE" not in shown
    finally:
        cluster.slurm.up()
    assert cluster.ends(120) == "FINISHED"
    assert not cluster.study().info.trouble
    for runs in cluster.out.glob("*/*/runs"):
        assert runs.read_text() == "run\n", runs


def test_a_history_that_is_away(cluster: Cluster) -> None:
    """Without slurmdbd the queue and the jobs' own records tell all that is needed."""
    cluster.slurm.stop("slurmdbd")
    try:
        cluster.write({"name": "sim", "cmd": "exit $(N)", "procs": 1}, values=[0, 3])
        cluster.run(code=2)
        assert cluster.states() == {"sim_N.0": "FINISHED", "sim_N.3": "FAILED"}
    finally:
        cluster.slurm.up()


def test_a_queue_that_forgets(cluster: Cluster) -> None:
    """What the queue no longer lists is asked of the history."""
    cluster.shadow("squeue", lambda real: f'exec {real} "${{@/--states=all/--states=R,PD,CG}}"')
    cluster.write(
        {"name": "late", "cmd": "sleep 60", "procs": 1},
        {"name": "killed", "cmd": "kill -KILL 0", "procs": 1},
    )
    cluster.launch()
    cluster.waits_for("RUNNING", "late")
    cluster.slurm.time_out(cluster.task("late").job)
    assert cluster.ends(90) == "FAILURE"
    assert cluster.states() == {"late": "TIMEDOUT", "killed": "FAILED"}
    assert cluster.task("killed").exit_code == 137


def test_a_submission_whose_answer_is_lost(cluster: Cluster) -> None:
    """It had been accepted: the job is found by its comment, and not submitted again."""
    lost = cluster.lose_answers()
    cluster.write(
        {"name": "sim", "cmd": "echo run $(N) >> runs; sleep 3", "procs": 1}, values=[1, 2]
    )
    cluster.run()
    for number in (1, 2):
        assert (cluster.out / "sim" / f"N.{number}" / "runs").read_text() == f"run {number}\n"
    jobs = [cluster.task(f"sim_N.{number}").job for number in (1, 2)]
    assert sorted(lost.read_text().split()) == sorted(jobs)


def test_a_refusal_says_why(cluster: Cluster) -> None:
    cluster.write({"name": "sim", "cmd": "true", "procs": 1}, queue="nosuch")
    text = cluster.run(code=2)
    assert "invalid partition" in text.lower()


def test_a_killed_conductor(cluster: Cluster) -> None:
    """One job ends while nobody conducts, one runs on, one still waits: each runs once."""
    cluster.write(
        {"name": "sim", "cmd": "echo run >> runs; sleep $(N)", "procs": 1},
        {"name": "after", "cmd": "echo run >> runs", "procs": 1, "depends": ["sim"]},
        values=[1, 6],
    )
    words = ("run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
    process = cluster.shell.start("maestro", *words)
    eventually(lambda: len(list(cluster.out.glob("sim/*/runs"))) == 2)
    process.kill()
    process.communicate()
    time.sleep(2)
    cluster.shell("conductor", "-s", "1", "out")
    assert set(cluster.states().values()) == {"FINISHED"}
    for runs in cluster.out.glob("*/*/runs"):
        assert runs.read_text() == "run\n", runs
