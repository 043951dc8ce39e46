"""Who runs a work, and how each is told to."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench.measure import CORES, OURS, Contestant, Session
from tools.bench.work import Work, lay_out

__all__ = ["BARE", "MAKE", "PEER", "all_ran", "make", "runners", "study", "writers"]

PEER, BARE, MAKE = "maestrowf", "a bare loop", "make -j"
RUN = 'cd {place} && "./{name}.sh" > "{name}.out" 2> "{name}.err"'
"""How a shell runs a task that is laid out."""

Making = Callable[[int], Work]
Prepare = Callable[[Path, int], Sequence[str]]

SNAKEFILE = """\
import json
TASKS = json.load(open("work.json"))[1]

def parents(wildcards):
    return [f"{TASKS[p][0]}/{p}.out" for p in TASKS[wildcards.name][1]]

rule all:
    input: "LAST"

rule task:
    input: parents
    output: "{place}/{name}.out"
    wildcard_constraints: name="[^/]+"
    shell: 'cd {wildcards.place} && ./{wildcards.name}.sh '
           '> {wildcards.name}.out 2> {wildcards.name}.err'
"""

DODO = """\
import json
TASKS = json.load(open("work.json"))[1]

def task_work():
    for name, (place, parents) in TASKS.items():
        yield {
            "name": name, "task_dep": [f"work:{parent}" for parent in parents],
            "targets": [f"{place}/{name}.out"],
            "actions": [f"cd {place} && ./{name}.sh > {name}.out 2> {name}.err"],
        }
"""

LUIGI = """\
import json, subprocess
import luigi
TASKS = json.load(open("work.json"))[1]

class Run(luigi.Task):
    name = luigi.Parameter()

    def requires(self):
        return [Run(parent) for parent in TASKS[self.name][1]]

    def output(self):
        return luigi.LocalTarget(f"{TASKS[self.name][0]}/{self.name}.out")

    def run(self):
        place = TASKS[self.name][0]
        stem = f"{place}/{self.name}"
        with open(f"{stem}.out", "w") as out, open(f"{stem}.err", "w") as err:
            subprocess.run([f"./{self.name}.sh"], cwd=place, stdout=out, stderr=err, check=True)
"""

PARSL = """\
import json, os
import parsl
from parsl.executors.threads import ThreadPoolExecutor

@parsl.bash_app
def run(name, place, inputs=(), stdout=None, stderr=None):
    return f"cd {place} && ./{name}.sh"

def main():
    with open("work.json") as file:
        tasks = json.load(file)[1]
    cores = len(os.sched_getaffinity(0))
    executor = ThreadPoolExecutor(max_threads=cores)
    with parsl.load(parsl.Config(executors=[executor], usage_tracking=0)):
        futures = {}
        for name, (place, parents) in tasks.items():
            futures[name] = run(
                name, place, inputs=[futures[parent] for parent in parents],
                stdout=f"{place}/{name}.out", stderr=f"{place}/{name}.err",
            )
        for future in futures.values():
            future.result()

