"""Slurm: scripts, command lines, and what its commands print.

Sources: the manual pages sbatch(1), squeue(1), sacct(1), scancel(1) and scontrol(1) of Slurm 22.05
to 25.05.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from maestro.adapters.codec import (
    TAGS,
    Answer,
    Command,
    Facts,
    Scheduler,
    Sighting,
    Submission,
)
from maestro.adapters.script import (
    amount,
    clock,
    directives,
    further,
    grouped,
    option,
    owned,
    quoted,
    scheduled_script,
    setting,
    urgency,
    word,
)
from maestro.engine.observations import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Options, Resources
from maestro.spec.resources import walltime_seconds

__all__ = ["SlurmCodec"]

STATES = {
    "BOOT_FAIL": Seen.NODE_LOST,
    "CANCELLED": Seen.CANCELLED,
    "COMPLETED": Seen.FINISHED,
    "COMPLETING": Seen.STARTED,
    "CONFIGURING": Seen.ACCEPTED,
    "DEADLINE": Seen.FAILED,
    "EXPEDITING": Seen.ACCEPTED,
    "FAILED": Seen.FAILED,
    "LAUNCH_FAILED": Seen.NODE_LOST,
    "NODE_FAIL": Seen.NODE_LOST,
    "OUT_OF_MEMORY": Seen.FAILED,
    "PENDING": Seen.ACCEPTED,
    "POWER_UP_NODE": Seen.ACCEPTED,
    "PREEMPTED": Seen.NODE_LOST,
    "RECONFIG_FAIL": Seen.NODE_LOST,
    "REQUEUED": Seen.ACCEPTED,
    "REQUEUE_FED": Seen.ACCEPTED,
    "REQUEUE_HOLD": Seen.ACCEPTED,
    "RESIZING": Seen.STARTED,
    "RESV_DEL_HOLD": Seen.ACCEPTED,
    "REVOKED": Seen.MISSING,  # another cluster runs it; its records tell what became of it
    "RUNNING": Seen.STARTED,
    "SIGNALING": Seen.STARTED,
    "SPECIAL_EXIT": Seen.FAILED,
    "STAGE_OUT": Seen.STARTED,
    "STOPPED": Seen.STARTED,
    "SUSPENDED": Seen.STARTED,
    "TIMEOUT": Seen.TIMED_OUT,
    "UPDATE_DB": Seen.STARTED,
}
"""Every state of a job, as squeue and sacct name them."""

_DETAILS = {
    "BOOT_FAIL": "its node did not boot",
    "DEADLINE": "its deadline has passed",
    "LAUNCH_FAILED": "its node could not start it",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "out of memory",
    "PREEMPTED": "preempted by another job",
    "SPECIAL_EXIT": "ended in the state SPECIAL_EXIT",
    "TIMEOUT": "time limit reached",
}

_FIELDS = ("jobarrayid", "state", "exit_code", "reason", "starttime", "endtime", "comment")
_OURS = frozenset({
    "D", "M", "W", "a", "array", "chdir", "cluster", "clusters", "comment",
    "no-requeue", "open-mode", "parsable", "requeue", "test-only", "wait", "wrap",
})  # fmt: skip
"""What `submission` says itself, and what would make another thing of it."""

_PLAIN_REASONS = frozenset({
    "", "(null)", "JobArrayTaskLimit", "NonZeroExitCode", "None", "Priority", "Resources",
})  # fmt: skip
_EPOCH = {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}
# What a user's environment would leave out of the list.
_FILTERS = dict.fromkeys(
    f"SQUEUE_{name}" for name in ("ACCOUNT", "LICENSES", "NAMES", "PARTITION", "QOS", "USERS")
)
_TRANSIENT = re.compile(
    r"unable to contact|connection|communication|temporarily|munge|authentication|standby mode"
    r"|try again|not responding",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(r"timed out|zero bytes|unexpected message|reset by peer", re.IGNORECASE)
_FULL = re.compile(r"submit limit|MaxSubmit|MaxJobCount|job limit", re.IGNORECASE)
_WALLTIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}", re.ASCII)
_OWN = re.compile(r"--(job-name|output|error|comment)(=|$)|-[Joe]")
_ID = re.compile(r"(\d+)(?:;\S*)?[ \r]*", re.ASCII)
_JOB = re.compile(r"\d+(_\d+)?", re.ASCII)
_UNSTARTED = re.compile(r"(\d+)_\[([\d,:-]+)(%\d+)?\]", re.ASCII)
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6})(?::(\d{1,6}))?)?", re.ASCII)


class SlurmCodec(Scheduler):
    """Slurm, from 20.02 on."""

    title = "Slurm"
    extension = ".slurm.sh"
    programs = ("sbatch", "squeue", "scancel")
    job_variables = ("SLURM_JOB_ID",)
    array_variables = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
    keys = frozenset({
        "nodes", "procs", "gpus", "cores_per_task", "walltime", "reservation", "qos", "priority",
        "exclusive_allocation", "exclusive_launcher", "allocation_args", "launcher_args",
    })  # fmt: skip
    settings = frozenset({
        "host", "bank", "queue", "nodes", "procs", "gpus", "reservation", "qos", "launcher",
        "allocation_args", "launcher_args", "arrays", "enforce walltime",
    })  # fmt: skip

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    # ---- scripts -------------------------------------------------------------------------------

    def script(self, task: Rendered, command: str) -> str:
        """The script of ``task``, with directives if it names nodes or procs."""
        head = (f"#SBATCH {line}" for line in self._head(task))
        return scheduled_script(self._batch, task, command, head, self._launch)

    def objections(self, resources: Resources) -> Iterator[tuple[str, str]]:
        """Groups of options, those that are not people's to give, and a raised priority."""
        yield from grouped(resources)
        yield from owned(resources, "allocation_args", _OURS)
        token = isinstance(resources.priority, str) and "$(" in resources.priority
        if not token and (urgency(resources.priority) or 0) > 16:
            why = f"is '{resources.priority}', and Slurm lets nobody raise it: it stays as usual"
            yield "priority", why

    def _head(self, task: Rendered) -> Iterator[str]:
        step = task.resources
        nodes = step.nodes or amount(self._batch, "nodes")
        if nodes:
            yield f"--nodes={nodes}"
        for key, name in (("queue", "partition"), ("bank", "account")):
            if value := setting(self._batch, key):
                yield f"--{name}={word(value)}"
        if limit := _walltime(step.walltime):
            yield f"--time={word(limit)}"
        yield f"--job-name={quoted(task.name.replace(' ', '_'))}"
        yield f"--output={quoted(task.file + '.out')}"
        yield f"--error={quoted(task.file + '.err')}"
        yield f"--comment {quoted(task.description)}"
        if procs := self._procs(step):
            yield f"--ntasks={procs}"
        if step.cores_per_task:
            yield f"--cpus-per-task={step.cores_per_task}"
        if step.exclusive_allocation:
            yield "--exclusive"
        if urgency(step.priority) == 0:
            yield "--hold"
        yield from self._common(step)
        arguments = further(self._batch, step.allocation_args, "allocation_args")
        yield from _options(tuple(pair for pair in arguments if pair[0] not in _OURS))

    def _common(self, step: Resources) -> Iterator[str]:
        """What header and launcher say alike."""
        if reservation := step.reservation or setting(self._batch, "reservation"):
            yield f"--reservation={quoted(reservation)}"
        if gpus := self._gpus(step):
            yield f"--gres=gpu:{gpus}"
        if qos := step.qos or setting(self._batch, "qos"):
            yield f"--qos={word(qos)}"
        if lowered := 16 - max(1, min(16, urgency(step.priority) or 16)):
            yield f"--nice={lowered * 100}"  # who is no operator and raises it is refused

    def _launch(self, step: Resources, nodes: int | None, procs: int | None) -> str:
        """The launcher for a part of ``step``, or for all of it."""
        whole = nodes is None and procs is None
        tasks = procs or self._procs(step) or ("" if whole else 1)
        words = [f"-n {tasks}"] if tasks else []
        if wanted := step.nodes if whole else nodes:
            words.append(f"-N {wanted}")
        if step.cores_per_task:
            words.append(f"-c {step.cores_per_task}")
        if step.exclusive_launcher:
            words.append("--exclusive")
        words += self._common(step)
        words += _options(further(self._batch, step.launcher_args, "launcher_args"))
        return " ".join(["srun", *words])

    def _procs(self, step: Resources) -> str:
        return str(step.procs or "") or amount(self._batch, "procs")

    def _gpus(self, step: Resources) -> str:
        wanted = amount(self._batch, "gpus") if step.gpus is None else str(step.gpus)
        return "" if wanted == "0" else wanted

    # ---- submitting ----------------------------------------------------------------------------

    def directives(self, script: str) -> tuple[str, ...]:
        """The options of the lines that begin with ``#SBATCH``."""
        return directives(script, "#SBATCH")

    def shared(self, directives: Sequence[str]) -> tuple[str, ...]:
        """Without the names of the job, of its output, and its comment."""
        kept: list[str] = []
        words = iter(directives)
        for text in words:
            match = _OWN.match(text)
            if match is None:
                kept.append(text)
            elif text in ("--job-name", "--output", "--error", "--comment", "-J", "-o", "-e"):
                next(words, None)
        return tuple(kept)

    def probe(self) -> Command | None:
        """The limits are asked for where arrays are wanted."""
        if not self._batch.settings.get("arrays"):
            return None
        return Command(("scontrol", "show", "config"))

    def facts(self, answer: Answer) -> Facts:
        """Indices stay below MaxArraySize."""
        match = re.search(r"^MaxArraySize\s*=\s*([0-9]{1,9})\s", answer.out, re.MULTILINE)
        return Facts(largest=max(1, int(match[1])) if match else 1)

    def submission(self, submission: Submission, facts: Facts) -> Command:
        """``sbatch``. What several attempts print is kept: output is appended."""
        words = ["sbatch", "--parsable", "--open-mode=append", *submission.directives]
        words += ["--no-requeue", f"--comment={submission.tag}", f"--chdir={submission.directory}"]
        if submission.members is not None:
            limit = f"%{submission.limit}" if submission.limit else ""
            words += [f"--array=0-{submission.members - 1}{limit}", f"--job-name={submission.name}"]
            words += ["--output=/dev/null", "--error=/dev/null"]  # each member has files of its own
        return Command((*words, *submission.command))

    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        """``--parsable`` prints the id, and the cluster after a semicolon; with ``--wait`` among
        the directives the exit code is that of the job.
        """
        if ids := [found[1] for line in answer.lines if (found := _ID.fullmatch(line))]:
            return ids[-1]
        if answer.code is None or answer.code <= 0 or _DOUBTFUL.search(answer.err):
            return None
        full = crowded and _FULL.search(answer.err)
        raise BackendError(answer.said, transient=bool(full or _TRANSIENT.search(answer.err)))

    # ---- looking -------------------------------------------------------------------------------

    def queue(self, jobs: Sequence[str]) -> Command:
        """``squeue`` for all jobs of this user, those that have ended and those in hidden
        partitions among them.
        """
        fields = ",".join(f"{name}:|" for name in _FIELDS[:-1])
        words = ("squeue", "--me", "--all", "--noheader", "--array", "--states=all")
        return Command((*words, f"--Format={fields},{_FIELDS[-1]}:"), {**_EPOCH, **_FILTERS})

    def sightings(self, answer: Answer) -> list[Sighting]:
        """Seven fields a line, the comment last, as it may hold anything."""
        if answer.code != 0:
            raise BackendError(answer.said, transient=True)
        found: list[Sighting] = []
        for line in answer.lines:
            fields = [text.strip() for text in line.split("|", len(_FIELDS) - 1)]
            if len(fields) == len(_FIELDS):
                job, state, status, reason, start, end, comment = fields
                tag = comment if comment.startswith(TAGS) else ""
                wait = _number(status) or 0
                code = _exit_code(wait >> 8, wait & 0x7F)
                found += _sighting(job, state, code, start, end, reason, tag)
        return found

    def history(self, jobs: Sequence[str]) -> Command | None:
        """``sacct``; it lags behind by some seconds, and ends with 0 for unknown jobs. It knows
        members that never started by their array alone.
        """
        words = ("sacct", "-X", "-P", "-n", "-o", "JobID,State,ExitCode,Start,End")
        whole = dict.fromkeys(job.partition("_")[0] for job in jobs)
        return Command((*words, "-j", ",".join(whole)), _EPOCH)

    def recalled(self, answer: Answer) -> list[Sighting]:
        """Five fields a line; none where there is no accounting. What a member's own line says
        outranks the line of those that never started, which may name it still.
        """
        found: dict[str, Sighting] = {}
        for line in answer.lines if answer.code == 0 else ():
            fields = line.split("|")
            if len(fields) == 5:
                job, state, status, start, end = fields
                code, _, signal = status.partition(":")
                exit_code = _exit_code(_number(code) or 0, _number(signal) or 0)
                for member in _members(job):
                    for sighting in _sighting(member, state, exit_code, start, end):
                        if member == job or member not in found:
                            found[member] = sighting
        return list(found.values())

    def cancel(self, jobs: Sequence[str]) -> Command:
        """``scancel``, which ends with 0 for unknown jobs too."""
        return Command(("scancel", "--quiet", *jobs))

    def throttle(self, job: str, limit: int) -> Command | None:
        """``scontrol update``; 0 is no limit there too."""
        return Command(("scontrol", "update", f"JobId={job}", f"ArrayTaskThrottle={limit}"))


