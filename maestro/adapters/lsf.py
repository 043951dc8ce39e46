"""IBM Spectrum LSF: scripts, command lines, and what its commands print.

Sources: the LSF 10.1 command reference, bsub, bjobs and bkill; the manual page jsrun(1).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from maestro.adapters.codec import Answer, Command, Facts, Sighting, Submission
from maestro.adapters.script import (
    directives,
    further,
    option,
    plain_script,
    quoted,
    script,
    seconds,
    setting,
)
from maestro.engine.observations import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources
from maestro.spec.tokens import apply_launcher

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
    "TERM_FORCE_ADMIN": (Seen.CANCELLED, "killed by an administrator"),
    "TERM_FORCE_OWNER": (Seen.CANCELLED, "killed by its owner"),
    "TERM_MEMLIMIT": (Seen.FAILED, "out of memory"),
    "TERM_OWNER": (Seen.CANCELLED, "killed by its owner"),
    "TERM_PREEMPT": (Seen.NODE_LOST, "preempted by another job"),
    "TERM_RC_RECLAIM": (Seen.NODE_LOST, "its host was taken back"),
    "TERM_RUNLIMIT": (Seen.TIMED_OUT, "time limit reached"),
    "TERM_SWAP": (Seen.FAILED, "out of memory"),
    "TERM_ZOMBI": (Seen.LOST, "its host does not answer"),
}
"""What bjobs' reasons for EXIT mean where it is more than FAILED."""

_FIELDS = "jobid stat exit_code exit_reason job_description"
_TRANSIENT = re.compile(
    r"lsf is down|not responding|try (again|later)|cannot connect|communication|daemon", re.I
)
_FULL = re.compile(r"job slot limit|pending job|threshold|MAX_PEND", re.I)


class LsfCodec:
    """LSF 10.1, with jsrun to launch."""

    title = "LSF"
    extension = ".lsf.sh"
    programs = ("bsub", "bjobs", "bkill")
    job_variables = ("LSB_JOBID",)
    array_variables = ()
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
        if not task.resources.scheduled:
            return plain_script(self._batch, task.resources, command)
        head = [f"#BSUB {line}" for line in self._head(task)]
        command = apply_launcher(command, lambda n, p: self._launch(task.resources, n, p))
        return script(self._batch.shell, head, command)

    def _head(self, task: Rendered) -> Iterator[str]:
        step = task.resources
        yield f"-nnodes {step.nodes or setting(self._batch, 'nodes') or 1}"
        for key, name in (("queue", "q"), ("bank", "G")):
            if value := setting(self._batch, key):
                yield f"-{name} {value}"
        total = seconds(step.walltime, hours_first=True)
        if total is not None:
            minutes = -(-total // 60)
            yield f"-W {minutes // 60:02d}:{minutes % 60:02d}"
        yield f"-J {_name(task.name)}"
        yield f"-o {task.file}.%J.out"
        if reservation := step.reservation or setting(self._batch, "reservation"):
            yield f"-U {reservation}"
        yield f"-e {task.file}.%J.err"
        if step.exclusive_allocation:
            yield "-x"
        for name, wanted in further(self._batch, step.allocation_args, "allocation_args"):
            if wanted is None or wanted is True:
                yield f"-{name}"
            elif wanted is not False and not isinstance(wanted, tuple):
                text = str(wanted)
                yield f"-{name} {text if text == shlex.quote(text) else quoted(text)}"

    def _launch(self, step: Resources, nodes: int | None, procs: int | None) -> str:
        """``jsrun`` with its resource sets, for a part of ``step`` or for all of it."""
        gpus = setting(self._batch, "gpus") if step.gpus is None else step.gpus
        wanted = procs or step.procs or setting(self._batch, "procs") or 1
        words = ["jsrun", f"--nrs {wanted}", f"-b {step.bind or 'rs'}"]
        if gpus:
            words.append(f"-g {gpus}")
        if step.bind_gpus:
            words.append(f"-B {step.bind_gpus}")
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

    def shared(self, directives: Sequence[str]) -> tuple[str, ...]:
        """All: there are no arrays."""
        return tuple(directives)

    def rank_variable(self, resources: Resources) -> str:
        """None: a job is started once."""
        return ""

    def probe(self) -> Command | None:
        """Nothing need be known."""
        return None

    def facts(self, answer: Answer) -> Facts:
        """Nothing is asked."""
        return Facts()

    def submission(self, submission: Submission, facts: Facts) -> Command:
        """``bsub``, whose command goes through a shell. ``-rn``: it is never run again."""
        words = ["bsub", *submission.directives, "-rn", "-cwd", submission.directory]
        return Command((*words, "-Jd", submission.tag, shlex.join(submission.command)))

    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        """``Job <930> is submitted to queue <normal>.``"""
        if answer.code is None:
            return None
        match = re.search(r"^Job <(\d+)>", answer.out, re.MULTILINE)
        if answer.code == 0 and match:
            return match[1]
        full = crowded and _FULL.search(answer.err)
        raise BackendError(answer.said, transient=bool(full or _TRANSIENT.search(answer.err)))

    def member(self, job: str, index: int) -> str:
        """There are no arrays."""
        raise NotImplementedError

    def known_as(self, recorded: str) -> str:
        """As it calls itself."""
        return recorded

    # ---- looking -------------------------------------------------------------------------------

    def queue(self, jobs: Sequence[str]) -> Command:
        """``bjobs`` for all jobs of this user, those that ended lately among them."""
        return Command(("bjobs", "-a", "-noheader", "-o", f"{_FIELDS} delimiter='|'"))

    def sightings(self, answer: Answer) -> list[Sighting]:
        """Five fields a line, the description last, as it may hold anything."""
        if re.match(r"No .*job", answer.err or answer.out):
            return []
        if answer.code != 0:
            raise BackendError(answer.said, transient=True)
        found = []
        for line in answer.out.splitlines():
            fields = [text.strip() for text in line.split("|", 4)]
            if len(fields) == 5 and fields[0].isdigit() and fields[1].isupper():
                found.append(_sighting(*fields))
        return found

    def history(self, jobs: Sequence[str]) -> Command | None:
        """``bjobs -a`` has told all that can be told cheaply."""
        return None

    def recalled(self, answer: Answer) -> list[Sighting]:
        """Nothing is asked."""
        return []

    def cancel(self, jobs: Sequence[str]) -> Command:
        """``bkill``."""
        return Command(("bkill", *jobs))

    def throttle(self, job: str, limit: int) -> Command | None:
        """There are no arrays."""
        return None


def _name(task: str) -> str:
    """What LSF takes for a job's name: brackets would make an array of it."""
    return re.sub(r"[^\w.%+:@=(),/-]", "", task.replace(" ", "_"))


def _sighting(job: str, state: str, status: str, reason: str, description: str) -> Sighting:
    seen, detail = STATES.get(state, Seen.MISSING), ""
    if state == "EXIT":
        seen, detail = REASONS.get(reason.partition(":")[0].strip(), (seen, ""))
        if not detail and reason not in ("", "-"):
            detail = reason
    code = int(status) if status.isdigit() else None
    tag = description if description.startswith("maestro:") else ""
    return Sighting(job, seen, tag, code, detail=detail)
