"""A bare loop over a work: ``write`` its directories and scripts, or ``run`` them, too.

Run by path, so that it imports nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque


def write(root: str, name: str, place: str, script: str) -> tuple[str, str]:
    """Write one directory and script; the paths of both."""
    folder = f"{root}/{place}"
    os.makedirs(folder)
    path = f"{folder}/{name}.sh"
    with open(path, "w") as file:
        file.write(script)
    os.chmod(path, 0o744)
    return folder, path


def start(folder: str, path: str) -> subprocess.Popen[bytes]:
    """One process, with its output in two files."""
    stem = path.removesuffix(".sh")
    with open(f"{stem}.out", "w") as out, open(f"{stem}.err", "w") as err:
        return subprocess.Popen(
            [path], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip


def run(root: str, script: str, tasks: dict[str, tuple[str, list[str]]]) -> None:
    """As many at once as there are cores, each after its parents."""
    cores = len(os.sched_getaffinity(0))
    waiting = {name: len(parents) for name, (_, parents) in tasks.items()}
    children: dict[str, list[str]] = {name: [] for name in tasks}
    for name, (_, parents) in tasks.items():
        for parent in parents:
            children[parent].append(name)
    ready = deque(name for name, count in waiting.items() if not count)
    running: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
    while ready or running:
        while ready and len(running) < cores:
            name = ready.popleft()
            process = start(*write(root, name, tasks[name][0], script))
            running[process.pid] = name, process
        pid, status = os.wait()
        name, process = running.pop(pid)
        process.returncode = status
        for child in children[name]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)


def main() -> None:
    what, path, root = sys.argv[1:]
    with open(path) as file:
        script, tasks = json.load(file)
    if what == "run":
        run(root, script, tasks)
        return
    for name, (place, _) in tasks.items():
        write(root, name, place, script)


main()
