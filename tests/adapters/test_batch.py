"""The backend for schedulers, beside one that does and says what a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adapter_bench import Wrapped, watch

from maestro.adapters import batch, commands
from maestro.adapters.base import Job
from maestro.adapters.batch import BatchBackend
from maestro.adapters.codec import Answer, Command, Facts, Scheduler, Sighting, Submission
from maestro.adapters.jobrecords import TURNED_AWAY, JobRecords, JobStart
from maestro.adapters.pace import Limits
from maestro.engine import AttemptId, Observation, Seen
from maestro.errors import BackendError

QUICK = Limits(
    sleeptime=0.05, least=0.02, hurry=0.02, look=0.01, missing=0.3, doubt=0.2, backoff=0.1
)
ENDS = set(Seen) - {Seen.STARTED, Seen.ACCEPTED, Seen.MISSING}


class Fake(Scheduler):
    """A scheduler, and its codec. It accepts everything; ``rows`` is its queue, ``past`` its
    history, and ``submit`` answers. What commands were run is in ``ran``.
    """

    title = "Fake"
    extension = ".sh"
    programs = ()
    job_variables = ("JOB",)
    array_variables = ("JOB", "INDEX")
    keys: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()

    def __init__(self, largest: int = 1) -> None:
        self.largest = largest
        self.ran: list[tuple[str, ...]] = []
        self.rows: dict[str, Sighting] = {}
        self.past: dict[str, Sighting] = {}
        self.last = 100
        self.mute = False
        self.submit: Callable[[str], Answer] = self.accept
        self._told: list[list[Sighting]] = []

    def see(self, job: str, seen: Seen, tag: str = "", **more: Any) -> None:
        self.rows[job] = Sighting(job, seen, tag, **more)

    def of(self, name: str) -> list[tuple[str, ...]]:
        """The commands of that name that were run."""
        return [words for words in self.ran if words[0] == name]

    def run(self, command: Command) -> Answer:
        name, *words = command.arguments
        self.ran.append(command.arguments)
        if name == "submit":
            return self.submit(words[0])
        if name == "probe" and self.mute:
            return Answer(1, "", "no answer")
        if name in ("queue", "history"):
            rows = self.rows.values() if name == "queue" else map(self.past.get, words)
            self._told.append([row for row in rows if row is not None])
            return Answer(0, str(len(self._told) - 1), "")
        return Answer(0, "", "")

    def accept(self, tag: str) -> Answer:
        self.last += 1
        return Answer(0, str(self.last), "")

    def script(self, task: object, command: str) -> str:
        return command

    def directives(self, script: str) -> tuple[str, ...]:
        return ()

    def shared(self, directives: Sequence[str]) -> tuple[str, ...]:
        return ()

    def probe(self) -> Command | None:
        return None if self.largest == 1 else Command(("probe",))

    def facts(self, answer: Answer) -> Facts:
        return Facts(largest=1 if answer.code else self.largest)

    def submission(self, submission: Submission, facts: Facts) -> Command:
        return Command(("submit", submission.tag, str(submission.limit)))

    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        if answer.code is None:
            return None
        if answer.code == 0 and answer.out.isdigit():
            return answer.out
        full = crowded and "full" in answer.err
        raise BackendError(answer.said, transient=full or "later" in answer.err)

    def queue(self, jobs: Sequence[str]) -> Command:
        return Command(("queue",))

    def sightings(self, answer: Answer) -> list[Sighting]:
        if answer.code != 0:
            raise BackendError(answer.said, transient=True)
        return self._told[int(answer.out)]

    def history(self, jobs: Sequence[str]) -> Command | None:
        return Command(("history", *jobs))

    def recalled(self, answer: Answer) -> list[Sighting]:
        return self._told[int(answer.out)]

    def cancel(self, jobs: Sequence[str]) -> Command:
        return Command(("cancel", *jobs))

    def throttle(self, job: str, limit: int) -> Command | None:
        return Command(("throttle", job, str(limit)))


class Bench:
    """A backend for ``fake``, and jobs for it: tasks ``t0``, ``t1`` ... in rows 0, 1 ..."""

    def __init__(self, folder: Path, fake: Fake) -> None:
        self.folder = folder
        self.fake = fake
        self.seen: list[Observation] = []
        self.opened: list[BatchBackend] = []
        self.records = JobRecords(str(folder / "jobs"))
        self.records.install()

    def backend(
        self, *, arrays: bool = False, limits: Limits = QUICK, since: float = 0.0
    ) -> BatchBackend:
        made = BatchBackend(
            self.fake, JobRecords(self.records.folder), "study", self.key, arrays=arrays,
            limits=limits, since=since,
        )  # fmt: skip
        self.opened.append(made)
        return made

    def key(self, attempt: AttemptId) -> str:
        return f"{attempt.task[1:]}.{attempt.number}"

    def job(self, row: int = 0) -> Job:
        return Job(AttemptId(f"t{row}", 1), "/bin/true", str(self.folder), f"{self.folder}/t{row}")

    def write(self, key: str, **kinds: str) -> None:
        """Write records as a job does: ``start`` and ``end`` are what they hold."""
        self.records.prepare([key])
        for kind, text in kinds.items():
            Path(f"{self.records.path(key)}.{kind}").write_text(f"{text} {time.time():.6f}\n")

    def wait(self, backend: BatchBackend, until: Callable[[], object], seconds: float = 5) -> None:
        watch(backend, self.seen, until, seconds)

    def let(self, backend: BatchBackend, polls: int) -> None:
        """Let the scheduler be asked ``polls`` times more, and the answers be taken in."""
        target = self.asked + polls + 1
        self.wait(backend, lambda: self.asked >= target)

    @property
    def asked(self) -> int:
        return len(self.fake.of("queue"))

    def kinds(self, task: str = "t0") -> list[Seen]:
        return [seen.seen for seen in self.seen if seen.attempt.task == task]

    def end(self, task: str = "t0") -> Observation | None:
        ends = [s for s in self.seen if s.seen in ENDS and s.attempt.task == task]
        return ends[-1] if ends else None

    def pending(self, *rows: int, **options: bool) -> BatchBackend:
        """A backend that has submitted jobs, which are accepted."""
        backend = self.backend(**options)
        self.answered(backend, [self.job(row) for row in rows])
        return backend

    def answered(self, backend: BatchBackend, jobs: Sequence[Job]) -> None:
        """Submit ``jobs``, and wait until something has been seen of each."""
        backend.submit(jobs)
        self.wait(backend, lambda: len(self.seen) == len(jobs))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(commands, "_run", made.run)
    return made


@pytest.fixture
def bench(tmp_path: Path, fake: Fake) -> Iterator[Bench]:
    made = Bench(tmp_path, fake)
    yield made
    for backend in made.opened:
        backend.close()


@pytest.mark.parametrize(
    "seen", [Seen.NODE_LOST, Seen.TIMED_OUT, Seen.CANCELLED, Seen.FINISHED, Seen.LOST]
)
def test_a_script_that_has_ended_by_itself_has_ended(bench: Bench, fake: Fake, seen: Seen) -> None:
    """What befalls its job afterwards must not have it repeated, whichever is seen first."""
    backend = bench.backend(limits=replace(QUICK, look=100.0))
    backend.submit([bench.job()])
    bench.wait(backend, bench.kinds)
    bench.write("0.1", start="101 host 1", end="0 0")
    fake.see("101", seen)
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.ACCEPTED, Seen.STARTED, Seen.FINISHED]


@pytest.mark.parametrize("end", ["", "143 15", "0 15"])
def test_a_job_that_the_scheduler_starts_again_is_lost(bench: Bench, fake: Fake, end: str) -> None:
    """An operator puts it back into the queue: the wrapper refuses, whatever the first run left."""
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1", **({"end": end} if end else {}))
    fake.see("101", Seen.FAILED, exit_code=TURNED_AWAY)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.LOST


def test_a_script_may_end_with_the_code_of_a_refusal(bench: Bench, fake: Fake) -> None:
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1", end=f"{TURNED_AWAY} 10")
    fake.see("101", Seen.FAILED, exit_code=TURNED_AWAY)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.FAILED


def test_a_success_without_a_start_is_none(bench: Bench, fake: Fake) -> None:
    """Another job bears the id, of before the scheduler was reset: no step is taken for done."""
    backend = bench.pending(0)
    fake.past["101"] = Sighting("101", Seen.FINISHED, exit_code=0)
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.ACCEPTED, Seen.NEVER_STARTED]


def test_what_was_given_up_and_refuses_has_never_started(bench: Bench, fake: Fake) -> None:
    """A conductor gives an attempt up, and dies before it records that."""
    bench.records.prepare(["0.1"])
    assert bench.records.claim("0.1")
    backend = bench.backend()
    backend.recover({AttemptId("t0", 1): None})
    fake.see("77", Seen.FAILED, "maestro:study:0.1", exit_code=TURNED_AWAY)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.NEVER_STARTED


def test_why_a_signal_was_sent_may_be_told_later(bench: Bench, fake: Fake) -> None:
    """The history lags behind: a time limit is no failure, and a restart may follow it."""
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1", end="143 15")
    bench.let(backend, 2)
    fake.past["101"] = Sighting("101", Seen.TIMED_OUT)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.TIMED_OUT


def test_what_may_still_run_is_not_given_up(bench: Bench, fake: Fake) -> None:
    """Only the history knows of it, which says that it runs."""
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1")
    fake.past["101"] = Sighting("101", Seen.STARTED)
    bench.wait(backend, lambda: bench.kinds()[-1] is Seen.MISSING)
    bench.let(backend, 40)
    assert bench.kinds()[-1] is Seen.MISSING
    del fake.past["101"]
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.LOST


def test_a_history_that_is_stale_keeps_nothing_that_has_ended(bench: Bench, fake: Fake) -> None:
    backend = bench.pending(0)
    fake.past["101"] = Sighting("101", Seen.STARTED)
    bench.write("0.1", start="101 host 1", end="143 15")
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.FAILED


@pytest.mark.parametrize("seen", [Seen.TIMED_OUT, Seen.CANCELLED])
def test_a_signal_may_reach_the_script_before_the_wrapper(
    bench: Bench, fake: Fake, seen: Seen
) -> None:
    """Schedulers signal one process after the other, and the record is written in between."""
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1", end="143 0")
    bench.let(backend, 2)
    fake.past["101"] = Sighting("101", seen)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is seen


def test_a_script_that_crashed_has_ended(bench: Bench) -> None:
    """No scheduler sends SIGSEGV."""
    backend = bench.backend(limits=replace(QUICK, sleeptime=60))
    bench.answered(backend, [bench.job()])
    bench.write("0.1", start="101 host 1", end="139 0")
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.FAILED


def test_a_signal_that_nobody_explains_ended_it(bench: Bench) -> None:
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1", end="143 15")
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.FAILED


def test_what_has_started_and_is_missing_is_missing(bench: Bench) -> None:
    """That it has started is no news any more, and does not hide that it is missing."""
    backend = bench.pending(0)
    bench.write("0.1", start="101 host 1")
    bench.wait(backend, lambda: Seen.STARTED in bench.kinds())
    bench.let(backend, 3)
    assert bench.kinds() == [Seen.ACCEPTED, Seen.STARTED, Seen.MISSING]


def test_what_is_missing_and_starts_has_started(bench: Bench) -> None:
    backend = bench.pending(0)
    bench.wait(backend, lambda: Seen.MISSING in bench.kinds())
    bench.write("0.1", start="101 host 1")
    bench.wait(backend, lambda: Seen.STARTED in bench.kinds())


def test_who_runs_an_attempt_knows_which_job_it_is(bench: Bench, fake: Fake) -> None:
    """The answer to the submission had been another's."""
    backend = bench.pending(0)
    bench.write("0.1", start="202 host 1")
    bench.wait(backend, lambda: Seen.STARTED in bench.kinds())
    assert bench.seen[-1].job == "202"
    backend.cancel([AttemptId("t0", 1)])
    bench.wait(backend, lambda: fake.of("cancel"))
    assert fake.of("cancel") == [("cancel", "202")]


