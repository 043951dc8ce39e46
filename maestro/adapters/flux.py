"""Flux: scripts, command lines of the ``flux`` program, and what it prints.

Sources: the manual pages flux-batch(1), flux-submit(1), flux-jobs(1), flux-cancel(1) and
flux-queue(1) of flux-core 0.51 to 0.88 (banks: from 0.65), flux-environment(7), and RFC 36 for
directives.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence

from maestro.adapters.codec import Answer, Command, Facts, Scheduler, Sighting, Submission
from maestro.adapters.script import (
    amount,
    directives,
    further,
    option,
    quoted,
    scheduled_script,
    seconds,
    setting,
    urgency,
    word,
)
from maestro.engine.observations import Seen
from maestro.errors import BackendError
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Options, Resources, Value
from maestro.spec.values import as_options

__all__ = ["FluxCodec"]

STATES = {
    "CANCELED": Seen.CANCELLED,
    "CLEANUP": Seen.STARTED,
    "COMPLETED": Seen.FINISHED,
    "DEPEND": Seen.ACCEPTED,
    "FAILED": Seen.FAILED,
    "NEW": Seen.ACCEPTED,
    "PRIORITY": Seen.ACCEPTED,
    "RUN": Seen.STARTED,
    "SCHED": Seen.ACCEPTED,
    "TIMEOUT": Seen.TIMED_OUT,
}
"""Every status of a job, as flux-jobs names them."""

GROUPS = {"o": "setopt", "setopt": "setopt", "S": "setattr", "setattr": "setattr", "conf": "conf"}
"""The options whose values are mappings, by their short and long names."""

_FIELDS = ("id.f58", "status", "returncode", "t_run", "t_inactive", "inactive_reason")
LISTED = 1000
"""Jobs that flux-jobs lists unless it is told to list more."""

_TRANSIENT = re.compile(r"connect|temporarily|try again|host unreachable", re.I)
_DOUBTFUL = re.compile(r"timed out|reset by peer", re.I)
_UNKNOWN = re.compile(r"^.*\bJobID \S+ unknown$")
_ID = re.compile(r"[ƒf][0-9A-Za-z]+")
_SENTINEL = re.compile(r"^#[^\w\n]*(?:flux|FLUX):", re.MULTILINE)


class FluxCodec(Scheduler):
    """Flux, from 0.51 on, nested or not."""

    title = "Flux"
    extension = ".flux.sh"
    programs = ("flux",)
    # The script of an instance has only the second, from Flux 0.71 on.
    job_variables = ("FLUX_JOB_ID:FLUX_ENCLOSING_ID",)
    keys = frozenset({
        "nodes", "procs", "gpus", "cores_per_task", "walltime", "exclusive_allocation",
        "exclusive_launcher", "nested", "waitable", "priority", "allocation_args", "launcher_args",
    })  # fmt: skip
    settings = frozenset({
        "host", "bank", "queue", "nodes", "procs", "gpus", "flux_uri", "uri", "version", "args",
        "launcher", "allocation_args", "launcher_args", "enforce walltime",
    })  # fmt: skip

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        uri = setting(batch, "uri") or setting(batch, "flux_uri")
        self._environment: dict[str, str | None] = {"FLUX_URI": uri} if uri else {}

    # ---- scripts -------------------------------------------------------------------------------

    def script(self, task: Rendered, command: str) -> str:
        """The script of ``task``, with directives if it names nodes or procs."""
        head = (f"#flux: {line}" for line in self._head(task))
        return scheduled_script(self._batch, task, command, head, self._launch)

    def _head(self, task: Rendered) -> Iterator[str]:
        step = task.resources
        arguments = dict(further(self._batch, step.allocation_args, "allocation_args"))
        flags = [arguments.pop(name, False) is not False for name in ("x", "exclusive")]
        exclusive = step.exclusive_allocation
        if exclusive is None:
            exclusive = any(flags)
        nodes = step.nodes or amount(self._batch, "nodes")
        if nodes:
            yield f"-N {nodes}"
        procs = step.procs or amount(self._batch, "procs")
        if procs and not (exclusive and nodes):
            yield f"-n {procs}"
            if step.cores_per_task:
                yield f"-c {step.cores_per_task}"
            if gpus := self._gpus(step):
                yield f"-g {gpus}"
        yield f"-t {seconds(step.walltime) or 0}s"
        if queue := setting(self._batch, "queue"):
            yield f"-q {word(queue)}"
        if bank := setting(self._batch, "bank"):
            yield f"--bank={word(bank)}"
        yield f"--job-name={quoted(task.name.replace(' ', '_'))}"
        for kind, ending in (("output", "out"), ("error", "err")):
            name = f"{task.file}.{{{{id}}}}.{ending}"
            yield f"--{kind}={name if word(task.file) == task.file else quoted(name)}"
        if exclusive:
            yield "--exclusive"
        if (wanted := urgency(step.priority)) is not None:
            yield f"--urgency={wanted}"
        if step.waitable:
            yield "--flags=waitable"
        yield from _options(tuple(arguments.items()))

    def _launch(self, step: Resources, nodes: int | None, procs: int | None) -> str:
        """``flux run`` for a part of ``step``, or for all of it."""
        arguments = dict(further(self._batch, step.launcher_args, "launcher_args"))
        flags = [arguments.pop(name, False) is not False for name in ("x", "exclusive")]
        exclusive = step.exclusive_launcher
        if exclusive is None:
            exclusive = any(flags)
        whole = nodes is None and procs is None
        words = ["flux", "run"]
        words += [f"-N {wanted}"] if (wanted := step.nodes if whole else nodes) else []
        words += [f"-n {tasks}"] if (tasks := step.procs if whole else procs) else []
        if not exclusive:
            words += [f"-c {step.cores_per_task}"] if step.cores_per_task else []
            words += [f"-g {gpus}"] if (gpus := self._gpus(step)) else []
        words += ["--exclusive"] if exclusive else []
        older = as_options(self._batch.settings.get("args"))
        words += _options((*arguments.items(), *((("setopt", older),) if older else ())))
        return " ".join(words)

    def _gpus(self, step: Resources) -> str:
        return amount(self._batch, "gpus") if step.gpus is None else str(step.gpus or "")

    # ---- submitting ----------------------------------------------------------------------------

    def directives(self, script: str) -> tuple[str, ...]:
        """The options of the lines that begin with ``#flux:``, or ``# FLUX:``, and the like."""
        return directives(_SENTINEL.sub("#flux:", script), "#flux:")

    def rank_variable(self, resources: Resources) -> str:
        """Without an instance of its own, a script is started once for each of its processes."""
        return "FLUX_TASK_RANK" if resources.nested is False else ""

    def probe(self) -> Command | None:
        """The queues are asked for where the study names one."""
        if not setting(self._batch, "queue"):
            return None
        return Command(("flux", "queue", "list", "--no-header", "-o", "{queue}"), self._environment)

    def facts(self, answer: Answer) -> Facts:
        """A broker without named queues lists one that has no name."""
        return Facts(queues=answer.code != 0 or bool(answer.out.strip()))

    def submission(self, submission: Submission, facts: Facts) -> Command:
        """``flux batch`` makes an instance for the script, ``flux submit`` does not."""
        words = list(submission.directives)
        if not facts.queues:
            words = _without(words, "-q", "--queue")
        kind = "submit" if submission.resources.nested is False else "batch"
        if kind == "submit":
            words = _without(words, "", "--conf")
        tag = f"--setattr=user.maestro={json.dumps(submission.tag)}"
        return Command(
            ("flux", kind, *words, f"--cwd={submission.directory}", tag, *submission.command),
            self._environment,
        )

    def accepted(self, answer: Answer, *, crowded: bool) -> str | None:
        """The id is all that is printed; with ``--wait`` among the directives the exit code is that
        of the job.
        """
        ids = [line.strip() for line in answer.lines if _ID.fullmatch(line.strip())]
        if ids:
            return _plain(ids[-1])
        if answer.code is None or answer.code <= 0 or _DOUBTFUL.search(answer.err):
            return None
        raise BackendError(answer.said, transient=bool(_TRANSIENT.search(answer.err)))

    def known_as(self, recorded: str) -> str:
        """As `accepted` has it."""
        return _plain(recorded)

    # ---- looking -------------------------------------------------------------------------------

    def queue(self, jobs: Sequence[str]) -> Command:
        """``flux jobs``, for these jobs: a list of all would be of the last thousand only."""
        form = "|".join(f"{{{name}}}" for name in _FIELDS)
        words = ["flux", "jobs", "--no-header", "-o", form]
        words += ["--count=0"] if len(jobs) > LISTED else []
        known = [job for job in jobs if _ID.fullmatch(job)]  # it would refuse to list any
        return Command((*words, *known), self._environment)

    def sightings(self, answer: Answer) -> list[Sighting]:
        """Six fields a line; a job that is not known is named among the errors."""
        rows = [line.split("|", len(_FIELDS) - 1) for line in answer.lines]
        found = [_sighting(*row) for row in rows if len(row) == len(_FIELDS)]
        errors = [line.strip() for line in answer.err.splitlines() if line.strip()]
        unknown = errors and all(map(_UNKNOWN.match, errors))
        if answer.code is None or (answer.code != 0 and not found and not unknown):
            raise BackendError(answer.said, transient=True)
        return found

    def cancel(self, jobs: Sequence[str]) -> Command:
        """``flux cancel``."""
        return Command(("flux", "cancel", *jobs), self._environment)


