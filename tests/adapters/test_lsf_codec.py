"""LSF's codec: scripts, command lines, and texts as the LSF 10.1 command reference has them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maestro.adapters.codec import Answer, Facts, Scheduler, Sighting, Submission
from maestro.adapters.lsf import REASONS, STATES, LsfCodec
from maestro.engine import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources

HERE: dict[str, object] = {"host": "h", "bank": "science", "queue": "debug"}
FULL = Resources(
    nodes=2, procs=8, gpus=1, cores_per_task=3, tasks_per_rs=2, rs_per_node=4, cpus_per_rs=5,
    bind="packed:2", bind_gpus="none", walltime="01:30:01", reservation="my maintenance",
    exclusive_allocation=True,
    allocation_args=(("alloc_flags", "gpumps smt4"), ("R", "rusage[mem=2]"), ("B", None),
                     ("N", True), ("H", False), ("u", "a@b.org")),
    launcher_args=(("smpiargs", "-gpu"), ("K", None), ("E", "A=b c"), ("immediate", False)),
)  # fmt: skip


def codec(**settings: object) -> LsfCodec:
    return LsfCodec(Batch("lsf", settings=HERE | settings))


def script(made: LsfCodec, command: str = "true", **wanted: Any) -> str:
    return made.script(Rendered("sim", "sim", "simulates", "", "", Resources(**wanted)), command)


# ---- scripts


def test_everything_at_once() -> None:
    task = Rendered("sim N[1]", "sim_N1", "says it", "", "", FULL)
    options = '-g 1 -B none -a 2 -r 4 -c 5 --smpiargs=-gpu -K -E "A=b c"'
    assert codec().script(task, "$(LAUNCHER) ./sim\n$(LAUNCHER)[1n, 4p] ./part") == (
        "#!/bin/bash\n"
        "#BSUB -nnodes 2\n"
        "#BSUB -q debug\n"
        "#BSUB -G science\n"
        "#BSUB -W 01:31\n"
        "#BSUB -J sim_N1\n"
        "#BSUB -o sim_N1.%J.out\n"
        '#BSUB -U "my maintenance"\n'
        "#BSUB -e sim_N1.%J.err\n"
        "#BSUB -x\n"
        '#BSUB -alloc_flags "gpumps smt4"\n'
        '#BSUB -R "rusage[mem=2]"\n'
        "#BSUB -B\n"
        "#BSUB -N\n"
        "#BSUB -u a@b.org\n"
        "\n"
        f"jsrun --nrs 8 -b packed:2 {options} ./sim\n"
        f"jsrun --nrs 4 -b packed:2 {options} ./part\n"
    )


def test_what_the_batch_gives_and_a_step_overrides() -> None:
    made = LsfCodec(
        Batch(
            "lsf", "/bin/sh",
            HERE | {
                "nodes": 4, "procs": 32, "gpus": 2, "reservation": "all",
                "allocation_args": {"P": "project", "R": "a"}, "launcher_args": {"p": 1},
            },
        )
    )  # fmt: skip
    assert script(made, "$(LAUNCHER) x", nodes=1) == (
        "#!/bin/sh\n#BSUB -nnodes 1\n#BSUB -q debug\n#BSUB -G science\n#BSUB -J sim\n"
        "#BSUB -o sim.%J.out\n#BSUB -U all\n#BSUB -e sim.%J.err\n#BSUB -P project\n#BSUB -R a\n"
        "\njsrun --nrs 32 -b rs -g 2 -a 1 -r 1 -c 1 -p 1 x\n"
    )
    assert script(
        made, "$(LAUNCHER) x", procs=3, gpus=0, reservation="own", cores_per_task=6,
        allocation_args=(("R", "b"),), launcher_args=(("p", 2),),
    ) == (
        "#!/bin/sh\n#BSUB -nnodes 4\n#BSUB -q debug\n#BSUB -G science\n#BSUB -J sim\n"
        "#BSUB -o sim.%J.out\n#BSUB -U own\n#BSUB -e sim.%J.err\n#BSUB -P project\n#BSUB -R b\n"
        "\njsrun --nrs 3 -b rs -a 1 -r 1 -c 6 -p 2 x\n"
    )  # fmt: skip


def test_a_step_without_nodes_and_procs_has_no_directives() -> None:
    assert script(codec(nodes=3), "$(LAUNCHER) x", gpus=1) == "#!/bin/bash\n\n$(LAUNCHER) x\n"


@pytest.mark.parametrize(
    ("walltime", "limit"),
    [
        (30, "00:30"),
        ("30", "00:30"),
        (0.5, "00:01"),
        ("02:30", "02:30"),  # two parts are hours and minutes here
        ("01:30:00", "01:30"),
        ("00:00:59", "00:01"),
        ("00:01:01", "00:02"),
        ("100:00:00", "100:00"),
        ("2-12", "60:00"),
        ("2-12:30", "60:30"),
        ("2-12:30:15", "60:31"),
        (100_000, "1666:40"),
    ],
)
def test_walltimes(walltime: float | str, limit: str) -> None:
    assert f"#BSUB -W {limit}\n" in script(codec(), procs=1, walltime=walltime)


@pytest.mark.parametrize("walltime", [None, "", "0", "00:00", "inf", ".inf", "Unlimited", 0])
def test_no_walltime(walltime: float | str | None) -> None:
    assert "-W" not in script(codec(), procs=1, walltime=walltime)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("$(LAUNCHER) x", "jsrun --nrs 8 {} x"),
        ("$(LAUNCHER)[2n, 8p] x", "jsrun --nrs 8 {} x"),
        ("$(LAUNCHER)[6p, 1n] x", "jsrun --nrs 6 {} x"),
        ("$(LAUNCHER)[4p] x", "jsrun --nrs 4 {} x"),
        ("$(LAUNCHER)[2, 5] x", "jsrun --nrs 5 {} x"),
        (
            "$(LAUNCHER) a; $(LAUNCHER)[1p] b | $(LAUNCHER)[1n,2p] c",
            "jsrun --nrs 8 {} a; jsrun --nrs 1 {} b | jsrun --nrs 2 {} c",
        ),
    ],
)
def test_launchers(command: str, expected: str) -> None:
    line = script(codec(), command, nodes=2, procs=8).splitlines()[-1]
    assert line == expected.replace("{}", "-b rs -a 1 -r 1 -c 1")


def words_of(task: Rendered, made: LsfCodec) -> tuple[str, ...]:
    return made.directives(made.script(task, "true"))


@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("sim_N.1", "sim_N.1"),
        ("sim N 1", "sim_N_1"),
        ("sim[1-100]%5", "sim1-100%5"),  # brackets would make an array of it
        ("a\"b'c\\d#e", "abcde"),
        ("a(b),c=d+e", "a(b),c=d+e"),
        ("größe", "größe"),
    ],
)
def test_names(name: str, job: str) -> None:
    words = words_of(Rendered(name, "f", "", "", "", Resources(procs=1)), codec())
    assert words[words.index("-J") + 1] == job


def test_a_name_of_which_nothing_is_left() -> None:
    words = words_of(Rendered("[]*", "f", "", "", "", Resources(procs=1)), codec())
    assert words == ("-nnodes", "1", "-q", "debug", "-G", "science", "-o", "f.%J.out", "-e",
                     "f.%J.err")  # fmt: skip


LINE = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)))


@given(name=LINE, reservation=LINE.filter(bool), value=LINE.filter(bool), file=LINE)
@example("#1", "# x", "a#b", "a(b)")
@example("\u2028\x0c\x85", "it's", '"', "\\")
def test_words_survive_the_script(name: str, reservation: str, value: str, file: str) -> None:
    made = codec(queue=value, bank=value)
    wanted = Resources(procs=1, reservation=reservation, allocation_args=(("R", value),))
    words = words_of(Rendered(name, file, "", "", "", wanted), made)
    named = words[:6] + words[words.index("-o") :]
    assert named == (
        "-nnodes", "1", "-q", value, "-G", value, "-o", f"{file}.%J.out", "-U", reservation,
        "-e", f"{file}.%J.err", "-R", value,
    )  # fmt: skip
    assert words[6] in ("-J", "-o")


# ---- submitting


def test_a_submission() -> None:
    made = codec()
    text = script(made, procs=1, nodes=2).replace("\n\n", "\n#BSUB -P mine # and so on\n\n")
    command = ("/s/it's/wrapper.sh", "-j", "LSB_JOBID", "/s/0/1.1", "/s/sim.sh")
    wanted = Submission(
        command, made.directives(text), Resources(procs=1), "/s/it's", "maestro:study:1.1"
    )
    made_command = made.submission(wanted, Facts())
    assert made_command.arguments == (
        "bsub", "-nnodes", "2", "-q", "debug", "-G", "science", "-J", "sim",
        "-o", "sim.%J.out", "-e", "sim.%J.err", "-P", "mine",
        "-rn", "-cwd", "/s/it's", "-Jd", "maestro:study:1.1",
        "'/s/it'\"'\"'s/wrapper.sh' -j LSB_JOBID /s/0/1.1 /s/sim.sh",
    )  # fmt: skip
    # With them set, bsub would not say which job it has submitted, or submit none.
    gone = dict.fromkeys(("BSUB_QUIET", "BSUB_QUIET2", "BSUB_CHK_RESREQ"))
    assert made_command.environment == gone
    assert made.shared(wanted.directives) == wanted.directives


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        (Answer(0, "Job <930> is submitted to queue <normal>.\n", ""), "930"),
        (Answer(0, "Job <930> is submitted to default queue <normal>.\n", ""), "930"),
        (Answer(0, "\nSite policy applied\nJob <930> is submitted to queue <x>.\n", "w"), "930"),
        (Answer(7, "Job <930> is submitted to queue <x>.\n<<Waiting ...>>\n", ""), "930"),
        (Answer(None, "Job <930> is submitted to queue <x>.\n", ""), "930"),
        (Answer(None, "", "LSF is down. Please wait ..."), None),
        (Answer(0, "", ""), None),
        (Answer(0, "Job <x> is submitted", ""), None),
        (Answer(-9, "", ""), None),
        (Answer(255, "", "Communication time out. Job not submitted."), None),
        (Answer(255, "", "Connection to batch daemon times out. Job not submitted."), None),
        (Answer(255, "", "Connection reset by peer. Job not submitted."), None),
    ],
)
def test_accepted_or_in_doubt(answer: Answer, job: str | None) -> None:
    assert codec().accepted(answer, crowded=False) == job


@pytest.mark.parametrize(
    ("err", "transient"),
    [
        ("nosuch: No such queue. Job not submitted.", (False, False)),
        ("Job <12>: Bad job description. Job not submitted.", (False, False)),
        ("User cannot use the reservation. Job not submitted.", (False, False)),
        ("Cannot exceed queue's hard limit(s). Job not submitted.", (False, False)),
        ("Request aborted by esub. Job not submitted.", (False, False)),
        ("Pending job threshold reached. Retrying in 60 seconds...", (False, True)),
        ("User's job slot limit reached. Job not submitted.", (False, True)),
        ("LSF is down. Please wait ...", (True, True)),
        ("LIM is down; try later. Job not submitted.", (True, True)),
        ("Failed in LSF library call: Unable to contact LIM. Job not submitted.", (True, True)),
        ("batch daemon not responding ... still trying", (True, True)),
        ("A connect sys call failed: Connection refused. Job not submitted.", (True, True)),
    ],
)
def test_refused(err: str, transient: tuple[bool, bool]) -> None:
    for crowded in (False, True):
        with pytest.raises(BackendError) as caught:
            codec().accepted(Answer(255, "", err), crowded=crowded)
        assert caught.value.transient == transient[crowded]
        assert str(caught.value) == err


def test_other_commands() -> None:
    made = codec()
    assert made.cancel(["1", "2"]).arguments == ("bkill", "1", "2")
    assert made.throttle("1", 5) is None
    assert made.history(["1"]) is None
    assert made.recalled(Answer(0, "1|DONE|-|-|-", "")) == []
    assert made.probe() is None
    assert made.facts(Answer(1, "", "")) == Facts()
    assert made.known_as("12") == "12"
    assert made.rank_variable(FULL) == ""
    assert not made.array_variables
    assert isinstance(made, Scheduler)


# ---- states

MANUAL = {
    # bjobs: JOB STATUS; bjobs -sum for FWD_PEND
    "PEND": Seen.ACCEPTED, "PROV": Seen.ACCEPTED, "PSUSP": Seen.ACCEPTED, "RUN": Seen.STARTED,
    "USUSP": Seen.STARTED, "SSUSP": Seen.STARTED, "DONE": Seen.FINISHED, "EXIT": Seen.FAILED,
    "UNKWN": Seen.MISSING, "WAIT": Seen.ACCEPTED, "ZOMBI": Seen.LOST, "FWD_PEND": Seen.ACCEPTED,
}  # fmt: skip

TERMINATIONS = {
    # Termination reasons displayed by bacct, bhist, and bjobs
    "TERM_ADMIN": Seen.CANCELLED, "TERM_BUCKET_KILL": Seen.CANCELLED, "TERM_CHKPNT": Seen.FAILED,
    "TERM_CPULIMIT": Seen.FAILED, "TERM_CSM_ALLOC": Seen.FAILED, "TERM_CWD_NOTEXIST": Seen.FAILED,
    "TERM_DATA": Seen.FAILED, "TERM_DEADLINE": Seen.FAILED, "TERM_EXTERNAL_SIGNAL": Seen.FAILED,
    "TERM_FORCE_ADMIN": Seen.CANCELLED, "TERM_FORCE_OWNER": Seen.CANCELLED,
    "TERM_KUBE": Seen.FAILED, "TERM_LOAD": Seen.FAILED, "TERM_MC_RECALL": Seen.FAILED,
    "TERM_MEMLIMIT": Seen.FAILED, "TERM_ORPHAN_SYSTEM": Seen.FAILED, "TERM_OTHER": Seen.FAILED,
    "TERM_OWNER": Seen.CANCELLED, "TERM_PREEMPT": Seen.NODE_LOST,
    "TERM_PRE_EXEC_FAIL": Seen.FAILED, "TERM_PROCESSLIMIT": Seen.FAILED, "TERM_RC": Seen.NODE_LOST,
    "TERM_RC_RECLAIM": Seen.NODE_LOST, "TERM_REMOVE_HUNG_JOB": Seen.LOST,
    "TERM_REQUEUE_ADMIN": Seen.FAILED, "TERM_REQUEUE_OWNER": Seen.FAILED,
    "TERM_REQUEUE_RC": Seen.NODE_LOST, "TERM_RMS": Seen.FAILED, "TERM_RUNLIMIT": Seen.TIMED_OUT,
    "TERM_SWAP": Seen.FAILED, "TERM_THREADLIMIT": Seen.FAILED, "TERM_UNKNOWN": Seen.FAILED,
    "TERM_WINDOW": Seen.FAILED, "TERM_ZOMBIE": Seen.LOST,
}  # fmt: skip


def bjobs(*lines: str) -> list[Sighting]:
    return codec().sightings(Answer(0, "".join(f"{line}\n" for line in lines), ""))


def test_every_state_of_the_manuals_has_its_row() -> None:
    assert STATES == MANUAL
    assert REASONS.keys() <= TERMINATIONS.keys()


@pytest.mark.parametrize(("state", "seen"), [*MANUAL.items(), ("TELEPORTED", Seen.MISSING)])
def test_a_state(state: str, seen: Seen) -> None:
    assert bjobs(f"3|{state}|-|-|-") == [Sighting("3", seen)]


@pytest.mark.parametrize(("reason", "seen"), TERMINATIONS.items())
def test_a_termination(reason: str, seen: Seen) -> None:
    for shown in (reason, f"{reason}: job killed after something"):
        (found,) = bjobs(f"3|EXIT|130|{shown}|maestro:s:1.1")
        assert (found.seen, found.exit_code, found.tag) == (seen, 130, "maestro:s:1.1")
        assert found.detail == REASONS.get(reason, (seen, shown))[1]
    (ran,) = bjobs(f"3|RUN|-|{reason}|-")
    assert (ran.seen, ran.detail) == (Seen.STARTED, "")


# ---- what bjobs prints

QUEUE = """\
930|PEND|-|-|maestro:study:1.1
931|RUN|-|-|maestro:study:2.1
932|DONE|-|-|maestro:study:3.1
933|EXIT|7|-|maestro:study:4.1
934|EXIT|130|TERM_OWNER: job killed by owner|maestro:study:5.1
935|EXIT|140|TERM_RUNLIMIT: job killed after reaching LSF run time limit|maestro:a | b:6.1
936|EXIT|139|TERM_EXTERNAL_SIGNAL: job killed by a signal external to LSF|maestro:study:7.1
937|RUN|-|-|has | bars | maestro:x:1
938|UNKWN|-|-|-
"""


def test_the_queue() -> None:
    assert codec().sightings(Answer(0, QUEUE, "")) == [
        Sighting("930", Seen.ACCEPTED, "maestro:study:1.1"),
        Sighting("931", Seen.STARTED, "maestro:study:2.1"),
        Sighting("932", Seen.FINISHED, "maestro:study:3.1"),
        Sighting("933", Seen.FAILED, "maestro:study:4.1", 7),
        Sighting("934", Seen.CANCELLED, "maestro:study:5.1", 130, detail="killed by its owner"),
        Sighting("935", Seen.TIMED_OUT, "maestro:a | b:6.1", 140, detail="time limit reached"),
        Sighting(
            "936", Seen.FAILED, "maestro:study:7.1", 139,
            detail="TERM_EXTERNAL_SIGNAL: job killed by a signal external to LSF",
        ),
        Sighting("937", Seen.STARTED),
        Sighting("938", Seen.MISSING),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["", "|", "930|EXIT|1|TERM_OW", "x|RUN|-|-|-", "930|run|-|-|-", "\u00b2|RUN|-|-|-",
     "JOBID|STAT|EXIT_CODE|EXIT_REASON|JOB_DESCRIPTION"],
)  # fmt: skip
def test_broken_lines_are_passed_over(line: str) -> None:
    assert [row.job for row in bjobs(line, "7|RUN|-|-|-", line)] == ["7"]


def test_odd_numbers() -> None:
    for odd in ("\u00b2", "-1", "1e9", "9" * 5000, "\u0663"):
        (found,) = bjobs(f"3|EXIT|{odd}|-|-")
        assert found.exit_code is None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(255, "", "No unfinished job found\n"),
        Answer(0, "", "No job found\n"),
        Answer(255, "No job found\n", ""),
        Answer(255, "", "warning: a slow answer\nNo job found\n"),
        Answer(0, "", ""),
    ],
)
def test_no_jobs(answer: Answer) -> None:
    assert codec().sightings(answer) == []


@pytest.mark.parametrize("err", ["", "No unfinished job found\n"])
def test_only_ended_jobs(err: str) -> None:
    """LSB_BJOBS_CONSISTENT_EXIT_CODE: "exits with 0 only when unfinished jobs are found"."""
    (found,) = codec().sightings(Answer(255, "932|DONE|-|-|-\n", err))
    assert found.seen is Seen.FINISHED


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, QUEUE, ""),
        Answer(None, "", "No job found"),
        Answer(255, "", "LSF is down. Please wait ..."),
        Answer(255, QUEUE, "batch daemon not responding"),
        Answer(255, "", ""),
        Answer(127, "", "bjobs: [Errno 2] No such file or directory: 'bjobs'"),
    ],
)
def test_a_queue_that_does_not_answer(answer: Answer) -> None:
    with pytest.raises(BackendError) as caught:
        codec().sightings(answer)
    assert caught.value.transient


def test_asking() -> None:
    assert codec().queue(["1", "2"]).arguments == (
        "bjobs", "-a", "-noheader", "-o",
        "jobid stat exit_code exit_reason job_description delimiter='|'",
    )  # fmt: skip


# ---- whatever comes

TEXT = st.text() | st.lists(
    st.sampled_from(["3", "|", "\n", ":", "RUN", "EXIT", "-", "TERM_OWNER", "²", "99999", "No ",
                     "job found", "Job <", "> is submitted"]),
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
    made.facts(answer)
