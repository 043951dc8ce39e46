"""What is left of a study's attempts where its store tells nothing: ledgers, the records of jobs,
and the queue of the scheduler.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping, Sequence

from maestro.adapters.base import explained
from maestro.adapters.codec import TAGS, Answer, Scheduler, Sighting
from maestro.adapters.commands import Commands
from maestro.adapters.flights import parts
from maestro.adapters.jobrecords import JobRecords
from maestro.adapters.records import End, Reader, Start, ended, started
from maestro.adapters.registry import missing_programs
from maestro.conductor.store import HIDDEN
from maestro.conductor.study import Study, ledgers
from maestro.engine import AttemptId, Observation, Seen
from maestro.errors import BackendError, StudyError

__all__ = ["Traces", "job_traces", "local_traces", "queue_traces"]

Traces = dict[AttemptId, list[Observation]]
"""What was seen of each attempt, in order: nothing where it was about to be submitted."""


def local_traces(directory: str) -> Traces:
    """What the ledgers of the study in ``directory`` tell of all local tasks that were started, or
    were about to be.

    Raises
    ------
    OSError
        One cannot be read.
    """
    traces: Traces = {}
    for path in ledgers(directory):
        for record in Reader(path).read():
            seen = traces.setdefault(AttemptId(record.task, record.number), [])
            if isinstance(record, Start):
                seen.append(started(record))
            elif isinstance(record, End):
                seen.append(ended(record))
    return traces


def job_traces(directory: str, names: Mapping[int, str], codec: Scheduler) -> Traces:
    """What jobs have written of themselves; ``names`` are the tasks by id. Of those that a signal
    ended it is left to the scheduler to say why.

    Raises
    ------
    OSError
        Something cannot be read.
    """
    records = _records(directory)
    traces: Traces = {}
    for _, keys in records.arrays():
        for key in keys:
            if (attempt := _attempt(key, names)) is not None:
                traces[attempt] = []
    for key, made in records.started():
        if (attempt := _attempt(key, names)) is None:
            continue
        start = records.start(key)
        if start is None:
            traces[attempt] = [_never(attempt, made)]
            continue
        job = codec.known_as(start.job) if start.job not in ("", "-") else ""
        at = made if start.time is None else start.time
        traces[attempt] = [Observation(attempt, Seen.STARTED, at, job=job or None)]
        end = records.end(key)
        if end is not None and not end.signal:
            seen = Seen.FAILED if end.code else Seen.FINISHED
            detail = explained(end.code) if end.code else ""
            duration = max(0.0, end.time - at)
            traces[attempt].append(
                Observation(
                    attempt, seen, end.time,
                    job=job or None, exit_code=end.code, duration=duration, detail=detail,
                )
            )  # fmt: skip
    return traces


def queue_traces(
    study: Study, names: Mapping[int, str], codec: Scheduler, jobs: Sequence[str]
) -> Traces:
    """The jobs of ``study`` that its scheduler has in its queue, maybe ``jobs`` among them.

    Raises
    ------
    StudyError
        It does not answer: what waits there would not be known.
    """
    if missing := missing_programs(codec):
        raise StudyError(
            f"the store of {study.directory} cannot be made anew here: what waits in the queue of "
            f"{codec.title} is to be asked for, and there is no {missing[0]}"
        )
    traces: Traces = {}
    ours = f"{TAGS}{study.info.identity}:"
    arrays = dict(_records(study.directory).arrays())
    for sighting in _sightings(study, codec, jobs):
        if not sighting.tag.startswith(ours):
            continue
        key = sighting.tag.removeprefix(ours)
        index = parts(sighting.job)[1]
        if key in arrays and index is not None and index < len(arrays[key]):
            key = arrays[key][index]
        if (attempt := _attempt(key, names)) is not None:
            runs = sighting.seen is Seen.STARTED
            seen = Seen.STARTED if runs else Seen.ACCEPTED
            at = time.time() if sighting.started is None or not runs else sighting.started
            traces[attempt] = [Observation(attempt, seen, at, job=sighting.job)]
    return traces


def _sightings(study: Study, codec: Scheduler, jobs: Sequence[str]) -> list[Sighting]:
    answers: list[Answer] = []
    commands = Commands()
    try:
        commands.start(codec.queue(jobs), answers.append)
        while not answers:
            select.select([commands], [], [])
            commands.collect()
        return codec.sightings(answers[0])
    except BackendError as error:
        raise StudyError(
            f"the store of {study.directory} cannot be made anew yet: what waits in the queue of "
            f"{codec.title} is to be asked for, and it does not answer ({error})"
        ) from error
    finally:
        commands.close(1.0)


def _records(directory: str) -> JobRecords:
    return JobRecords(os.path.join(directory, HIDDEN, "jobs"))


def _never(attempt: AttemptId, at: float) -> Observation:
    return Observation(attempt, Seen.NEVER_STARTED, at, transient=True)


def _attempt(key: str, names: Mapping[int, str]) -> AttemptId | None:
    """The attempt that is recorded under ``key``; None when it is no task's of today."""
    own, _, number = key.partition(".")
    if not (own.isdecimal() and number.isdecimal() and int(own) in names):
        return None
    return AttemptId(names[int(own)], int(number))
