"""The same work for all who run tasks: empty scripts, each in a directory of its own.

A work is tasks with parents. maestro and maestrowf are given a study and write the scripts
themselves, and so does the bare loop. For the others, the bare loop writes them first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Task", "Work", "chain", "fan", "lay_out"]

EMPTY = ":"
STAMPED = "echo $EPOCHREALTIME\n{}\necho $EPOCHREALTIME"
"""A command that says when it begins and when it ends (bash 5)."""


@dataclass(frozen=True)
class Task:
    """``place`` is its directory, below that of the study."""

    place: str
    parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert not self.place.startswith("/")


@dataclass(frozen=True)
class Work:
    """``tasks`` by name, each after its parents; ``study`` is the specification of the same."""

    tasks: dict[str, Task]
    command: str
    study: str

    @property
    def script(self) -> str:
        """That of every task."""
        return f"#!/bin/bash\n\n{self.command}\n"

    @property
    def last(self) -> str:
        """The task that all others come before."""
        return next(reversed(self.tasks))

    def json(self) -> str:
        """For programs: the script, and by task its place and its parents."""
        tasks = {name: [task.place, task.parents] for name, task in self.tasks.items()}
        return json.dumps([self.script, tasks])


def fan(combinations: int, dry: bool = False) -> Work:
    """One task, two steps of as many tasks as there are ``combinations``, and one for all."""
    tasks = {"prep": Task("prep")}
    for n in range(combinations):
        tasks[f"sim_N.{n}"] = Task(f"sim/N.{n}", ("prep",))
        tasks[f"post_N.{n}"] = Task(f"post/N.{n}", (f"sim_N.{n}",))
    tasks["report"] = Task("report", tuple(f"post_N.{n}" for n in range(combinations)))
    values = ", ".join(map(str, range(combinations)))
    study = f"""\
description: {{name: fan, description: empty commands}}
study:
- {{name: prep, description: first, run: {{cmd: ":"}}}}
- {{name: sim, description: for each, run: {{cmd: ": $(N)", depends: [prep]}}}}
- {{name: post, description: after each, run: {{cmd: ":", depends: [sim]}}}}
- {{name: report, description: after all, run: {{cmd: ":", depends: [post_*]}}}}
global.parameters:
  N: {{values: [{values}], label: N.%%}}
"""
    return Work(tasks, EMPTY, study)


def chain(length: int) -> Work:
    """Tasks one after the other, which say when they begin and end."""
    names = [f"link{n}" for n in range(length)]
    tasks = {
        name: Task(name, (names[n - 1],) if n else ()) for n, name in enumerate(names)
    }
    command = STAMPED.format(EMPTY)
    block = command.replace("\n", "\n      ")
    steps = "".join(
        f"- name: {name}\n  description: a link\n  run:\n    cmd: |\n      {block}\n"
        + (f"    depends: [{tasks[name].parents[0]}]\n" if tasks[name].parents else "")
        for name in names
    )
    study = f"description: {{name: chain, description: one by one}}\nstudy:\n{steps}"
    return Work(tasks, command, study)


def lay_out(work: Work, folder: Path) -> None:
    """Write the directories and scripts."""
    for name, task in work.tasks.items():
        place = folder / task.place
        place.mkdir(parents=True)
        script = place / f"{name}.sh"
        script.write_text(work.script)
        script.chmod(0o744)
