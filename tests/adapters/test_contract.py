"""What all backends do alike: this machine, the real Slurm, and stand-ins for LSF and Flux."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from adapter_bench import watch

from maestro.adapters.base import Backend, Job
from maestro.adapters.batch import BatchBackend
from maestro.adapters.codec import Codec, LocalCodec, Scheduler
from maestro.adapters.jobrecords import JobRecords
from maestro.adapters.local import LocalBackend
from maestro.adapters.pace import Limits
from maestro.adapters.registry import codec_for
from maestro.engine import AttemptId, Observation, Seen
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources
from tests.cluster import slurm
from tests.standins.install import StandIns, install

STANDINS = ["lsf", "flux"]
SCHEDULERS = [pytest.param("slurm", marks=pytest.mark.slurm), *STANDINS]
KINDS = ["local", *SCHEDULERS]
QUICK = Limits(
    sleeptime=0.5, least=0.2, hurry=0.2, look=0.05, missing=3.0, doubt=1.0, backoff=1.0, closing=5.0
)
ENDS = set(Seen) - {Seen.STARTED, Seen.ACCEPTED, Seen.MISSING}


@dataclass
class World:
    """One kind of backend, and jobs for it in ``folder``."""

    kind: str
    folder: Path
    codec: Codec
    standins: StandIns | None = None
    slurm: slurm.Slurm | None = None
    seen: list[Observation] = field(default_factory=list)
    opened: list[Backend] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    study: str = field(default_factory=lambda: secrets.token_hex(6))

    def backend(self, **options: bool) -> Backend:
        if not isinstance(self.codec, Scheduler):
            before = [self.folder / f"ledger-{i}-1.jsonl" for i in range(len(self.opened))]
            backend: Backend = LocalBackend(
                str(self.folder / f"ledger-{len(self.opened)}"), [*map(str, before)]
            )
        else:
            records = JobRecords(str(self.folder / "jobs"))
            records.install()
            backend = BatchBackend(
                self.codec, records, self.study, self.key, limits=QUICK, **options
            )
        self.opened.append(backend)
        return backend

    def key(self, attempt: AttemptId) -> str:
        return f"{self.rows.setdefault(attempt.task, len(self.rows))}.{attempt.number}"

    def job(self, command: str, task: str = "task", **resources: object) -> Job:
        """A job as the conductor writes it."""
        workspace = self.folder / task
        workspace.mkdir(exist_ok=True)
        wanted = Resources(procs=1, **resources)
        rendered = Rendered(task, task, "is tested", command, "", wanted)
        script = workspace / f"{task}{self.codec.extension}"
        script.write_text(self.codec.script(rendered, command))
        script.chmod(0o744)
        job = Job(
            AttemptId(task, 1), str(script), str(workspace), str(workspace / task), step="task",
            resources=wanted,
        )  # fmt: skip
        if isinstance(self.codec, Scheduler):
            job = replace(job, directives=self.codec.directives(script.read_text()))
        return job

    def wait(self, backend: Backend, until: Callable[[], object], seconds: float = 40) -> None:
        watch(backend, self.seen, until, seconds)

    def ends(self) -> Mapping[str, Observation]:
        return {seen.attempt.task: seen for seen in self.seen if seen.seen in ENDS}

    def has(self, seen: Seen) -> bool:
        return any(s.seen is seen for s in self.seen)

    def run(self, *jobs: Job, **options: bool) -> list[Observation]:
        """Run jobs to their ends, in the order of the jobs."""
        backend = self.backend(**options)
        backend.submit(jobs)
        self.wait(backend, lambda: len(self.ends()) == len(jobs))
        return [self.ends()[job.attempt.task] for job in jobs]

    def output(self, task: str = "task", ending: str = "out") -> str:
        (path,) = (self.folder / task).glob(f"*.{ending}")
        return path.read_text()


@pytest.fixture(params=KINDS)
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    kind: str = request.param
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    settings = {"host": "h", "bank": "science", "queue": "debug"}
    codec = codec_for(Batch(kind, settings=settings if kind == "slurm" else {}))
    made = World(kind, folder, codec)
    if kind == "slurm":
        made.slurm = slurm.running(monkeypatch)
    elif kind != "local":
        made.standins = install(tmp_path / "standins", monkeypatch)
    yield made
    for backend in made.opened:
        backend.cancel([AttemptId(task, 1) for task in made.rows])
        backend.close()
        if isinstance(backend, LocalBackend):
            backend._process.wait(10)


def test_a_success(world: World) -> None:
    (end,) = world.run(world.job('pwd; echo "out"; echo err >&2'))
    assert (end.seen, end.exit_code) == (Seen.FINISHED, 0)
    assert end.job or world.kind == "local"
    assert end.duration is not None
    assert abs(end.time - time.time()) < 20
    # LSF would add a report of its own.
    assert world.output().splitlines()[:2] == [str(world.folder / "task"), "out"]
    assert world.output(ending="err") == "err\n"
    kinds = [seen.seen for seen in world.seen]
    assert kinds.index(Seen.STARTED) < kinds.index(Seen.FINISHED)
    assert world.kind == "local" or kinds[0] is Seen.ACCEPTED


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 7", 7),
        ("kill -SEGV $$", 139),
        ("exec python3 -c 'import sys; sys.exit(3)'", 3),
        ("trap 'true' EXIT; exit 5", 5),
        ("trap '' TERM; (exit 9)", 9),
        ("kill -TERM $$", 143),
        ("no-such-command", 127),
    ],
)
def test_failures(world: World, command: str, code: int) -> None:
    (end,) = world.run(world.job(command))
    assert (end.seen, end.exit_code) == (Seen.FAILED, code)
    assert end.detail


def test_an_interpreter_that_is_not_there(world: World) -> None:
    job = world.job("true")
    text = Path(job.script).read_text()
    Path(job.script).write_text(text.replace("/bin/bash", "/no/such/shell", 1))
    (end,) = world.run(job)
    assert end.seen in (Seen.FAILED, Seen.REFUSED)


def test_other_interpreters(world: World) -> None:
    job = world.job("print('seven'); raise SystemExit(7)")
    text = Path(job.script).read_text()
    Path(job.script).write_text(text.replace("#!/bin/bash", "#!/usr/bin/env python3", 1))
    (end,) = world.run(job)
    assert end.exit_code == 7
    assert world.output().startswith("seven\n")


def test_cancelling_what_runs(world: World) -> None:
    job = world.job("echo $$ > pid; trap 'exit 0' TERM; while :; do sleep 0.1; done")
    backend = world.backend()
    backend.submit([job])
    world.wait(backend, (world.folder / "task" / "pid").exists)
    world.wait(backend, lambda: world.has(Seen.STARTED))
    backend.cancel([job.attempt])
    world.wait(backend, world.ends)
    assert world.ends()["task"].seen is Seen.CANCELLED
    pid = (world.folder / "task" / "pid").read_text().strip()
    world.wait(backend, lambda: not Path(f"/proc/{pid}").exists())


def test_cancelling_at_once(world: World) -> None:
    jobs = [world.job("sleep 60", f"task{i}") for i in range(8)]
    backend = world.backend()
    backend.submit(jobs)
    backend.cancel([job.attempt for job in jobs])
    world.wait(backend, lambda: len(world.ends()) == len(jobs))
    assert {end.seen for end in world.ends().values()} == {Seen.CANCELLED}


def test_a_time_limit(world: World) -> None:
    job = world.job("trap 'exit 0' TERM; while :; do sleep 0.1; done", walltime="00:01:00")
    if world.kind == "local":
        job = replace(job, time_limit=1.0)
    if world.kind == "flux":
        job = replace(job, directives=tuple(w.replace("60s", "1s") for w in job.directives))
    backend = world.backend()
    backend.submit([job])
    world.wait(backend, lambda: world.has(Seen.STARTED))
    if world.slurm is not None:
        (started,) = [seen for seen in world.seen if seen.seen is Seen.STARTED]
        world.slurm.time_out(started.job)
    world.wait(backend, world.ends)
    assert world.ends()["task"].seen is Seen.TIMED_OUT


def test_many_at_once(world: World) -> None:
    jobs = [world.job(f"echo {i}", f"task{i}") for i in range(30)]
    ends = world.run(*jobs)
    assert {end.seen for end in ends} == {Seen.FINISHED}
    finals = [seen.attempt for seen in world.seen if seen.seen in ENDS]
    assert sorted(finals) == sorted(job.attempt for job in jobs)
    assert all(world.output(f"task{i}").startswith(f"{i}\n") for i in range(30))


def test_a_successor_takes_over(world: World) -> None:
    """A conductor leaves: one job ends while nobody looks, one runs on, and nothing is lost."""
    short, long_ = world.job("sleep 0.3", "short"), world.job("sleep 3; exit 4", "long")
    backend = world.backend()
    backend.submit([short, long_])
    world.wait(backend, lambda: sum(s.seen is Seen.STARTED for s in world.seen) == 2)
    started = {seen.attempt: seen.job for seen in world.seen if seen.job}
    backend.close()
    time.sleep(1.0)
    successor = world.backend()
    if isinstance(successor, BatchBackend):
        successor.recover(started)
    elif isinstance(successor, LocalBackend):
        world.seen += successor.recorded()
        jobs = [job for job in (short, long_) if job.attempt.task not in world.ends()]
        successor.recover([job.attempt for job in jobs])
    world.wait(successor, lambda: len(world.ends()) == 2)
    assert world.ends()["short"].seen is Seen.FINISHED
    assert (world.ends()["long"].seen, world.ends()["long"].exit_code) == (Seen.FAILED, 4)


@pytest.mark.parametrize("world", SCHEDULERS, indirect=True)
def test_an_intent_without_a_job_is_found_again(world: World) -> None:
    """A conductor dies between submitting and recording: the job is found, and runs once."""
    job = world.job("echo ran >> ../ledger; sleep 2")
    backend = world.backend()
    backend.submit([job])
    world.wait(backend, lambda: world.has(Seen.ACCEPTED))
    backend.close()
    successor = world.backend()
    assert isinstance(successor, BatchBackend)
    successor.recover({job.attempt: None})
    world.wait(successor, world.ends)
    assert world.ends()["task"].seen is Seen.FINISHED
    assert (world.folder / "ledger").read_text() == "ran\n"


@pytest.mark.parametrize("world", SCHEDULERS, indirect=True)
def test_an_intent_that_was_never_submitted_is_given_up(world: World) -> None:
    """It is proven never to have run, and can never run: then it may be submitted again."""
    job = world.job("echo ran >> ../ledger")
    backend = world.backend()
    assert isinstance(backend, BatchBackend)
    backend.recover({job.attempt: None})
    world.wait(backend, world.ends)
    assert world.ends()["task"].seen is Seen.NEVER_STARTED
    late = world.backend()
    world.seen.clear()
    late.submit([job])  # as if the submission got through after all
    world.wait(late, world.ends)
    assert world.ends()["task"].seen is Seen.NEVER_STARTED
    assert not (world.folder / "ledger").exists()


@pytest.mark.parametrize("world", STANDINS, indirect=True)
def test_a_scheduler_that_is_away(world: World) -> None:
    """Jobs are assumed to be well, and people are told."""
    assert world.standins is not None
    wrapper = "read -r _ _ pid _ < ../jobs/0/0.1.start"
    job = world.job(f"trap '' TERM; sleep 2; {wrapper}; kill -TERM $pid; exit 0")
    backend = world.backend()
    backend.submit([job])
    world.wait(backend, lambda: world.has(Seen.STARTED))
    world.standins.mark("down")
    world.wait(backend, lambda: backend.health.trouble)
    time.sleep(3)
    assert not world.ends()
    world.standins.mark("down", False)
    world.wait(backend, world.ends)
    assert not backend.health.trouble
    assert world.ends()["task"].seen is Seen.FINISHED


@pytest.mark.parametrize("world", SCHEDULERS, indirect=True)
def test_a_refusal(world: World) -> None:
    job = world.job("true")
    words = {"slurm": "--partition=nosuch", "lsf": "-qnosuch", "flux": "--no-such-option"}
    backend = world.backend()
    backend.submit([replace(job, directives=(*job.directives, words[world.kind]))])
    world.wait(backend, world.ends)
    end = world.ends()["task"]
    assert (end.seen, end.transient) == (Seen.REFUSED, False)
    assert end.detail


@pytest.mark.parametrize("world", STANDINS, indirect=True)
def test_an_away_scheduler_refuses_for_the_time_being(world: World) -> None:
    assert world.standins is not None
    world.standins.mark("down")
    (end,) = world.run(world.job("true"))
    assert (end.seen, end.transient) == (Seen.REFUSED, True)


def test_the_local_codec_is_no_scheduler() -> None:
    assert not isinstance(LocalCodec(Batch()), Scheduler)