def test_a_start_that_names_no_job(bench: Bench, fake: Fake) -> None:
    """It has started, and nobody can ask or end the job: its end record tells."""
    fake.submit = lambda tag: Answer(None, "", "")
    backend = bench.backend()
    backend.submit([bench.job()])
    bench.write("0.1", start="- host 1")
    bench.wait(backend, lambda: Seen.STARTED in bench.kinds())
    backend.cancel([AttemptId("t0", 1)])
    bench.let(backend, 2)
    assert not any("-" in words for words in fake.ran)
    bench.write("0.1", end="3 0")
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.STARTED, Seen.FAILED]


def test_the_id_of_another_study_s_job(bench: Bench, fake: Fake) -> None:
    """Ids come again when a scheduler is reset: what becomes of that job is not our task's."""
    backend = bench.pending(0)
    fake.see("101", Seen.FAILED, "maestro:other:0.1", exit_code=1)
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.ACCEPTED, Seen.MISSING, Seen.NEVER_STARTED]


def test_a_job_of_long_ago_in_the_history(bench: Bench, fake: Fake) -> None:
    """It bears the id since before the scheduler was reset, and had failed before the study."""
    backend = bench.backend(since=time.time())
    bench.answered(backend, [bench.job(0), bench.job(1)])
    fake.past["101"] = Sighting("101", Seen.FAILED, exit_code=1, ended=time.time() - 86400)
    fake.past["102"] = Sighting("102", Seen.FAILED, exit_code=1, ended=time.time() - 60)
    bench.wait(backend, lambda: bench.end("t0") and bench.end("t1"))
    assert bench.kinds("t0")[-1] is Seen.NEVER_STARTED
    assert bench.kinds("t1")[-1] is Seen.FAILED  # clocks differ