def _options(options: Options) -> Iterator[str]:
    """Options as they are written; groups with their paths: ``--setattr=system.x=1``."""
    for name, value in options:
        if isinstance(value, tuple):
            for path, inner in _paths(value):
                text = str(inner).lower() if isinstance(inner, bool) else inner
                shown = path if text in (None, "") else f"{path}={text}"
                if made := option(GROUPS.get(name, name), shown):
                    yield made
        elif made := option(GROUPS.get(name, name), value):
            yield made


def _paths(options: Options, above: str = "") -> Iterator[tuple[str, Value]]:
    for name, value in options:
        if isinstance(value, tuple):
            yield from _paths(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _without(words: Sequence[str], short: str, long: str) -> list[str]:
    """``words`` without an option, in any of the ways to write it."""
    kept: list[str] = []
    rest = iter(words)
    for text in rest:
        if text in (short, long):
            next(rest, None)
        elif not text.startswith(f"{long}=") and not (
            short and text.startswith(short) and not text.startswith("--")
        ):
            kept.append(text)
    return kept


def _plain(job: str) -> str:
    """An id with the ``f`` that every locale can write."""
    return job.replace("ƒ", "f")


def _sighting(job: str, state: str, status: str, start: str, end: str, reason: str) -> Sighting:
    seen = STATES.get(state.strip(), Seen.MISSING)
    code = int(status) if re.fullmatch("-?[0-9]{1,9}", status.strip()) else None
    if code is not None and code < 0:  # minus the signal's number, or -128 for no process at all
        code = 128 - code if code > -128 else None
    ended = seen not in (Seen.ACCEPTED, Seen.STARTED, Seen.MISSING)
    return Sighting(
        _plain(job.strip()),
        seen,
        exit_code=code if ended else None,
        started=_time(start) if seen is not Seen.ACCEPTED else None,
        ended=_time(end) if ended else None,
        detail="" if seen is Seen.FINISHED else _detail(seen, reason.strip()),
    )


def _detail(seen: Seen, reason: str) -> str:
    if seen is Seen.TIMED_OUT:
        return "time limit reached"
    return reason if seen in (Seen.FAILED, Seen.CANCELLED) else ""


def _time(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if found and math.isfinite(found) else None
