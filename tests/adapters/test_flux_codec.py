"""Flux's codec: scripts, command lines, and texts in the formats of flux-core's manual pages."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maestro.adapters.codec import Answer, Facts, Scheduler, Sighting, Submission
from maestro.adapters.flux import LISTED, STATES, FluxCodec
from maestro.engine import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources

HERE: dict[str, object] = {"host": "h", "bank": "science", "queue": "debug"}
FULL = Resources(
    nodes=2, procs=8, gpus=1, cores_per_task=3, walltime="01:30:00", priority="high",
    waitable=True,
    allocation_args=(
        ("setopt", (("mpi", "spectrum"), ("verbose", None))),
        ("S", (("system", (("project", "a b"), ("deep", (("x", True),)))), ("empty", ""))),
        ("conf", (("resource", (("rediscover", True),)),)),
        ("requires", "host:a|b"), ("B", "other"), ("unbuffered", None), ("label-io", False),
    ),
    launcher_args=(("o", (("cpu-affinity", "per-task"), ("pty", None))), ("env", "A=b c"),
                   ("l", True)),
)  # fmt: skip


def codec(**settings: object) -> FluxCodec:
    return FluxCodec(Batch("flux", settings=HERE | settings))


def script(made: FluxCodec, command: str = "true", **wanted: Any) -> str:
    return made.script(Rendered("sim", "sim", "simulates", "", "", Resources(**wanted)), command)


def head(made: FluxCodec, **wanted: Any) -> list[str]:
    """The directives of a step, apart from those that every script has."""
    always = ("-q", "--bank", "--job-name", "--output", "--error")
    lines = script(made, **wanted).splitlines()
    words = [line.removeprefix("#flux: ") for line in lines if line.startswith("#flux: ")]
    return [word for word in words if not word.startswith(always)]


# ---- scripts


def test_everything_at_once() -> None:
    task = Rendered("sim N.1", "sim_N.1", "says it", "", "", FULL)
    options = '-c 3 -g 1 --setopt=cpu-affinity=per-task --setopt=pty --env="A=b c" -l'
    assert codec().script(task, "$(LAUNCHER) ./sim\n$(LAUNCHER)[1n, 4p] ./part") == (
        "#!/bin/bash\n"
        "#flux: -N 2\n"
        "#flux: -n 8\n"
        "#flux: -c 3\n"
        "#flux: -g 1\n"
        "#flux: -t 5400s\n"
        "#flux: -q debug\n"
        "#flux: --bank=science\n"
        '#flux: --job-name="sim_N.1"\n'
        "#flux: --output=sim_N.1.{{id}}.out\n"
        "#flux: --error=sim_N.1.{{id}}.err\n"
        "#flux: --urgency=24\n"
        "#flux: --flags=waitable\n"
        "#flux: --setopt=mpi=spectrum\n"
        "#flux: --setopt=verbose\n"
        '#flux: --setattr="system.project=a b"\n'
        "#flux: --setattr=system.deep.x=true\n"
        "#flux: --setattr=empty\n"
        "#flux: --conf=resource.rediscover=true\n"
        '#flux: --requires="host:a|b"\n'
        "#flux: -B other\n"
        "#flux: --unbuffered\n"
        "\n"
        f"flux run -N 2 -n 8 {options} ./sim\n"
        f"flux run -N 1 -n 4 {options} ./part\n"
    )


def test_what_the_batch_gives_and_a_step_overrides() -> None:
    made = FluxCodec(
        Batch(
            "flux", "/bin/sh",
            HERE | {
                "nodes": 4, "procs": 32, "gpus": 2, "args": {"mpi": "none", "pty": True},
                "allocation_args": {"setattr": {"a": 1, "b": {"c": 2}}, "env": ["-*", "PATH"]},
                "launcher_args": {"setopt": {"verbose": 1}},
            },
        )
    )  # fmt: skip
    assert script(made, "$(LAUNCHER) x", nodes=1) == (
        "#!/bin/sh\n#flux: -N 1\n#flux: -n 32\n#flux: -g 2\n#flux: -t 0s\n#flux: -q debug\n"
        '#flux: --bank=science\n#flux: --job-name="sim"\n#flux: --output=sim.{{id}}.out\n'
        "#flux: --error=sim.{{id}}.err\n#flux: --setattr=a=1\n#flux: --setattr=b.c=2\n"
        '#flux: --env="-*,PATH"\n'
        "\nflux run -N 1 -g 2 --setopt=verbose=1 --setopt=mpi=none --setopt=pty=true x\n"
    )
    own = (("setattr", (("b", (("c", 3),)),)), ("env", False))
    lines = script(made, "$(LAUNCHER) x", procs=3, gpus=0, allocation_args=own).splitlines()
    assert "#flux: -N 4" in lines
    assert "#flux: -n 3" in lines
    assert not any("-g" in line for line in lines)
    assert lines[-4:-2] == ["#flux: --setattr=a=1", "#flux: --setattr=b.c=3"]


def test_a_step_without_nodes_and_procs_has_no_directives() -> None:
    assert script(codec(nodes=3), "$(LAUNCHER) x", gpus=1) == "#!/bin/bash\n\n$(LAUNCHER) x\n"


@pytest.mark.parametrize(
    ("walltime", "limit"),
    [
        (30, 1800),
        ("30", 1800),
        (0.001, 1),
        ("90:30", 5430),
        ("01:30:00", 5400),
        ("2-12", 216000),
        ("2-12:30:15", 217815),
        ("inf", 0),
        (".inf", 0),
        ("0", 0),
        (None, 0),
    ],
)
def test_walltimes(walltime: float | str | None, limit: int) -> None:
    assert head(codec(), procs=1, walltime=walltime) == ["-n 1", f"-t {limit}s"]


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [
        ("held", 0), ("minimal", 1), ("low", 9), ("medium", 16), ("high", 24), ("Expedite", 31),
        ("expedited", 31), (0.0, 0), (0.5, 16), (0.01, 1), (1.0, 31),
    ],
)  # fmt: skip
def test_priorities(priority: float | str, urgency: int) -> None:
    assert head(codec(), procs=1, priority=priority)[-1] == f"--urgency={urgency}"


@pytest.mark.parametrize(
    ("wanted", "directives"),
    [
        ({"nodes": 2, "exclusive_allocation": True}, ["-N 2", "-t 0s", "--exclusive"]),
        ({"nodes": 2, "allocation_args": (("x", None),)}, ["-N 2", "-t 0s", "--exclusive"]),
        ({"nodes": 2, "allocation_args": (("exclusive", True),)}, ["-N 2", "-t 0s", "--exclusive"]),
        ({"nodes": 2, "allocation_args": (("x", False),)}, ["-N 2", "-t 0s"]),
        (
            {"nodes": 2, "exclusive_allocation": False, "allocation_args": (("x", None),)},
            ["-N 2", "-t 0s"],
        ),
        (
            {"nodes": 2, "procs": 8, "cores_per_task": 2, "exclusive_allocation": True},
            ["-N 2", "-t 0s", "--exclusive"],
        ),
        # "Number of slots to allocate must be specified", where there are neither; so Flux can say
        # what it misses: "exclusive can only be set with a node count"
        ({"procs": 8, "exclusive_allocation": True}, ["-n 8", "-t 0s", "--exclusive"]),
    ],
)
def test_exclusive_allocations(wanted: Any, directives: list[str]) -> None:
    assert head(codec(), **wanted) == directives


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"exclusive_launcher": True}, "flux run -N 2 -n 8 --exclusive x"),
        ({"launcher_args": (("x", None),)}, "flux run -N 2 -n 8 --exclusive x"),
        ({"launcher_args": (("exclusive", False),)}, "flux run -N 2 -n 8 -c 2 x"),
        ({"exclusive_allocation": True}, "flux run -N 2 -n 8 -c 2 x"),
    ],
)
def test_exclusive_launchers(wanted: Any, line: str) -> None:
    wanted = {"nodes": 2, "procs": 8, "cores_per_task": 2} | wanted
    assert script(codec(), "$(LAUNCHER) x", **wanted).splitlines()[-1] == line


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("$(LAUNCHER) x", "flux run -N 2 -n 8 x"),
        ("$(LAUNCHER)[2n, 8p] x", "flux run -N 2 -n 8 x"),
        ("$(LAUNCHER)[6p, 1n] x", "flux run -N 1 -n 6 x"),
        ("$(LAUNCHER)[4p] x", "flux run -n 4 x"),
        ("$(LAUNCHER)[2, 5] x", "flux run -N 2 -n 5 x"),
        (
            "$(LAUNCHER) a; $(LAUNCHER)[1p] b | $(LAUNCHER)[1n,2p] c",
            "flux run -N 2 -n 8 a; flux run -n 1 b | flux run -N 1 -n 2 c",
        ),
    ],
)
def test_launchers(command: str, expected: str) -> None:
    assert script(codec(), command, nodes=2, procs=8).splitlines()[-1] == expected


LINE = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)))


@given(name=LINE, value=LINE.filter(bool), file=LINE.filter(bool))
@example("#1", "a#b", "a(b)")
@example("\u2028\x0c\x85", '"', "\\")
@example("#flux: -n 9", "flux:", "#FLUX: -n 9")
def test_words_survive_the_script(name: str, value: str, file: str) -> None:
    made = codec(queue=value, bank=value)
    arguments = (("setattr", (("system", (("note", value),)),)), ("requires", value))
    task = Rendered(name, file, "", "", "", Resources(procs=1, allocation_args=arguments))
    assert made.directives(made.script(task, "true")) == (
        "-n", "1", "-t", "0s", "-q", value, f"--bank={value}",
        f"--job-name={name.replace(' ', '_')}",
        f"--output={file}.{{{{id}}}}.out", f"--error={file}.{{{{id}}}}.err",
        f"--setattr=system.note={value}", f"--requires={value}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#flux: --setopt=a 'b c' # -N 5", ("--setopt=a", "b c")),
        ("#FLUX: -N 5", ("-N", "5")),  # RFC 36: what is no word character, and either tag
        ("# flux: -N 5", ("-N", "5")),
        ("## FLUX:-N5", ("-N5",)),
        ("#Flux: -N 5", ()),
        ("# my flux: -N 5", ()),
    ],
)
def test_directives_of_users(line: str, words: tuple[str, ...]) -> None:
    text = f"#!/bin/bash\n# mine\n\n{line}\n#flux: --last\necho x\n#flux: -N 9\n"
    assert codec().directives(text) == (*words, "--last")


# ---- submitting


def submission(made: FluxCodec, more: str = "", **wanted: Any) -> Submission:
    resources = Resources(procs=1, **wanted)
    text = script(made, procs=1, **wanted).replace("\n\n", f"\n{more}\n\n")
    command = ("/s/wrapper.sh", "/s/0/1.1", "/s/sim.sh")
    return Submission(command, made.directives(text), resources, "/s/it's", "maestro:study:1.1")


def test_an_instance_for_a_script() -> None:
    made = codec(flux_uri="local:///a", uri="local:///b")
    command = made.submission(submission(made, "#flux: -B mine --conf=a=1"), Facts())
    assert command.arguments == (
        "flux", "batch", "-n", "1", "-t", "0s", "-q", "debug", "--bank=science",
        "--job-name=sim", "--output=sim.{{id}}.out", "--error=sim.{{id}}.err", "-B", "mine",
        "--conf=a=1", "--cwd=/s/it's", '--setattr=user.maestro="maestro:study:1.1"',
        "/s/wrapper.sh", "/s/0/1.1", "/s/sim.sh",
    )  # fmt: skip
    assert command.environment == {"FLUX_URI": "local:///b"}
    assert codec(flux_uri="local:///a").queue([]).environment == {"FLUX_URI": "local:///a"}
    assert codec().cancel([]).environment == {}


@pytest.mark.parametrize("nested", [True, None])
def test_nested_or_not(nested: bool | None) -> None:
    made = codec()
    wanted = submission(made, nested=nested)
    assert made.submission(wanted, Facts()).arguments[1] == "batch"
    assert made.rank_variable(wanted.resources) == ""


def test_a_job_without_an_instance() -> None:
    made = codec()
    wanted = submission(
        made, "#flux: --conf x=1 -l", nested=False, allocation_args=(("conf", (("a", 1),)),)
    )
    words = made.submission(wanted, Facts()).arguments
    assert words[1] == "submit"
    assert not any("conf" in word or word == "x=1" for word in words)
    assert words[-6:-3] == ("-l", "--cwd=/s/it's", '--setattr=user.maestro="maestro:study:1.1"')
    assert made.rank_variable(wanted.resources) == "FLUX_TASK_RANK"


@pytest.mark.parametrize(
    "queue", ["", "#flux: -q mine", "#flux: -qmine", "#flux: --queue mine", "#flux: --queue=mine"]
)
def test_a_broker_without_queues(queue: str) -> None:
    made = codec()
    words = made.submission(submission(made, queue), Facts(queues=False)).arguments
    assert not {"-q", "-qmine", "debug", "mine", "--queue", "--queue=mine"} & set(words)
    assert words[2:8] == ("-n", "1", "-t", "0s", "--bank=science", "--job-name=sim")
    assert "debug" in made.submission(submission(made, queue), Facts()).arguments


def test_facts() -> None:
    assert codec(queue=None).probe() is None
    probe = codec().probe()
    assert probe is not None
    assert probe.arguments == ("flux", "queue", "list", "--no-header", "-o", "{queue}")
    assert codec().facts(Answer(0, "pbatch\npdebug\n", "")).queues
    assert not codec().facts(Answer(0, "\n", "")).queues  # one queue, which has no name
    assert codec().facts(Answer(1, "", "flux-queue: ERROR: x")).queues
    assert codec().facts(Answer(None, "", "")).queues


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        (Answer(0, "ƒ2Jx9bqrK\n", ""), "f2Jx9bqrK"),
        (Answer(0, "f2Jx9bqrK\n", ""), "f2Jx9bqrK"),
        (Answer(0, "a word of the site\nƒ2Jx9bqrK\n", "warning"), "f2Jx9bqrK"),
        (Answer(7, "ƒ2Jx9bqrK\n", ""), "f2Jx9bqrK"),  # flux submit --wait, whose job has failed
        (Answer(None, "ƒ2Jx9bqrK\n", ""), "f2Jx9bqrK"),
        (Answer(None, "", ""), None),
        (Answer(0, "", ""), None),
        (Answer(0, "what is this?\n", ""), None),
        (Answer(-9, "", ""), None),
        (Answer(1, "", "flux-batch: ERROR: [Errno 110] Connection timed out"), None),
        (Answer(1, "", "flux-batch: ERROR: [Errno 104] Connection reset by peer"), None),
    ],
)
def test_accepted_or_in_doubt(answer: Answer, job: str | None) -> None:
    assert codec().accepted(answer, crowded=False) == job


@pytest.mark.parametrize(
    ("err", "transient"),
    [
        ("flux-batch: ERROR: Number of slots to allocate must be specified", False),
        ("flux-batch: ERROR: [Errno 22] Invalid queue 'nosuch' specified", False),
        ("flux-batch: error: argument -n/--nslots: invalid int value: 'x'", False),
        ("flux-batch: ERROR: exclusive can only be set with a node count", False),
        ("flux-submit: ERROR: [Errno 22] job submission is disabled: closed", False),
        ("flux: ERROR: Unable to connect to Flux: ENOENT", True),
        ("flux-batch: ERROR: [Errno 113] Host unreachable: No route to host", True),
        ("flux-batch: ERROR: [Errno 11] Resource temporarily unavailable", True),
    ],
)
def test_refused(err: str, transient: bool) -> None:
    with pytest.raises(BackendError) as caught:
        codec().accepted(Answer(1, "", f"{err}\n"), crowded=True)
    assert caught.value.transient == transient
    assert str(caught.value) == err


@pytest.mark.parametrize(
    ("recorded", "job"),
    [
        ("ƒAbc", "fAbc"),
        ("", ""),
    ],
)
def test_a_job_that_names_itself(recorded: str, job: str) -> None:
    assert codec().known_as(recorded) == job


def test_other_commands() -> None:
    made = codec()
    assert made.cancel(["f1", "f2"]).arguments == ("flux", "cancel", "f1", "f2")
    assert made.throttle("f1", 5) is None
    assert made.history(["f1"]) is None
    assert made.recalled(Answer(0, "f1|RUN||1.0|0.0|", "")) == []
    assert made.shared(("-n", "1")) == ("-n", "1")
    assert not made.array_variables
    assert isinstance(made, Scheduler)


# ---- states

MANUAL = {
    # flux-jobs(1), JOB STATUS; NEW of RFC 21 comes before them
    "NEW": Seen.ACCEPTED, "DEPEND": Seen.ACCEPTED, "PRIORITY": Seen.ACCEPTED,
    "SCHED": Seen.ACCEPTED, "RUN": Seen.STARTED, "CLEANUP": Seen.STARTED,
    "COMPLETED": Seen.FINISHED, "FAILED": Seen.FAILED, "CANCELED": Seen.CANCELLED,
    "TIMEOUT": Seen.TIMED_OUT,
}  # fmt: skip


def jobs(*lines: str) -> list[Sighting]:
    return codec().sightings(Answer(0, "".join(f"{line}\n" for line in lines), ""))


def test_every_status_of_the_manual_has_its_row() -> None:
    assert STATES == MANUAL


@pytest.mark.parametrize(("state", "seen"), [*MANUAL.items(), ("TELEPORTED", Seen.MISSING)])
def test_a_status(state: str, seen: Seen) -> None:
    (found,) = jobs(f"ƒ3|{state}|1|100.5|200.25|")
    assert (found.job, found.seen) == ("f3", seen)
    ended = seen not in (Seen.ACCEPTED, Seen.STARTED, Seen.MISSING)
    assert found.exit_code == (1 if ended else None)
    assert found.started == (None if seen is Seen.ACCEPTED else 100.5)
    assert found.ended == (200.25 if ended else None)
    assert found.detail == ("time limit reached" if seen is Seen.TIMED_OUT else "")


QUEUE = """\
ƒ2Jx9bqrA|SCHED||0.0|0.0|
ƒ2Jx9bqrB|RUN||1795612003.25|0.0|
ƒ2Jx9bqrC|COMPLETED|0|1795612003.25|1795612005.5|Exit 0
ƒ2Jx9bqrD|FAILED|7|1795612003.25|1795612005.5|Exit 7
ƒ2Jx9bqrE|FAILED|139|1795612003.25|1795612005.5|Segmentation fault
ƒ2Jx9bqrF|CANCELED|143|1795612003.25|1795612005.5|Canceled: a note | with a bar
ƒ2Jx9bqrG|CANCELED|-128|0.0|1795612005.5|Canceled
ƒ2Jx9bqrH|TIMEOUT|142|1795612003.25|1795612005.5|Timeout
f2Jx9bqrJ|FAILED|1|0.0|1795612005.5|Exception: type=alloc note=unsatisfiable request
"""


def test_the_list_of_jobs() -> None:
    start, end = 1795612003.25, 1795612005.5
    assert codec().sightings(Answer(0, QUEUE, "")) == [
        Sighting("f2Jx9bqrA", Seen.ACCEPTED),
        Sighting("f2Jx9bqrB", Seen.STARTED, started=start),
        Sighting("f2Jx9bqrC", Seen.FINISHED, "", 0, start, end),
        Sighting("f2Jx9bqrD", Seen.FAILED, "", 7, start, end, "Exit 7"),
        Sighting("f2Jx9bqrE", Seen.FAILED, "", 139, start, end, "Segmentation fault"),
        Sighting("f2Jx9bqrF", Seen.CANCELLED, "", 143, start, end, "Canceled: a note | with a bar"),
        Sighting("f2Jx9bqrG", Seen.CANCELLED, "", None, None, end, "Canceled"),
        Sighting("f2Jx9bqrH", Seen.TIMED_OUT, "", 142, start, end, "time limit reached"),
        Sighting(
            "f2Jx9bqrJ", Seen.FAILED, "", 1, None, end,
            "Exception: type=alloc note=unsatisfiable request",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code"),
    [("0", 0), ("7", 7), ("137", 137), ("-9", 137), ("-11", 139), ("-128", None), ("", None)],
)
def test_return_codes(status: str, code: int | None) -> None:
    (found,) = jobs(f"f3|FAILED|{status}|1.0|2.0|")
    assert found.exit_code == code


def test_odd_numbers() -> None:
    for odd in ("\u00b2", "--1", "1x", "9" * 5000, "nan", "inf", "-inf", "1e999"):
        (found,) = jobs(f"f3|FAILED|{odd}|{odd}|{odd}|")
        assert (found.exit_code, found.started, found.ended) == (None, None, None)


@pytest.mark.parametrize("line", ["", "|", "ƒ3|RUN||1.0|0", "flux-jobs: something"])
def test_broken_lines_are_passed_over(line: str) -> None:
    assert [row.job for row in jobs(line, "f7|RUN||1.0|0.0|", line)] == ["f7"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(1, "", "JobID f2Jx9bqrA unknown\nJobID f2Jx9bqrB unknown\n"),
        Answer(1, "", "flux-jobs: JobID f2Jx9bqrA unknown\n"),
        Answer(0, "", "JobID f2Jx9bqrA unknown\n"),
        Answer(0, "", ""),
    ],
)
def test_no_jobs(answer: Answer) -> None:
    assert codec().sightings(answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, QUEUE, ""),
        Answer(1, "", "flux: ERROR: Unable to connect to Flux: broker socket unknown"),
        Answer(1, "", "flux-jobs: ERROR: unknown option"),
        Answer(1, "", "flux-jobs: ERROR: Error in user format: Unknown format field: x"),
        Answer(2, "", "flux-jobs: error: argument JOBID: invalid JobID value: 'x'"),
        Answer(1, "", "JobID f2Jx9bqrA unknown\nrpc: Connection reset by peer\n"),
        Answer(1, "", ""),
        Answer(127, "", "flux: [Errno 2] No such file or directory: 'flux'"),
    ],
)
def test_a_broker_that_does_not_answer(answer: Answer) -> None:
    """None of these says that the jobs are not known, after which they would be given up."""
    with pytest.raises(BackendError) as caught:
        codec().sightings(answer)
    assert caught.value.transient


def test_asking() -> None:
    form = "{id.f58}|{status}|{returncode}|{t_run}|{t_inactive}|{inactive_reason}"
    head = ("flux", "jobs", "--no-header", "-o", form)
    assert codec().queue(["f1", "f2"]).arguments == (*head, "f1", "f2")
    # One thing that is no id, and flux-jobs would list nothing.
    assert codec().queue(["-", "f2", "", "-x"]).arguments == (*head, "f2")
    # Of more than it lists, flux-jobs leaves out the last.
    many = [f"f{number}" for number in range(LISTED + 1)]
    assert codec().queue(many).arguments == (*head, "--count=0", *many)


# ---- whatever comes

TEXT = st.text() | st.lists(
    st.sampled_from(["ƒ3", "f", "|", "\n", "RUN", "FAILED", "-", "²", "99999", "nan", "1.5",
                     "JobID ", " unknown"]),
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


@given(recorded=st.text())
def test_no_record_breaks_it(recorded: str) -> None:
    codec().known_as(recorded)