def test_an_id_that_comes_again(bench: Bench, fake: Fake) -> None:
    """The later job is followed, when the earlier one has been given up too."""
    backend = bench.pending(0)
    fake.last = 100
    backend.submit([bench.job(1)])
    bench.wait(backend, lambda: bench.kinds("t1"))
    fake.see("101", Seen.ACCEPTED, "maestro:study:1.1")
    bench.wait(backend, bench.end)
    bench.let(backend, 20)
    assert bench.kinds("t0")[-1] is Seen.NEVER_STARTED
    assert bench.kinds("t1") == [Seen.ACCEPTED]


def test_ids_with_underscores(bench: Bench, fake: Fake) -> None:
    fake.submit = lambda tag: Answer(None, "", "")
    backend = bench.backend()
    backend.submit([bench.job()])
    fake.see("job_7_x", Seen.ACCEPTED, "maestro:study:0.1")
    bench.wait(backend, lambda: bench.kinds() == [Seen.ACCEPTED])


def test_the_history_is_asked_for_all_before_they_are_given_up(
    bench: Bench, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MOST_MISSING", 2)
    backend = bench.pending(0, 1, 2)
    fake.past["103"] = Sighting("103", Seen.CANCELLED)
    bench.wait(backend, lambda: bench.end("t2"))
    assert bench.kinds("t2")[-1] is Seen.CANCELLED


def test_an_array_across_the_directories_of_records_is_found_again(
    bench: Bench, fake: Fake
) -> None:
    fake.largest = 10
    fake.submit = lambda tag: Answer(None, "", "")
    backend = bench.backend(arrays=True)
    backend.submit([bench.job(999), bench.job(1000)])
    bench.wait(backend, lambda: fake.of("submit"))
    (_, tag, _), = fake.of("submit")
    fake.see("55_1", Seen.ACCEPTED, tag)
    successor = bench.backend(arrays=True)
    successor.recover({AttemptId("t1000", 1): None})
    bench.wait(successor, lambda: bench.kinds("t1000"))
    assert bench.kinds("t1000") == [Seen.ACCEPTED]


def test_a_throttle_reaches_arrays_that_are_being_submitted(bench: Bench, fake: Fake) -> None:
    fake.largest = 10
    gate = threading.Event()

    def slow(tag: str) -> Answer:
        gate.wait(5)
        return fake.accept(tag)

    fake.submit = slow
    backend = bench.backend(arrays=True)
    backend.submit([bench.job(0), bench.job(1)])
    bench.wait(backend, lambda: fake.of("submit"))
    backend.heed(0.05, 1)
    gate.set()
    bench.wait(backend, lambda: fake.of("throttle"))
    assert fake.of("throttle") == [("throttle", "101", "1")]


@pytest.mark.parametrize("answer", [Answer(0, "Done.", ""), Answer(-9, "", "")])
def test_neither_an_id_nor_a_refusal(bench: Bench, fake: Fake, answer: Answer) -> None:
    """The command said nothing that is understood, or was killed: the job may be there."""
    fake.submit = lambda tag: answer
    backend = bench.backend()
    backend.submit([bench.job()])
    fake.see("77", Seen.ACCEPTED, "maestro:study:0.1")
    bench.wait(backend, bench.kinds)
    assert bench.kinds() == [Seen.ACCEPTED]


def test_what_was_refused_never_runs(bench: Bench, fake: Fake, wrapped: Wrapped) -> None:
    """A connection breaks after the job was accepted: it must not run beside its successor."""
    fake.submit = lambda tag: Answer(1, "", "connection reset, try later")
    backend = bench.backend()
    backend.submit([bench.job()])
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.REFUSED]
    assert wrapped("-j", "JOB", bench.records.path("0.1"), "/bin/true", JOB="77") == TURNED_AWAY