main()
"""


def study(making: Making, program: Sequence[str], *options: str) -> Prepare:
    """A study run by maestro or maestrowf."""

    def prepare(folder: Path, size: int) -> Sequence[str]:
        (folder / "study.yaml").write_text(making(size).study)
        words = ["run", "-y", "-fg", *options, "-o", str(folder / "out"), "study.yaml"]
        return [*program, *words]

    return prepare


def loop(session: Session, making: Making, what: str) -> Prepare:
    """The bare loop."""

    def prepare(folder: Path, size: int) -> Sequence[str]:
        (folder / "work.json").write_text(making(size).json())
        return session.program("loop", what, "work.json", folder / "out")

    return prepare


def after_loop(session: Session, command: Sequence[str]) -> list[str]:
    """``command``, after the bare loop has written the directories and scripts that it needs."""
    writing = session.program("loop", "write", "work.json", ".")
    return ["/bin/sh", "-c", f"{shlex.join(writing)} && exec {shlex.join(command)}"]


def given(
    session: Session, making: Making, file: str, text: str, command: Sequence[str]
) -> Prepare:
    """A peer that is given the work as JSON, and ``text`` in ``file``. LAST stands for the last
    task, in the file for its output.
    """

    def prepare(folder: Path, size: int) -> Sequence[str]:
        work = making(size)
        (folder / "work.json").write_text(work.json())
        output = f"{work.tasks[work.last].place}/{work.last}.out"
        (folder / file).write_text(text.replace("LAST", output))
        return after_loop(session, [word.replace("LAST", work.last) for word in command])

    return prepare


def make(session: Session, making: Making, *, found: bool = False) -> Prepare:
    """A rule for each task. The directories and scripts may be ``found``."""

    def prepare(folder: Path, size: int) -> Sequence[str]:
        work = making(size)
        (folder / "work.json").write_text(work.json())
        outputs = {name: f"{task.place}/{name}.out" for name, task in work.tasks.items()}
        lines = [f"all: {outputs[work.last]}"]
        for name, task in work.tasks.items():
            before = " ".join(outputs[parent] for parent in task.parents)
            lines += [f"{outputs[name]}: {before}", f"\t@{RUN.format(place=task.place, name=name)}"]
        (folder / "Makefile").write_text("\n".join([*lines, ""]))
        command = ["make", "-s", f"-j{CORES}"]
        if found:
            lay_out(work, folder)
            return command
        return after_loop(session, command)

    return prepare


def all_ran(making: Making) -> Callable[[Path, int], None]:
    """A check that every task has run: each has an output file."""

    def check(folder: Path, size: int) -> None:
        wanted = len(making(size).tasks)
        found = sum(1 for _ in folder.glob("**/*.out"))
        assert found == wanted, f"{found} of {wanted} tasks have an output"

    return check


def runners(
    session: Session, making: Making, check: Callable[[Path, int], str | None] | None = None,
    most: float = math.inf,
) -> list[Contestant]:
    """All who can run a work here. Of peers, at most the size ``most``."""
    check = check or all_ran(making)
    contestants = [
        Contestant(OURS, study(making, session.maestro, "-s", "0"), check),
        Contestant(BARE, loop(session, making, "run"), check),
    ]
    if shutil.which("make"):
        contestants.append(Contestant(MAKE, make(session, making), check))
    for name, folder in session.peers.items():
        if name in PEERS:
            contestants.append(Contestant(name, PEERS[name](session, making, folder), check, most))
    return contestants


def writers(session: Session, making: Making, most: int) -> list[Contestant]:
    """All who can write the directories and scripts of a study."""

    def check(folder: Path, size: int) -> None:
        wanted = len(making(size).tasks)
        found = sum(1 for _ in (folder / "out").glob("**/*.sh"))
        assert found == wanted, f"{found} of {wanted} scripts"

    found = [
        Contestant(OURS, study(making, session.maestro, "--dry"), check),
        Contestant(BARE, loop(session, making, "write"), check),
    ]
    if folder := session.peers.get(PEER):
        peer = study(making, [str(folder / "maestro")], "--dry")
        found.append(Contestant(PEER, peer, check, most))
    return found


def _snakemake(session: Session, making: Making, folder: Path) -> Prepare:
    command = [str(folder / "snakemake"), "--cores", str(CORES), "--quiet", "all"]
    return given(session, making, "Snakefile", SNAKEFILE, command)


def _doit(session: Session, making: Making, folder: Path) -> Prepare:
    command = [str(folder / "doit"), "-v", "0", "-n", str(CORES)]
    return given(session, making, "dodo.py", DODO, command)


def _luigi(session: Session, making: Making, folder: Path) -> Prepare:
    command = [
        str(folder / "python"), "-m", "luigi", "--module", "tasks", "Run", "--name", "LAST",
        "--local-scheduler", "--no-lock", "--workers", str(CORES), "--log-level", "ERROR",
    ]  # fmt: skip
    return given(session, making, "tasks.py", LUIGI, command)


def _parsl(session: Session, making: Making, folder: Path) -> Prepare:
    return given(session, making, "flow.py", PARSL, [str(folder / "python"), "flow.py"])


PEERS: dict[str, Callable[[Session, Making, Path], Prepare]] = {
    PEER: lambda session, making, folder: study(making, [str(folder / "maestro")], "-s", "0"),
    "Snakemake": _snakemake,
    "doit": _doit,
    "Luigi": _luigi,
    "parsl": _parsl,
}
