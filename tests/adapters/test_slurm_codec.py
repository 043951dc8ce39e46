"""Slurm's codec: scripts, command lines, and texts that Slurm 22.05 has really printed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maestro.adapters.codec import Answer, Facts, Scheduler, Sighting, Submission
from maestro.adapters.slurm import STATES, SlurmCodec
from maestro.engine import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources
from tests.cluster import slurm

HERE: dict[str, object] = {"host": "h", "bank": "science", "queue": "debug"}
FULL = Resources(
    nodes=2, procs=8, gpus=1, cores_per_task=3, walltime="01:30:00", reservation="my maintenance",
    exclusive_allocation=True, exclusive_launcher=True, priority="low", qos="high",
    allocation_args=(("mem", "2G"), ("C", "gpu|big"), ("mail-type", "END,FAIL"),
                     ("contiguous", None), ("spread-job", True), ("no-kill", False)),
    launcher_args=(("mpi", "pmix"), ("K", None), ("export", "ALL,X=a b")),
)  # fmt: skip


def codec(**settings: object) -> SlurmCodec:
    return SlurmCodec(Batch("slurm", settings=HERE | settings))


def script(made: SlurmCodec, command: str = "true", task: str = "sim", **wanted: Any) -> str:
    return made.script(rendered(task, **wanted), command)


def rendered(task: str = "sim", description: str = "simulates", **wanted: Any) -> Rendered:
    return Rendered(task, "sim", description, "", "", Resources(**wanted))


def head(made: SlurmCodec, **wanted: Any) -> list[str]:
    """The directives of a step with one process, apart from those that every script has."""
    plain = script(made, procs=1).splitlines()
    found = script(made, **({"procs": 1} | wanted)).splitlines()
    return [line.removeprefix("#SBATCH ") for line in found if line not in plain]


# ---- scripts


def test_everything_at_once() -> None:
    task = Rendered("sim N.1", "sim_N.1", 'says "hi"\nto #1', "", "", FULL)
    assert codec().script(task, "$(LAUNCHER) ./sim\n$(LAUNCHER)[1n, 4p] ./part") == (
        "#!/bin/bash\n"
        "#SBATCH --nodes=2\n"
        "#SBATCH --partition=debug\n"
        "#SBATCH --account=science\n"
        "#SBATCH --time=01:30:00\n"
        '#SBATCH --job-name="sim_N.1"\n'
        '#SBATCH --output="sim_N.1.out"\n'
        '#SBATCH --error="sim_N.1.err"\n'
        '#SBATCH --comment "says \\"hi\\" to #1"\n'
        "#SBATCH --ntasks=8\n"
        "#SBATCH --cpus-per-task=3\n"
        "#SBATCH --exclusive\n"
        '#SBATCH --reservation="my maintenance"\n'
        "#SBATCH --gres=gpu:1\n"
        "#SBATCH --qos=high\n"
        "#SBATCH --nice=700\n"
        "#SBATCH --mem=2G\n"
        '#SBATCH -C "gpu|big"\n'
        "#SBATCH --mail-type=END,FAIL\n"
        "#SBATCH --contiguous\n"
        "#SBATCH --spread-job\n"
        "\n"
        'srun -n 8 -N 2 -c 3 --exclusive --reservation="my maintenance" --gres=gpu:1'
        ' --qos=high --nice=700 --mpi=pmix -K --export="ALL,X=a b" ./sim\n'
        'srun -n 4 -N 1 -c 3 --exclusive --reservation="my maintenance" --gres=gpu:1'
        ' --qos=high --nice=700 --mpi=pmix -K --export="ALL,X=a b" ./part\n'
    )


def test_what_the_batch_gives_and_a_step_overrides() -> None:
    made = SlurmCodec(
        Batch(
            "slurm", "/bin/sh",
            HERE | {
                "nodes": 4, "procs": 32, "gpus": 2, "reservation": "all", "qos": "low",
                "allocation_args": {"mem": "1G", "licenses": ["a", "b"]},
                "launcher_args": {"mpi": "pmi2"},
            },
        )
    )  # fmt: skip
    assert made.script(rendered(nodes=1), "$(LAUNCHER) x") == (
        "#!/bin/sh\n#SBATCH --nodes=1\n#SBATCH --partition=debug\n#SBATCH --account=science\n"
        '#SBATCH --job-name="sim"\n#SBATCH --output="sim.out"\n#SBATCH --error="sim.err"\n'
        '#SBATCH --comment "simulates"\n#SBATCH --ntasks=32\n#SBATCH --reservation="all"\n'
        "#SBATCH --gres=gpu:2\n#SBATCH --qos=low\n#SBATCH --mem=1G\n#SBATCH --licenses=a,b\n"
        '\nsrun -n 32 -N 1 --reservation="all" --gres=gpu:2 --qos=low --mpi=pmi2 x\n'
    )
    assert made.script(
        rendered(procs=3, gpus=0, reservation="own", qos="top",
                 allocation_args=(("mem", "9G"),), launcher_args=(("mpi", False),)),
        "$(LAUNCHER) x",
    ) == (
        "#!/bin/sh\n#SBATCH --nodes=4\n#SBATCH --partition=debug\n#SBATCH --account=science\n"
        '#SBATCH --job-name="sim"\n#SBATCH --output="sim.out"\n#SBATCH --error="sim.err"\n'
        '#SBATCH --comment "simulates"\n#SBATCH --ntasks=3\n#SBATCH --reservation="own"\n'
        "#SBATCH --qos=top\n#SBATCH --mem=9G\n#SBATCH --licenses=a,b\n"
        '\nsrun -n 3 --reservation="own" --qos=top x\n'
    )  # fmt: skip
    assert "gpu" not in script(codec(gpus=0), "$(LAUNCHER)", procs=1)


def test_a_step_without_nodes_and_procs_has_no_directives() -> None:
    assert script(codec(nodes=3), "$(LAUNCHER) x", gpus=1) == "#!/bin/bash\n\n$(LAUNCHER) x\n"
    made = codec(launcher="mpiexec -n {procs}")
    assert script(made, "$(LAUNCHER) x", cores_per_task=1) == "#!/bin/bash\n\nmpiexec -n 1 x\n"


@pytest.mark.parametrize(
    ("walltime", "directive"),
    [
        (30, "--time=30"),
        ("30", "--time=30"),
        ("90:30", "--time=90:30"),
        ("01:30:00", "--time=01:30:00"),
        ("100:00:00", "--time=100:00:00"),
        ("2-12", "--time=2-12"),
        ("2-12:30", "--time=2-12:30"),
        ("2-12:30:15", "--time=2-12:30:15"),
        (1.5, "--time=00:01:30"),
        ("1:5", "--time=00:01:05"),
        ("1:00:00:00", "--time=60:00:00"),  # what no manual has, but base 60 from the right
        ("00:00:00", "--time=00:00:00"),  # as written: Slurm sets no limit then, as for UNLIMITED
        ("0", "--time=0"),
        ("inf", "--time=UNLIMITED"),
        (".inf", "--time=UNLIMITED"),
        (float("inf"), "--time=UNLIMITED"),
        ("Unlimited", "--time=UNLIMITED"),
        ("infinite", "--time=UNLIMITED"),
        ("informal", "--time=informal"),
        ("an hour", '--time="an hour"'),
    ],
)
def test_walltimes(walltime: float | str, directive: str) -> None:
    assert head(codec(), walltime=walltime) == [directive]


def test_no_walltime() -> None:
    assert head(codec(), walltime=None) == head(codec(), walltime="") == []


@pytest.mark.parametrize(
    ("priority", "directives"),
    [
        ("held", ["--hold"]),
        ("HELD", ["--hold"]),
        (0.0, ["--hold"]),
        ("minimal", ["--nice=1500"]),
        ("low", ["--nice=700"]),
        (0.25, ["--nice=800"]),
        ("medium", []),
        (0.5, []),
        (None, []),
        # "sbatch: error: Batch job submission failed: Invalid --nice value" for who is no operator
        ("high", []),
        ("expedite", []),
        ("expedited", []),
        (1.0, []),
    ],
)
def test_priorities(priority: float | str | None, directives: list[str]) -> None:
    assert head(codec(), priority=priority) == directives


@pytest.mark.parametrize(
    ("wanted", "directives", "launcher"),
    [
        ({"exclusive_allocation": True}, ["--exclusive"], "srun -n 1 x"),
        ({"exclusive_launcher": True}, [], "srun -n 1 --exclusive x"),
        ({"exclusive_allocation": False, "exclusive_launcher": False}, [], "srun -n 1 x"),
    ],
)
def test_both_forms_of_exclusive(wanted: Any, directives: list[str], launcher: str) -> None:
    assert head(codec(), **wanted) == directives
    assert script(codec(), "$(LAUNCHER) x", procs=1, **wanted).splitlines()[-1] == launcher


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("$(LAUNCHER) x", "srun -n 8 -N 2 x"),
        ("$(LAUNCHER)[2n, 8p] x", "srun -n 8 -N 2 x"),
        ("$(LAUNCHER)[8p, 1n] x", "srun -n 8 -N 1 x"),
        ("$(LAUNCHER)[4p] x", "srun -n 4 x"),
        ("$(LAUNCHER)[1n] x", "srun -n 8 -N 1 x"),
        ("$(LAUNCHER)[2, 8] x", "srun -n 8 -N 2 x"),
        (
            "$(LAUNCHER) a; $(LAUNCHER)[1p] b | $(LAUNCHER)[1n,2p] c",
            "srun -n 8 -N 2 a; srun -n 1 b | srun -n 2 -N 1 c",
        ),
        ("$(LAUNCHER)[x] $(echo [2p])", "srun -n 8 -N 2[x] $(echo [2p])"),
    ],
)
def test_launchers(command: str, expected: str) -> None:
    assert script(codec(), command, nodes=2, procs=8).splitlines()[-1] == expected


def test_awkward_settings_stay_one_word() -> None:
    made = codec(queue="a queue", bank="b#c", qos="d'e")
    words = made.directives(script(made, procs=1))
    assert {"--partition=a queue", "--account=b#c", "--qos=d'e"} <= set(words)


LINE = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)))


@given(name=LINE, description=LINE, reservation=LINE.filter(bool), value=LINE.filter(bool))
@example("#1", "#1", "# x", "a#b")
@example("\u2028\x0c\x85", "it's", '"', "\\")
def test_words_survive_the_script(
    name: str, description: str, reservation: str, value: str
) -> None:
    made = codec()
    arguments = (("constraint", value), ("C", value))
    wanted = Resources(procs=1, reservation=reservation, allocation_args=arguments)
    task = Rendered(name, "sim", description, "", "", wanted)
    assert made.directives(made.script(task, "true")) == (
        "--partition=debug", "--account=science", f"--job-name={name.replace(' ', '_')}",
        "--output=sim.out", "--error=sim.err", "--comment", description,
        "--ntasks=1", f"--reservation={reservation}", f"--constraint={value}", "-C", value,
    )  # fmt: skip


def test_lines_end_where_the_shell_ends_them() -> None:
    task = rendered(description="one\r\ntwo\nthree\rfour", procs=1)
    assert '--comment "one two three four"\n' in codec().script(task, "true")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#SBATCH --mem=1G -C 'a b' # --hold", ("--mem=1G", "-C", "a b")),
        ("#SBATCH --job-name=a#b", ("--job-name=a",)),  # as sbatch has it
        ("#SBATCH --nice=5 # it's", ("--nice=5",)),
        ("#SBATCH\t--mem=1G\r", ("--mem=1G",)),
        ("#SBATCH --comment 'no end # here", ("--comment", "'no", "end")),
        ("##SBATCH --mem=1G", ()),
        ("# SBATCH --mem=1G", ()),
        ("", ()),
    ],
)
def test_directives_of_users(line: str, words: tuple[str, ...]) -> None:
    text = f"#!/bin/bash\n# mine\n\n{line}\n#SBATCH --last\necho x\n#SBATCH --mem=9G\n"
    assert codec().directives(text) == (*words, "--last")


@pytest.mark.slurm
def test_sbatch_reads_the_head_as_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = slurm.running(monkeypatch)
    wanted = Resources(
        nodes=1, procs=2, cores_per_task=2, walltime="1:30:00", priority="low",
        exclusive_allocation=True,
        allocation_args=(("H", True),),
    )  # fmt: skip
    name, description = "a#b \\ 'c'", '#5 says "hi" \\ it\'s\tall'
    path = tmp_path / "script"
    path.write_text(codec().script(Rendered(name, "sim", description, "", "", wanted), "true"))
    job = cluster("sbatch", "--parsable", f"--chdir={tmp_path}", path).strip()
    shown = cluster("scontrol", "show", "job", job)
    cluster("scancel", job)
    for text in (
        "JobName=a#b_\\_'c'\n", f"Comment={description}", "TimeLimit=01:30:00", "Nice=700",
        "NumTasks=2", "CPUs/Task=2", "NumNodes=1", "OverSubscribe=NO", "Reason=JobHeldUser",
        f"StdOut={tmp_path}/sim.out", f"StdErr={tmp_path}/sim.err", "Account=science",
        "Partition=debug",
    ):  # fmt: skip
        assert text in shown


# ---- submitting


def submission(*directives: str, members: int | None = None, limit: int = 0) -> Submission:
    command = ("/s/wrapper.sh", "-j", "SLURM_JOB_ID", "/s/0/1.1", "/s/sim.sh")
    return Submission(
        command, directives, Resources(procs=1), "/s/it's sim", "maestro:study:1.1", "sim",
        members, limit,
    )  # fmt: skip


def test_a_single_submission() -> None:
    made = codec()
    directives = made.directives(script(made, procs=1) + "#SBATCH --mem=never\n")
    assert made.submission(submission(*directives, "--mem=1G"), Facts()).arguments == (
        "sbatch", "--parsable", "--open-mode=append",
        "--partition=debug", "--account=science", "--job-name=sim", "--output=sim.out",
        "--error=sim.err", "--comment", "simulates", "--ntasks=1", "--mem=1G",
        "--no-requeue", "--comment=maestro:study:1.1", "--chdir=/s/it's sim",
        "/s/wrapper.sh", "-j", "SLURM_JOB_ID", "/s/0/1.1", "/s/sim.sh",
    )  # fmt: skip


@pytest.mark.parametrize(("limit", "array"), [(0, "--array=0-199"), (7, "--array=0-199%7")])
def test_an_array(limit: int, array: str) -> None:
    made = codec()
    words = made.submission(submission("--mem=1G", members=200, limit=limit), Facts()).arguments
    assert words == (
        "sbatch", "--parsable", "--open-mode=append", "--mem=1G",
        "--no-requeue", "--comment=maestro:study:1.1", "--chdir=/s/it's sim",
        array, "--job-name=sim", "--output=/dev/null", "--error=/dev/null",
        "/s/wrapper.sh", "-j", "SLURM_JOB_ID", "/s/0/1.1", "/s/sim.sh",
    )  # fmt: skip
    assert made.known_as("12_3") == "12_3"


def test_what_the_members_of_an_array_share() -> None:
    own = ["--job-name=a", "--job-name", "-J b", "-J", "--mem=1", "-Jc", "-o", "--output=x", "-oy"]
    own += ["--error=e", "-e", "--hold", "-ef", "--comment", "--qos=1", "--comment=c"]
    other = ("--mem=1G", "-C", "x", "--open-mode=truncate", "--exclusive")
    assert codec().shared((*other[:3], *own, *other[3:])) == other


def test_the_members_of_an_array_from_their_scripts() -> None:
    made = codec()
    tasks = [Rendered(f"s_{i}", f"s_{i}", f"no. #{i}", "", "", FULL) for i in range(2)]
    one, other = (made.shared(made.directives(made.script(task, "true"))) for task in tasks)
    assert one == other
    assert "--ntasks=8" in one


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        (Answer(0, "171\n", ""), "171"),
        (Answer(0, "710;maestrotest\n", ""), "710"),
        (Answer(0, "--> verified\n12 hosts\n171\n", "sbatch: warning: x\n"), "171"),
        (Answer(3, "711\n", ""), "711"),  # sbatch --wait, whose job has failed
        (Answer(None, "711\n", ""), "711"),
        (Answer(None, "", ""), None),
        (Answer(0, "", ""), None),
        (Answer(0, "Submitted batch job x", ""), None),
        (Answer(-9, "", ""), None),
        (
            Answer(1, "", "sbatch: error: Batch job submission failed: Socket timed out on "
                          "send/recv operation\n"),
            None,
        ),
        (Answer(1, "", "sbatch: error: Zero Bytes were transmitted or received\n"), None),
        (Answer(1, "", "sbatch: error: Unexpected message received\n"), None),
        (Answer(1, "", "sbatch: error: Connection reset by peer\n"), None),
    ],
)  # fmt: skip
def test_accepted_or_in_doubt(answer: Answer, job: str | None) -> None:
    assert codec().accepted(answer, crowded=False) == job


FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("code", "err", "transient"),
    [
        (1, FAILED + "Invalid partition name specified\n", (False, False)),
        (1, "sbatch: error: Invalid generic resource (gres) specification\n", (False, False)),
        (1, FAILED + "Requested reservation is invalid\n", (False, False)),
        (1, FAILED + "Invalid --nice value\n", (False, False)),
        (255, "sbatch: error: Invalid --time specification\n", (False, False)),
        (1, FAILED + "Job violates accounting/QOS policy (job submit limit, user's size and/or "
            "time limits)\n", (False, True)),
        (1, FAILED + "Unable to contact slurm controller (connect failure)\n", (True, True)),
        (1, "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n",
         (True, True)),
        (1, FAILED + "Protocol authentication error\n", (True, True)),
        (1, "sbatch: error: Munge encode failed: Failed to access \"/run/munge/munge.socket.2\"\n",
         (True, True)),
        (127, "sbatch: [Errno 2] No such file or directory: 'sbatch'", (False, False)),
    ],
)  # fmt: skip
def test_refused(code: int, err: str, transient: tuple[bool, bool]) -> None:
    for crowded in (False, True):
        with pytest.raises(BackendError, match="sbatch: ") as caught:
            codec().accepted(Answer(code, "", err), crowded=crowded)
        assert caught.value.transient == transient[crowded]
        assert "\n" not in str(caught.value)


def test_facts() -> None:
    assert codec().probe() is None
    probe = codec(arrays=True).probe()
    assert probe is not None
    assert probe.arguments == ("scontrol", "show", "config")
    shown = "MaxArraySize            = 10001\nMaxDBDMsgs              = 20024\n"
    assert codec().facts(Answer(0, f"Configuration data as of x\n{shown}", "")).largest == 10001
    assert codec().facts(Answer(0, "MaxArraySize = 0", "")).largest == 1
    assert codec().facts(Answer(1, "", "Unable to contact slurm controller")) == Facts()
    assert codec().facts(Answer(0, f"MaxArraySize = {'9' * 5000}", "")) == Facts()


def test_other_commands() -> None:
    made = codec()
    assert made.cancel(["1", "2_3"]).arguments == ("scancel", "--quiet", "1", "2_3")
    throttle = made.throttle("12", 5)
    assert throttle is not None
    assert throttle.arguments == ("scontrol", "update", "JobId=12", "ArrayTaskThrottle=5")
    assert made.rank_variable(FULL) == ""
    assert isinstance(made, Scheduler)


# ---- states

MANUAL = {
    # squeue(1) and sacct(1) of Slurm 22.05, JOB STATE CODES
    "BOOT_FAIL": Seen.NODE_LOST, "CANCELLED": Seen.CANCELLED, "COMPLETED": Seen.FINISHED,
    "CONFIGURING": Seen.ACCEPTED, "COMPLETING": Seen.STARTED, "DEADLINE": Seen.FAILED,
    "FAILED": Seen.FAILED, "NODE_FAIL": Seen.NODE_LOST, "OUT_OF_MEMORY": Seen.FAILED,
    "PENDING": Seen.ACCEPTED, "PREEMPTED": Seen.NODE_LOST, "RUNNING": Seen.STARTED,
    "RESV_DEL_HOLD": Seen.ACCEPTED, "REQUEUE_FED": Seen.ACCEPTED, "REQUEUE_HOLD": Seen.ACCEPTED,
    "REQUEUED": Seen.ACCEPTED, "RESIZING": Seen.STARTED, "REVOKED": Seen.MISSING,
    "SIGNALING": Seen.STARTED, "SPECIAL_EXIT": Seen.FAILED, "STAGE_OUT": Seen.STARTED,
    "STOPPED": Seen.STARTED, "SUSPENDED": Seen.STARTED, "TIMEOUT": Seen.TIMED_OUT,
    # Job State Codes of Slurm 25.05
    "EXPEDITING": Seen.ACCEPTED, "LAUNCH_FAILED": Seen.NODE_LOST, "POWER_UP_NODE": Seen.ACCEPTED,
    "RECONFIG_FAIL": Seen.NODE_LOST, "UPDATE_DB": Seen.STARTED,
}  # fmt: skip


def squeue(*lines: str) -> list[Sighting]:
    return codec().sightings(Answer(0, "".join(f"{line}\n" for line in lines), ""))


def sacct(*lines: str) -> list[Sighting]:
    return codec().recalled(Answer(0, "".join(f"{line}\n" for line in lines), ""))


def test_every_state_of_the_manuals_has_its_row() -> None:
    assert STATES == MANUAL


@pytest.mark.parametrize(("state", "seen"), MANUAL.items())
def test_a_state(state: str, seen: Seen) -> None:
    for shown in (state, f"{state}+"):  # sacct cuts long ones
        (live,) = squeue(f"3|{shown}|256|None|100|200|maestro:s:1.1")
        (past,) = sacct(f"3|{shown}|1:0|100|200")
        assert live.seen is past.seen is seen
        assert live.detail == past.detail
        known = seen not in (Seen.ACCEPTED, Seen.MISSING)
        ended = known and seen is not Seen.STARTED
        assert live.started == past.started == (100 if known else None)
        assert live.ended == past.ended == (200 if ended else None)
        assert live.exit_code == past.exit_code == (1 if ended else None)


@pytest.mark.parametrize("state", ["TELEPORTING", "RUNNING_AWAY", "COMPLETED2"])
def test_unknown_states(state: str) -> None:
    (live,) = squeue(f"3|{state}|0|None|100|200|")
    assert live.seen is Seen.MISSING


@pytest.mark.parametrize("state", ["CANCELLED by 1000", "CANCELLED by 1000+"])
def test_who_has_cancelled(state: str) -> None:
    (found,) = sacct(f"3|{state}|0:0|None|100")
    assert found.seen is Seen.CANCELLED
    assert found.detail.startswith("cancelled by user 1000")


# ---- what squeue and sacct have printed

QUEUE = """\
124|CANCELLED|0|None|1795611729|1795611729|maestro:it's a folder:0.1
175|CANCELLED|15|None|1795612003|1795612006|maestro:study-1:5.1
174|CANCELLED|0|JobHeldUser|1795612006|1795612006|maestro:study-1:4.1
169|COMPLETED|0|None|1795611930|1795611930|maestro:c2624ec6f6ae:1.1
116|FAILED|35584|NonZeroExitCode|1795611721|1795611721|maestro:it's a folder:0.1
172|FAILED|1792|NonZeroExitCode|1795612003|1795612003|maestro:study-1:2.1
173|FAILED|11|JobLaunchFailure|1795612003|1795612003|maestro:study-1:3.1
176_1|PENDING|0|JobArrayTaskLimit|N/A|N/A|maestro:study-1:6.1
182|PENDING|0|PartitionConfig|N/A|N/A|(null)
176_0|RUNNING|0|None|1795612003|1795612603|maestro:study-1:6.1
177|RUNNING|0|None|1795612003|1795612603|has | bars | maestro:x:1
133|TIMEOUT|0|TimeLimit|1795611735|1795611751|maestro:it's a folder:0.1
"""


def test_the_queue_that_was_printed() -> None:
    folder, one = "maestro:it's a folder:0.1", "maestro:study-1:"
    assert codec().sightings(Answer(0, QUEUE, "")) == [
        Sighting("124", Seen.CANCELLED, folder, 0, 1795611729, 1795611729),
        Sighting("175", Seen.CANCELLED, f"{one}5.1", 143, 1795612003, 1795612006),
        Sighting("174", Seen.CANCELLED, f"{one}4.1", 0, 1795612006, 1795612006),
        Sighting("169", Seen.FINISHED, "maestro:c2624ec6f6ae:1.1", 0, 1795611930, 1795611930),
        Sighting("116", Seen.FAILED, folder, 139, 1795611721, 1795611721),
        Sighting("172", Seen.FAILED, f"{one}2.1", 7, 1795612003, 1795612003),
        Sighting("173", Seen.FAILED, f"{one}3.1", 139, 1795612003, 1795612003),
        Sighting("176_1", Seen.ACCEPTED, f"{one}6.1"),
        Sighting("182", Seen.ACCEPTED, detail="PartitionConfig"),
        Sighting("176_0", Seen.STARTED, f"{one}6.1", None, 1795612003),
        Sighting("177", Seen.STARTED, "", None, 1795612003),
        Sighting(
            "133", Seen.TIMED_OUT, folder, 0, 1795611735, 1795611751, "time limit reached"
        ),
    ]  # fmt: skip


HISTORY = """\
171|COMPLETED|0:0|1795612003|1795612003
172|FAILED|7:0|1795612003|1795612003
173|FAILED|0:11|1795612003|1795612003
175|CANCELLED by 0|0:0|1795612003|1795612006
182|CANCELLED by 0|0:0|None|1795612009
185|PENDING|0:0|Unknown|Unknown
176_0|COMPLETED|0:0|1795612003|1795612007
176_1|CANCELLED by 0|0:0|1795612007|1795612009
176_[0-2%1]|CANCELLED by 0|0:0|None|1795612009
"""


def test_the_history_that_was_printed() -> None:
    by = "cancelled by user 0"
    assert codec().recalled(Answer(0, HISTORY, "")) == [
        Sighting("171", Seen.FINISHED, "", 0, 1795612003, 1795612003),
        Sighting("172", Seen.FAILED, "", 7, 1795612003, 1795612003),
        Sighting("173", Seen.FAILED, "", 139, 1795612003, 1795612003),
        Sighting("175", Seen.CANCELLED, "", 0, 1795612003, 1795612006, by),
        Sighting("182", Seen.CANCELLED, "", 0, None, 1795612009, by),
        Sighting("185", Seen.ACCEPTED),
        Sighting("176_0", Seen.FINISHED, "", 0, 1795612003, 1795612007),
        Sighting("176_1", Seen.CANCELLED, "", 0, 1795612007, 1795612009, by),
        Sighting("176_2", Seen.CANCELLED, "", 0, None, 1795612009, by),
    ]


@pytest.mark.parametrize(
    ("job", "members"),
    [
        ("3_[1-3%1]", ["3_1", "3_2", "3_3"]),
        ("3_[1-9:4%1]", ["3_1", "3_5", "3_9"]),
        ("3_[1,5,7-8]", ["3_1", "3_5", "3_7", "3_8"]),
        ("3_[9-1]", []),
        ("3_[1-2,,4-,5-...]", []),
        ("3_[1-999999999999]", []),
        ("3_[1-3:0]", ["3_1", "3_2", "3_3"]),
        ("3_4", ["3_4"]),
        ("3_4.batch", []),
        ("3+1", []),
    ],
)
def test_members_that_never_started(job: str, members: list[str]) -> None:
    rows = sacct(f"{job}|CANCELLED by 0|0:0|None|1795612323")
    assert [row.job for row in rows] == members
    # squeue --array lists each by itself
    assert all("[" not in row.job for row in squeue(f"{job}|PENDING|0|None|N/A|N/A|x"))


def test_a_members_own_line_counts_wherever_it_stands() -> None:
    lines = ["3_[0-1]|CANCELLED|0:0|None|1", "3_1|COMPLETED|0:0|1|2"]
    for order in (lines, lines[::-1]):
        assert {row.job: row.seen for row in sacct(*order)} == {
            "3_0": Seen.CANCELLED,
            "3_1": Seen.FINISHED,
        }


@pytest.mark.parametrize(
    ("status", "code"),
    [("0:0", 0), ("7:0", 7), ("0:9", 137), ("0:53", 181), ("1:15", 1), ("0:125", None), ("", 0)],
)
def test_exit_codes_of_the_history(status: str, code: int | None) -> None:
    (found,) = sacct(f"3|FAILED|{status}|1|2")
    assert found.exit_code == code


@pytest.mark.parametrize(
    ("status", "code"), [("0", 0), ("256", 1), ("9", 137), ("139", 139), ("125", None), ("x", 0)]
)
def test_exit_codes_of_the_queue(status: str, code: int | None) -> None:
    (found,) = squeue(f"3|FAILED|{status}|None|1|2|")  # 139: a segmentation fault that left a core
    assert found.exit_code == code


@pytest.mark.parametrize(
    ("reason", "state", "status", "detail"),
    [
        ("JobLaunchFailure", "FAILED", "11", ""),  # so 22.05 calls the end by any signal
        ("JobLaunchFailure", "FAILED", "0", "JobLaunchFailure"),
        ("NonZeroExitCode", "FAILED", "256", ""),
        ("launch_failed_requeued_held", "PENDING", "0", "launch_failed_requeued_held"),
        ("DependencyNeverSatisfied", "PENDING", "0", "DependencyNeverSatisfied"),
        ("NodeDown", "NODE_FAIL", "0", "its node failed"),
        ("None", "OUT_OF_MEMORY", "125", "out of memory"),
        ("Priority", "CANCELLED", "0", ""),
    ],
)
def test_details(reason: str, state: str, status: str, detail: str) -> None:
    (found,) = squeue(f"3|{state}|{status}|{reason}|1|2|")
    assert found.detail == detail


@pytest.mark.parametrize(
    "line",
    [
        "", "|", "176_1|PENDING|0|JobArr", "3|RUNNING|0|None|1|2", "x|RUNNING|0|None|1|2|c",
        "3|running|0|None|1|2|c", "3_|RUNNING|0|None|1|2|c", "CLUSTER: maestrotest",
        "JOBID|STATE|EXIT_CODE|REASON|START|END|COMMENT", "\u00b2|RUNNING|0|None|1|2|c",
        "slurm_load_jobs error: Socket timed out",
    ],
)  # fmt: skip
def test_broken_lines_are_passed_over(line: str) -> None:
    assert [row.job for row in squeue(line, "7|RUNNING|0|None|1|2|", line)] == ["7"]
    assert [row.job for row in sacct(line, "7|RUNNING|0:0|1|2", line)] == ["7"]


def test_odd_numbers() -> None:
    for odd in ("\u00b2", "-1", "1e9", "9" * 5000, "\u0663"):
        (live,) = squeue(f"3|FAILED|{odd}|None|{odd}|5|")
        (past,) = sacct(f"3|FAILED|{odd}:{odd}|{odd}|5")
        assert (live.exit_code, live.started) == (0, None)
        assert (past.exit_code, past.started) == (0, None)


@pytest.mark.parametrize("end", ["", "Unknown", "N/A", "\u00b2"])
def test_an_end_that_is_half_recorded_is_none(end: str) -> None:
    """Its exit code is not there yet either."""
    assert not squeue(f"3|FAILED|0|None|1|{end}|")
    assert not sacct(f"3|FAILED|0:0|1|{end}")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, QUEUE, ""),
        Answer(
            1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
        ),
        Answer(127, "", "squeue: [Errno 2] No such file or directory: 'squeue'"),
        Answer(-9, QUEUE[:40], ""),
    ],
)
def test_a_queue_that_does_not_answer(answer: Answer) -> None:
    with pytest.raises(BackendError) as caught:
        codec().sightings(answer)
    assert caught.value.transient
    assert codec().recalled(answer) == []


def test_asking() -> None:
    queue = codec().queue(["1", "2"])
    assert queue.arguments == (
        "squeue", "--me", "--all", "--noheader", "--array", "--states=all",
        "--Format=jobarrayid:|,state:|,exit_code:|,reason:|,starttime:|,endtime:|,comment:",
    )  # fmt: skip
    assert queue.environment["SLURM_TIME_FORMAT"] == "%s"
    assert queue.environment["SQUEUE_USERS"] is None
    assert queue.environment["SQUEUE_PARTITION"] is None
    history = codec().history(["176_1", "175", "176_2"])
    assert history is not None
    # "sacct -j 176_2" prints nothing for a member that never started.
    assert history.arguments == (
        "sacct", "-X", "-P", "-n", "-o", "JobID,State,ExitCode,Start,End", "-j", "176,175",
    )  # fmt: skip
    assert history.environment == {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}


# ---- whatever comes

TEXT = st.text() | st.lists(
    st.sampled_from(["3", "_", "[", "-", "4]", "|", "\n", ":", ";", "RUNNING", "FAILED", "N/A",
                     "99999", "MaxArraySize = ", "²", "maestro:", " by "]),
    max_size=40,
).map("".join)  # fmt: skip
ANSWERS = st.builds(Answer, st.none() | st.integers(-20, 255), TEXT, TEXT)


@given(answer=ANSWERS, crowded=st.booleans())
def test_no_answer_breaks_it(answer: Answer, crowded: bool) -> None:
    made = codec()
    with contextlib.suppress(BackendError):
        made.sightings(answer)
    with contextlib.suppress(BackendError):
        made.accepted(answer, crowded=crowded)
    made.recalled(answer)
    assert made.facts(answer).largest >= 1