def test_what_was_refused_and_runs_was_not_refused(bench: Bench, fake: Fake) -> None:
    def late(tag: str) -> Answer:
        bench.write("0.1", start="77 host 1")
        return Answer(1, "", "connection reset, try later")

    fake.submit = late
    backend = bench.backend()
    backend.submit([bench.job()])
    bench.wait(backend, bench.kinds)
    bench.write("0.1", end="0 0")
    bench.wait(backend, bench.end)
    assert bench.kinds() == [Seen.STARTED, Seen.FINISHED]


def test_an_array_larger_than_a_limit_goes_out_in_parts(bench: Bench, fake: Fake) -> None:
    """Where people may have ten jobs, an array of forty is refused as a whole."""
    fake.largest, room = 100, 10

    def limited(tag: str) -> Answer:
        size = int(tag.partition("+")[2] or 1)
        return Answer(1, "", "the queue is full") if size > room else fake.accept(tag)

    fake.submit = limited
    backend = bench.backend(arrays=True)
    waiting = [bench.job(row) for row in range(40)]
    while waiting:
        bench.seen.clear()
        bench.answered(backend, waiting)
        refused = {seen.attempt.task for seen in bench.seen if seen.seen is Seen.REFUSED}
        assert all(seen.transient for seen in bench.seen if seen.seen is Seen.REFUSED)
        again = [job for job in waiting if job.attempt.task in refused]
        waiting = [
            replace(job, attempt=job.attempt._replace(number=job.attempt.number + 1))
            for job in again
        ]
    assert len(fake.of("submit")) < 12


