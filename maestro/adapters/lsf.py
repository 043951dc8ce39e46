"""IBM Spectrum LSF: scripts, command lines, and what its commands print.

Sources: the LSF 10.1 command reference, bsub, bjobs and bkill; the manual page jsrun(1).
"""

from __future__ import annotations

import re
import shlex
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
    directives,
    further,
    grouped,
    option,
    scheduled_script,
    seconds,
    setting,
    word,
)
from maestro.engine.observations import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources

__all__ = ["LsfCodec"]

STATES = {
    "DONE": Seen.FINISHED,
    "EXIT": Seen.FAILED,
    "FWD_PEND": Seen.ACCEPTED,
    "PEND": Seen.ACCEPTED,
    "PROV": Seen.ACCEPTED,
    "PSUSP": Seen.ACCEPTED,
    "RUN": Seen.STARTED,
    "SSUSP": Seen.STARTED,
    "UNKWN": Seen.MISSING,
    "USUSP": Seen.STARTED,
    "WAIT": Seen.ACCEPTED,
    "ZOMBI": Seen.LOST,
}
"""Every state of a job, as bjobs names them."""

REASONS = {
    "TERM_ADMIN": (Seen.CANCELLED, "killed by an administrator"),
    "TERM_BUCKET_KILL": (Seen.CANCELLED, "killed by its owner"),
    "TERM_FORCE_ADMIN": (Seen.CANCELLED, "killed by an administrator"),
    "TERM_FORCE_OWNER": (Seen.CANCELLED, "killed by its owner"),
    "TERM_MEMLIMIT": (Seen.FAILED, "out of memory"),
    "TERM_OWNER": (Seen.CANCELLED, "killed by its owner"),
    "TERM_PREEMPT": (Seen.NODE_LOST, "preempted by another job"),
    "TERM_RC": (Seen.NODE_LOST, "its host was taken back"),
    "TERM_RC_RECLAIM": (Seen.NODE_LOST, "its host was taken back"),
    "TERM_REMOVE_HUNG_JOB": (Seen.LOST, "removed from LSF while it hung"),
    "TERM_REQUEUE_RC": (Seen.NODE_LOST, "its host was taken back"),
    "TERM_RUNLIMIT": (Seen.TIMED_OUT, "time limit reached"),
    "TERM_SWAP": (Seen.FAILED, "out of memory"),
    "TERM_ZOMBIE": (Seen.LOST, "its host does not answer"),
}
"""What bjobs' reasons for EXIT mean where it is more than FAILED."""

_FIELDS = "jobid stat exit_code exit_reason job_description"
_TRANSIENT = re.compile(
    r"(lsf|lim|mbatchd|system) is (down|busy)|not responding|try (again|later)|connect|contact"
    r"|communication|daemon",
    re.I,
)
_DOUBTFUL = re.compile(r"time[sd]? ?out|reset by peer", re.I)
_ID = re.compile(r"^Job <(\d+)> is submitted", re.ASCII | re.MULTILINE)
_UNKNOWN = re.compile(r"^No .*\bjob found|^Job <.*> is not found", re.MULTILINE)
# What a user's environment would do to the answers.
_PLAIN = dict.fromkeys(("BSUB_QUIET", "BSUB_QUIET2", "BSUB_CHK_RESREQ"))
_FULL = re.compile(r"job slot limit|pending job|threshold|MAX_PEND", re.I)