def _walltime(value: float | str | None) -> str:
    """As written where Slurm takes that; empty for none."""
    text = str(value or "").strip()
    if not text or _WALLTIME.fullmatch(text):
        return text
    try:
        total = walltime_seconds(text)
    except ValueError:
        return text  # sbatch will say so
    return "UNLIMITED" if total is None else clock(math.ceil(total))


def _options(options: Options) -> list[str]:
    flat = [option(name, value) for name, value in options if not isinstance(value, tuple)]
    return [text for text in flat if text]


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else None


def _exit_code(code: int, signal: int) -> int | None:
    """As a shell shows it. 125 for out of memory is among the signals, and is none."""
    if signal and not code:
        return 128 + signal if signal <= 64 else None
    return code


def _members(job: str) -> Iterator[str]:
    """The ids that ``job`` stands for: ``3_[1-5:2,8%1]`` are 3_1, 3_3, 3_5 and 3_8."""
    match = _UNSTARTED.fullmatch(job)
    if match is None:
        yield job
        return
    for part in match[2].split(","):
        if found := _RANGE.fullmatch(part):
            first, last, step = int(found[1]), int(found[2] or found[1]), int(found[3] or 1)
            for index in range(first, last + 1, step or 1):
                yield f"{match[1]}_{index}"


def _sighting(
    job: str,
    state: str,
    code: int | None,
    start: str,
    end: str,
    reason: str = "",
    tag: str = "",
) -> Iterator[Sighting]:
    """``CANCELLED by 1000`` is CANCELLED. A state that nobody knows is none."""
    name, _, by = state.partition(" ")
    name = name.rstrip("+")
    if not _JOB.fullmatch(job) or not name.isupper():
        return
    seen = STATES.get(name, Seen.MISSING)
    detail = _DETAILS.get(name, "")
    if reason == "JobLaunchFailure" and code:
        reason = ""  # so it is called after any signal
    if seen is Seen.CANCELLED and by:
        detail = f"cancelled by user {by.removeprefix('by ')}"
    elif seen in (Seen.ACCEPTED, Seen.FAILED) and not detail and reason not in _PLAIN_REASONS:
        detail = reason
    running = seen not in (Seen.ACCEPTED, Seen.MISSING)
    ended = running and seen is not Seen.STARTED
    if ended and _number(end) is None:
        return  # half recorded: its exit code is not there yet either
    yield Sighting(
        job,
        seen,
        tag,
        code if ended else None,
        _number(start) if running else None,
        _number(end) if ended else None,
        detail,
    )