def test_there_always_is_an_answer(bench: Bench, fake: Fake) -> None:
    def broken(tag: str) -> Answer:
        raise RuntimeError("unforeseen")

    fake.submit = broken
    backend = bench.backend()
    backend.submit([bench.job()])
    fake.see("77", Seen.ACCEPTED, "maestro:study:0.1")
    bench.wait(backend, bench.kinds)
    assert bench.kinds() == [Seen.ACCEPTED]


def test_a_job_that_ends_before_its_script_is_started(bench: Bench, fake: Fake) -> None:
    """That is told: what the code means is not in the task's own script."""
    backend = bench.pending(0)
    fake.see("101", Seen.FAILED, exit_code=73)
    bench.wait(backend, bench.end)
    end = bench.seen[-1]
    assert (end.seen, end.exit_code) == (Seen.FAILED, 73)
    assert end.detail == "exit code 73, before its script was started"


def test_cancelled_members_of_which_no_trace_is_left(bench: Bench, fake: Fake) -> None:
    """Slurm keeps none of those that were pending: nobody waits, and nothing is submitted again."""
    fake.largest = 10
    backend = bench.backend(arrays=True, limits=replace(QUICK, missing=1000.0))
    bench.answered(backend, [bench.job(row) for row in range(4)])
    tag = fake.of("submit")[0][1]
    for index in range(3):
        fake.see(f"101_{index}", Seen.ACCEPTED, tag)
    bench.wait(backend, lambda: bench.end("t3"))
    fake.rows.clear()
    fake.see("101", Seen.CANCELLED, tag)
    bench.write("2.1", start="101_2 host 1")
    bench.wait(backend, lambda: bench.end("t0") and bench.end("t1"))
    bench.let(backend, 3)
    assert [bench.kinds(f"t{row}")[-1] for row in range(4)] == [
        Seen.CANCELLED, Seen.CANCELLED, Seen.MISSING, Seen.CANCELLED
    ]  # fmt: skip


