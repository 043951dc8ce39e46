"""Commands of LSF and Flux that really run what is submitted, in the background of this machine.

Run as ``scheduler.py PROGRAM ARGUMENTS...``, where PROGRAM is bsub, bjobs, bkill or flux. They take
the options that the manuals give them and answer in the formats that stand there: bsub, bjobs and
bkill of the LSF 10.1 command reference (IBM), flux-batch(1), flux-submit(1), flux-jobs(1),
flux-cancel(1) and flux-queue(1) of flux-core. From the environment:

STANDIN_STATE    the folder with a file for each job; a file ``down`` in it makes every command fail
                 as it does when the daemon is away, and ``anonymous`` leaves Flux without queues
STANDIN_SLOTS    jobs that run at a time (4)
STANDIN_MINUTE   seconds in a minute of LSF's time limits (60)
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STATE = Path(os.environ["STANDIN_STATE"])
SLOTS = int(os.environ.get("STANDIN_SLOTS", "4"))
MINUTE = float(os.environ.get("STANDIN_MINUTE", "60"))
GRACE = 1.0


# ---- jobs


@contextmanager
def locked() -> Iterator[None]:
    with open(STATE / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def save(job: dict[str, Any]) -> None:
    path = STATE / f"{job['id']}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(job))
    new.replace(path)


def load(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STATE / f"{number}.json").read_text())
    return found


def jobs() -> list[dict[str, Any]]:
    return [load(number) for number in sorted(int(path.stem) for path in STATE.glob("*.json"))]


def submit(make: Callable[[int], dict[str, Any]]) -> int:
    """Accept the job that ``make`` makes of its number, and let a process of its own see to it."""
    with locked():
        number = 1 + max((j["id"] for j in jobs()), default=100)
        save({"id": number, "state": "PEND", "reason": "", "code": None, **make(number)})
    subprocess.Popen(
        [sys.executable, __file__, "run", str(number)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return number


def kill(number: int, reason: str) -> bool:
    """Ask for a job to be ended; whether there was anything to end."""
    with locked():
        job = load(number)
        if job["state"] not in ("PEND", "RUN"):
            return False
        new = STATE / f"{number}.killing"
        new.write_text(reason)
        new.replace(STATE / f"{number}.kill")
    return True


def run(number: int) -> None:
    """See to one job: wait for a slot, run it, end it when its time is over or somebody asks."""
    killed = STATE / f"{number}.kill"
    while True:
        with locked():
            job = load(number)
            if killed.exists():
                save(job | {"state": "EXIT", "reason": killed.read_text(), "code": None})
                return
            busy = [j for j in jobs() if j["state"] == "RUN"]
            ahead = [j for j in jobs() if j["state"] == "PEND" and j["id"] < number]
            if not job.get("held") and len(busy) < SLOTS and not ahead:
                job |= {"state": "RUN", "start": time.time()}
                save(job)
                break
        time.sleep(0.05)
    processes = [start(job, rank) for rank in range(job["copies"])]
    reason = watch(job, processes, killed)
    codes = [process.wait() for process in processes]
    code = max((128 - c if c < 0 else c) for c in codes)
    with locked():
        save(job | {"state": "EXIT" if code or reason else "DONE", "reason": reason, "code": code,
                    "end": time.time()})  # fmt: skip


def start(job: dict[str, Any], rank: int) -> subprocess.Popen[bytes]:
    environment = os.environ | job["environment"] | {"FLUX_TASK_RANK": str(rank)}
    with open(Path(job["cwd"], job["out"]), "ab") as out, open(
        Path(job["cwd"], job["err"]), "ab"
    ) as err:
        return subprocess.Popen(
            job["command"], cwd=job["cwd"], env=environment, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip


def watch(job: dict[str, Any], processes: list[subprocess.Popen[bytes]], killed: Path) -> str:
    """Wait for the end; why it was brought about, if it was."""
    limit = job["limit"]
    while any(process.poll() is None for process in processes):
        late = limit is not None and time.time() - job["start"] > limit
        if late or killed.exists():
            for number in job["late" if late else "kill"]:
                signals(processes, number)
            end = time.time() + GRACE
            while time.time() < end and any(p.poll() is None for p in processes):
                time.sleep(0.02)
            signals(processes, signal.SIGKILL)
            return "late" if late else killed.read_text()
        time.sleep(0.02)
    return ""


def signals(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            continue


# ---- LSF


def bsub(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prefix_chars="-", allow_abbrev=False)
    for name in ("nnodes", "q", "G", "W", "J", "o", "e", "U", "cwd", "Jd", "n", "R", "alloc_flags"):
        parser.add_argument(f"-{name}", dest=name)
    for flag in ("rn", "x"):
        parser.add_argument(f"-{flag}", action="store_true", dest=flag)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if down():
        print("LSF is down. Please wait ...", file=sys.stderr)
        return 255
    if options.q == "nosuch":
        print("nosuch: No such queue. Job not submitted.", file=sys.stderr)
        return 255
    limit = None
    if options.W:
        hours, _, minutes = options.W.rpartition(":")
        limit = (60 * int(hours or 0) + int(minutes)) * MINUTE
    number = submit(lambda number: {
        "command": ["/bin/sh", "-c", " ".join(options.command)],
        "cwd": options.cwd,
        "out": options.o.replace("%J", str(number)),
        "err": options.e.replace("%J", str(number)),
        "environment": {"LSB_JOBID": str(number)},
        "description": options.Jd or "",
        "limit": limit,
        "copies": 1,
        "late": [signal.SIGUSR2],
        "kill": [signal.SIGINT, signal.SIGTERM],
    })
    print(f"Job <{number}> is submitted to queue <{options.q or 'normal'}>.")
    return 0


def bjobs(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-a", action="store_true")
    parser.add_argument("-noheader", action="store_true")
    parser.add_argument("-o", dest="form")
    options = parser.parse_args(arguments)
    if down():
        print("LSF is down. Please wait ...", file=sys.stderr)
        return 255
    *fields, delimiter = shlex.split(options.form)
    separator = delimiter.removeprefix("delimiter=")
    why = {"late": "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
           "owner": "TERM_OWNER: job killed by owner"}  # fmt: skip
    found = [job for job in jobs() if options.a or job["state"] in ("PEND", "RUN")]
    if not found:
        print("No job found" if options.a else "No unfinished job found", file=sys.stderr)
        return 255
    for job in found:
        values = {
            "jobid": job["id"],
            "stat": job["state"],
            "exit_code": job["code"] or "-",
            "exit_reason": why.get(job["reason"], "-"),
            "job_description": job["description"] or "-",
        }
        print(separator.join(str(values[field]) for field in fields))
    return 0


def bkill(arguments: list[str]) -> int:
    if down():
        print("LSF is down. Please wait ...", file=sys.stderr)
        return 255
    code = 0
    for number in map(int, arguments):
        if kill(number, "owner"):
            print(f"Job <{number}> is being terminated")
        else:
            print(f"Job <{number}>: Job has already finished", file=sys.stderr)
            code = 255
    return code


# ---- Flux

FLUX = {"PEND": "SCHED", "RUN": "RUN", "DONE": "COMPLETED", "EXIT": "FAILED"}


def flux(arguments: list[str]) -> int:
    if down():
        print("flux: ERROR: Unable to connect to Flux: No such file", file=sys.stderr)
        return 1
    kind, *rest = arguments
    if [kind, *rest[:1]] == ["queue", "list"]:
        print("" if (STATE / "anonymous").exists() else "pbatch\npdebug")
        return 0
    return {"batch": flux_submit, "submit": flux_submit, "jobs": flux_jobs, "cancel": flux_cancel}[
        kind
    ](kind, rest)


def flux_submit(kind: str, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for names in (("-N", "--nodes"), ("-n", "--nslots", "--ntasks"), ("-c", "--cores"),
                  ("-q", "--queue"), ("-g", "--gpus"), ("-t", "--time-limit"), ("-B", "--bank"),
                  ("--job-name",), ("--output",), ("--error",), ("--urgency",), ("--flags",),
                  ("--cwd",)):  # fmt: skip
        parser.add_argument(*names, dest=names[-1].strip("-"))
    for names in (("-o", "--setopt"), ("-S", "--setattr")):
        parser.add_argument(*names, action="append", default=[])
    if kind == "batch":
        parser.add_argument("--conf", action="append", default=[])
    parser.add_argument("-x", "--exclusive", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if options.queue and (STATE / "anonymous").exists():
        print(f"flux-{kind}: ERROR: queues are not configured", file=sys.stderr)
        return 1
    text = options.__dict__["time-limit"] or "0"
    limit = float(text[:-1]) if text.endswith("s") else 60 * float(text)
    copies = int(options.ntasks or 1) if kind == "submit" else 1
    number = submit(lambda number: {
        "command": options.command,
        "cwd": options.cwd,
        "out": options.output.replace("{{id}}", f58(number)),
        "err": options.error.replace("{{id}}", f58(number)),
        # Flux takes the first away from the script of an instance.
        "environment": {"FLUX_ENCLOSING_ID" if kind == "batch" else "FLUX_JOB_ID": f58(number)},
        "description": options.setattr[-1],
        "held": options.urgency == "0",
        "limit": limit or None,
        "copies": copies,
        "late": [signal.SIGALRM],
        "kill": [signal.SIGTERM],
    })
    print(f58(number))
    return 0


def flux_jobs(kind: str, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--no-header", action="store_true")
    parser.add_argument("-o", "--format")
    parser.add_argument("ids", nargs="*")
    options = parser.parse_args(arguments)
    known = {f58(job["id"]): job for job in jobs()}
    for name in options.ids:
        job = known.get(name.replace("f", "ƒ", 1))
        if job is None:
            print(f"flux-jobs: JobID {name} unknown", file=sys.stderr)
            continue
        status = FLUX[job["state"]]
        status = {"late": "TIMEOUT", "owner": "CANCELED"}.get(job["reason"], status)
        code = {None: "-128"}.get(job["code"], str(job["code"])) if status != "SCHED" else ""
        values = {
            "id.f58": f58(job["id"]), "status": status,
            "returncode": "" if status == "RUN" else code,
            "t_run": str(job.get("start", 0.0)), "t_inactive": str(job.get("end", 0.0)),
            "inactive_reason": f"Exit {job['code']}" if status == "FAILED" else "",
        }  # fmt: skip
        text = options.format
        for field, value in values.items():
            text = text.replace(f"{{{field}}}", value)
        print(text)
    return 0


def flux_cancel(kind: str, arguments: list[str]) -> int:
    known = {f58(job["id"]): job["id"] for job in jobs()}
    for name in arguments:
        number = known.get(name.replace("f", "ƒ", 1))
        if number is None or not kill(number, "owner"):
            print(f"flux-cancel: {name}: job is inactive", file=sys.stderr)
            return 1
    return 0


def f58(number: int) -> str:
    return f"ƒX{number}"


def down() -> bool:
    return (STATE / "down").exists()


def main() -> int:
    program, *arguments = sys.argv[1:]
    if program == "run":
        run(int(arguments[0]))
        return 0
    return {"bsub": bsub, "bjobs": bjobs, "bkill": bkill, "flux": flux}[program](arguments)


if __name__ == "__main__":
    sys.exit(main())
