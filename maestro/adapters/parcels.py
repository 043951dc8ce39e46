"""What goes out to a scheduler by one command: a job, or an array of jobs that are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maestro.adapters.base import Job
from maestro.adapters.codec import Scheduler, Submission
from maestro.adapters.jobrecords import JobRecords

__all__ = ["array", "parcels", "single"]


def parcels(codec: Scheduler, jobs: Sequence[Job], largest: int) -> Iterator[list[Job]]:
    """``jobs`` in lists of at most ``largest`` that may go out as one array: of the same step,
    with equal resources and equal directives.
    """
    if largest < 2:
        yield from ([job] for job in jobs)
        return
    alike: dict[object, list[Job]] = {}
    for job in jobs:
        kind = (job.step, job.resources, codec.shared(job.directives))
        alike.setdefault(kind, []).append(job)
    for group in alike.values():
        for first in range(0, len(group), largest):
            yield group[first : first + largest]


def single(codec: Scheduler, records: JobRecords, job: Job, key: str, tag: str) -> Submission:
    """``job`` by itself, with its records named ``key``."""
    words = [records.wrapper]
    if rank := codec.rank_variable(job.resources):
        words += ["-r", rank]
    words += ["-j", ",".join(codec.job_variables), records.path(key), job.script]
    return Submission(tuple(words), job.directives, job.resources, job.directory, tag)


def array(
    codec: Scheduler,
    records: JobRecords,
    members: Sequence[tuple[str, Job]],
    name: str,
    tag: str,
    limit: int,
) -> Submission:
    """``members``, by the keys of their records, as one array whose list is called ``name``.

    Raises
    ------
    OSError
        The list cannot be written.
    """
    first = members[0][1]
    variables = codec.array_variables
    words = [records.wrapper, "-a", variables[-1], "-j", ",".join(variables)]
    words.append(records.write_members(name, members))
    return Submission(
        tuple(words),
        codec.shared(first.directives),
        first.resources,
        records.folder,
        tag,
        first.step,
        len(members),
        limit,
    )