class LsfCodec(Scheduler):
    """LSF 10.1, with jsrun to launch."""

    title = "LSF"
    extension = ".lsf.sh"
    programs = ("bsub", "bjobs", "bkill")
    job_variables = ("LSB_JOBID",)
    keys = frozenset({
        "nodes", "procs", "gpus", "cores_per_task", "tasks_per_rs", "rs_per_node", "cpus_per_rs",
        "bind", "bind_gpus", "walltime", "reservation", "exclusive_allocation", "allocation_args",
        "launcher_args",
    })  # fmt: skip
    settings = frozenset({
        "host", "bank", "queue", "nodes", "procs", "gpus", "reservation", "launcher",
        "allocation_args", "launcher_args", "enforce walltime",
    })  # fmt: skip

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    # ---- scripts -------------------------------------------------------------------------------

    def script(self, task: Rendered, command: str) -> str:
        """The script of ``task``, with directives if it names nodes or procs."""
        head = (f"#BSUB {line}" for line in self._head(task))
        return scheduled_script(self._batch, task, command, head, self._launch)

    def objections(self, resources: Resources) -> Iterator[tuple[str, str]]:
        """Groups of options."""
        return grouped(resources)

    def _head(self, task: Rendered) -> Iterator[str]:
        step = task.resources
        yield f"-nnodes {step.nodes or amount(self._batch, 'nodes') or 1}"
        for key, name in (("queue", "q"), ("bank", "G")):
            if value := setting(self._batch, key):
                yield f"-{name} {word(value)}"
        total = seconds(step.walltime, hours_first=True)
        if total is not None:
            minutes = -(-total // 60)
            yield f"-W {minutes // 60:02d}:{minutes % 60:02d}"
        if name := _name(task.name):
            yield f"-J {name}"
        yield f"-o {word(task.file + '.%J.out')}"
        if reservation := step.reservation or setting(self._batch, "reservation"):
            yield f"-U {word(reservation)}"
        yield f"-e {word(task.file + '.%J.err')}"
        if step.exclusive_allocation:
            yield "-x"
        for name, wanted in further(self._batch, step.allocation_args, "allocation_args"):
            if wanted is None or wanted is True or wanted == "":
                yield f"-{word(name)}"
            elif wanted is not False and not isinstance(wanted, tuple):
                yield f"-{word(name)} {word(str(wanted))}"

    def _launch(self, step: Resources, nodes: int | None, procs: int | None) -> str:
        """``jsrun`` with its resource sets, for a part of ``step`` or for all of it."""
        gpus = amount(self._batch, "gpus") if step.gpus is None else step.gpus
        wanted = procs or step.procs or amount(self._batch, "procs") or 1
        words = ["jsrun", f"--nrs {wanted}", f"-b {word(str(step.bind or 'rs'))}"]
        if gpus:
            words.append(f"-g {gpus}")
        if step.bind_gpus:
            words.append(f"-B {word(str(step.bind_gpus))}")
        words.append(f"-a {step.tasks_per_rs or 1}")
        words.append(f"-r {step.rs_per_node or 1}")
        words.append(f"-c {step.cpus_per_rs or step.cores_per_task or 1}")
        for name, value in further(self._batch, step.launcher_args, "launcher_args"):
            if not isinstance(value, tuple) and (text := option(name, value)):
                words.append(text)
        return " ".join(words)

    # ---- submitting ----------------------------------------------------------------------------

    def directives(self, script: str) -> tuple[str, ...]:
        """The options of the lines that begin with ``#BSUB``."""
        return directives(script, "#BSUB")

    def submission(self, submission: Submission, facts: Facts) -> Command:
        """``bsub``, whose command goes through a shell. ``-rn``: it is never run again."""
        words = ["bsub", *submission.directives, "-rn", "-cwd", submission.directory]
        return Command((*words, "-Jd", submission.tag, shlex.join(submission.command)), _PLAIN)

    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        """``Job <930> is submitted to queue <normal>.``; with ``-K`` among the directives the exit
        code is that of the job.
        """
        if match := _ID.search(answer.out):
            return match[1]
        if answer.code is None or answer.code <= 0 or _DOUBTFUL.search(answer.err):
            return None
        full = crowded and _FULL.search(answer.err)
        raise BackendError(answer.said, transient=bool(full or _TRANSIENT.search(answer.err)))

    # ---- looking -------------------------------------------------------------------------------

    def queue(self, jobs: Sequence[str]) -> Command:
        """``bjobs`` for all jobs of this user, those that ended lately among them."""
        return Command(("bjobs", "-a", "-noheader", "-o", f"{_FIELDS} delimiter='|'"))

    def sightings(self, answer: Answer) -> list[Sighting]:
        """Five fields a line, the description last, as it may hold anything."""
        found = []
        for line in answer.lines:
            fields = [text.strip() for text in line.split("|", 4)]
            if len(fields) == 5 and re.fullmatch("[0-9]+", fields[0]) and fields[1].isupper():
                found.append(_sighting(*fields))
        # Where sites want that, it ends with 255 when all jobs that it lists have ended.
        known = bool(found and not answer.err.strip()) or _UNKNOWN.search(answer.err or answer.out)
        if answer.code is None or (answer.code != 0 and not known):
            raise BackendError(answer.said, transient=True)
        return found

    def cancel(self, jobs: Sequence[str]) -> Command:
        """``bkill``."""
        return Command(("bkill", *jobs))


def _name(task: str) -> str:
    """What LSF takes for a job's name: brackets would make an array of it."""
    return re.sub(r"[^\w.%+:@=(),/-]", "", task.replace(" ", "_"))


def _sighting(job: str, state: str, status: str, reason: str, description: str) -> Sighting:
    seen, detail = STATES.get(state, Seen.MISSING), ""
    if state == "EXIT":
        seen, detail = REASONS.get(reason.partition(":")[0].strip(), (seen, ""))
        if not detail and reason not in ("", "-"):
            detail = reason
    code = int(status) if re.fullmatch("[0-9]{1,9}", status) else None
    tag = description if description.startswith(TAGS) else ""
    return Sighting(job, seen, tag, code, detail=detail)