def test_a_cancelled_job_that_is_missing_need_not_be_waited_for(bench: Bench) -> None:
    backend = bench.backend(limits=replace(QUICK, missing=1000.0))
    bench.answered(backend, [bench.job(0), bench.job(1)])
    bench.write("1.1", start="102 host 1")
    backend.cancel([AttemptId("t0", 1), AttemptId("t1", 1)])
    bench.wait(backend, bench.end)
    bench.let(backend, 3)
    assert bench.kinds("t0")[-1] is Seen.CANCELLED
    assert bench.kinds("t1")[-1] is Seen.MISSING


def test_a_scheduler_that_was_down_at_first_is_asked_for_its_limits_again(
    bench: Bench, fake: Fake
) -> None:
    """Or its arrays would be lost to a study for good."""
    fake.largest, fake.mute = 10, True
    backend = bench.backend(arrays=True)
    bench.answered(backend, [bench.job(0), bench.job(1)])
    assert len(fake.of("submit")) == 2
    fake.mute = False
    bench.let(backend, 4)
    backend.submit([bench.job(2), bench.job(3)])
    bench.wait(backend, lambda: bench.kinds("t3"))
    assert len(fake.of("submit")) == 3


def test_a_lost_job_never_runs_beside_its_successor(
    bench: Bench, fake: Fake, wrapped: Wrapped
) -> None:
    """Its node did not boot; another attempt follows, and then an operator starts it again."""
    backend = bench.pending(0)
    fake.see("101", Seen.NODE_LOST)
    bench.wait(backend, bench.end)
    assert bench.kinds()[-1] is Seen.NODE_LOST
    assert wrapped("-j", "JOB", bench.records.path("0.1"), "/bin/true", JOB="101") == TURNED_AWAY


@pytest.mark.parametrize("text", ["", "101", "101 host 1 \0\0\0", "\0" * 40, "101 host 1 2 3"])
def test_records_whose_text_has_not_arrived(bench: Bench, text: str) -> None:
    """Network file systems may show a file before what is in it, or zeros in its place."""
    bench.records.prepare(["0.1"])
    for kind in ("start", "end"):
        Path(f"{bench.records.path('0.1')}.{kind}").write_text(text)
    assert bench.records.start("0.1") == JobStart()
    assert bench.records.end("0.1") is None
    assert not bench.records.claim("0.1")
