"""Commands of Slurm, arrays among them, that really run what is submitted on this machine.

Run as ``slurm.py PROGRAM ARGUMENTS...``, where PROGRAM is sbatch, squeue, sacct, scancel or
scontrol. They take the options and answer in the formats of their manual pages, as far as Maestro
asks. They are for hundreds of jobs a minute, and never wait: the real one is in ``tools/slurm``.
From the environment:

STANDIN_STATE    the folder with a file for each submission
STANDIN_SLOTS    members of an array that run at a time (4); jobs do not wait for each other
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATE = Path(os.environ["STANDIN_STATE"])
SLOTS = int(os.environ.get("STANDIN_SLOTS", "4"))
FIRST = 101
GRACE = 1.0


# ---- submissions


def new_id() -> int:
    """The next id, and nobody else's."""
    number = max((int(path.stem) for path in STATE.glob("*.id")), default=FIRST - 1) + 1
    while True:
        try:
            os.close(os.open(STATE / f"{number}.id", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
        else:
            return number


def save(job: dict[str, Any]) -> None:
    new = STATE / f"{job['id']}.new"
    new.write_text(json.dumps(job))
    new.replace(STATE / f"{job['id']}.json")


def submissions() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(STATE.glob("*.json"))]


def members() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every job: its id, itself, and its submission."""
    for job in submissions():
        for index, member in job["members"].items():
            yield (f"{job['id']}_{index}" if index else str(job["id"])), member, job


def sbatch(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("open-mode", "chdir", "comment", "array", "job-name", "output", "error", "time",
                 "partition", "account", "nodes", "ntasks", "cpus-per-task", "nice"):  # fmt: skip
        parser.add_argument(f"--{name}")
    for flag in ("parsable", "no-requeue", "hold", "exclusive"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    indices = [""]
    if options.array is not None:
        first, _, last = options.array.partition("%")[0].partition("-")
        indices = [str(index) for index in range(int(first), int(last) + 1)]
    number = new_id()
    save({
        "id": number, "comment": options.comment, "cwd": options.chdir, "out": options.output,
        "err": options.error, "command": options.command,
        "members": {i: {"state": "PENDING", "code": 0, "start": 0, "end": 0} for i in indices},
    })  # fmt: skip
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, "run", str(number)], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    print(number)
    return 0


# ---- running


def run(number: int) -> None:
    """See to one submission until all its members have ended."""
    job = json.loads((STATE / f"{number}.json").read_text())
    waiting = dict(job["members"])
    processes: dict[str, subprocess.Popen[bytes]] = {}
    killed: dict[str, float] = {}
    while waiting or processes:
        changed = False
        for index in doomed(number, {*waiting, *processes}):
            if waiting.pop(index, None):
                job["members"][index].update(state="CANCELLED", end=time.time())
                changed = True
            elif index not in killed:
                signals(processes[index], signal.SIGTERM)
                killed[index] = time.monotonic() + GRACE
            elif time.monotonic() > killed[index]:
                signals(processes[index], signal.SIGKILL)
        for index, process in list(processes.items()):
            if (code := process.poll()) is not None:
                del processes[index]
                ended = "CANCELLED" if index in killed else "FAILED" if code else "COMPLETED"
                raw = -code if code < 0 else code << 8
                job["members"][index].update(state=ended, code=raw, end=time.time())
                changed = True
        while waiting and len(processes) < SLOTS:
            index = next(iter(waiting))
            del waiting[index]
            job["members"][index].update(state="RUNNING", start=time.time())
            processes[index] = start(job, index)
            changed = True
        if changed:
            save(job)
        time.sleep(0.02)


def doomed(number: int, indices: set[str]) -> list[str]:
    """Those of ``indices`` that somebody wants to end."""
    if (STATE / f"{number}.kill").exists():
        return sorted(indices)
    return sorted(index for index in indices if (STATE / f"{number}_{index}.kill").exists())


def start(job: dict[str, Any], index: str) -> subprocess.Popen[bytes]:
    ids = {"SLURM_JOB_ID": str(job["id"])}
    if index:
        ids = {"SLURM_JOB_ID": f"9{job['id']}{index}", "SLURM_ARRAY_JOB_ID": str(job["id"]),
               "SLURM_ARRAY_TASK_ID": index}  # fmt: skip
    with open(Path(job["cwd"], job["out"]), "ab") as out, open(
        Path(job["cwd"], job["err"]), "ab"
    ) as err:
        return subprocess.Popen(
            job["command"], cwd=job["cwd"], env=os.environ | ids, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip


def signals(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


# ---- asking


def squeue(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flag in ("me", "all", "noheader", "array"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--states")
    parser.add_argument("--Format", dest="form")
    form = parser.parse_args(arguments).form
    for name, member, job in members():
        values = {
            "jobarrayid": name, "state": member["state"], "exit_code": member["code"],
            "reason": "None", "starttime": int(member["start"]) or "N/A",
            "endtime": int(member["end"]) or "N/A", "comment": job["comment"],
        }  # fmt: skip
        fields = (part.partition(":") for part in form.split(","))
        print("".join(f"{values[field]}{after}" for field, _, after in fields))
    return 0


def sacct(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flag in ("-X", "-P", "-n"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-o", dest="fields")
    parser.add_argument("-j", dest="jobs")
    options = parser.parse_args(arguments)
    wanted = options.jobs.split(",")
    for name, member, _ in members():
        if name.partition("_")[0] in wanted:
            values = {
                "JobID": name, "State": member["state"],
                "ExitCode": f"{member['code'] >> 8}:{member['code'] & 0x7f}",
                "Start": int(member["start"]) or "Unknown", "End": int(member["end"]) or "Unknown",
            }  # fmt: skip
            print("|".join(str(values[field]) for field in options.fields.split(",")))
    return 0


def scancel(arguments: list[str]) -> int:
    for name in arguments:
        if not name.startswith("-"):
            (STATE / f"{name}.kill").touch()
    return 0


def scontrol(arguments: list[str]) -> int:
    if arguments == ["show", "config"]:
        print("MaxArraySize            = 1001")
    return 0


def main() -> int:
    program, *arguments = sys.argv[1:]
    if program == "run":
        run(int(arguments[0]))
        return 0
    commands = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel,
                "scontrol": scontrol}  # fmt: skip
    return commands[program](arguments)


if __name__ == "__main__":
    sys.exit(main())
