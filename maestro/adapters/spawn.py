"""Making the processes of tasks, and what tells somebody else later whether one was made.

A shim may be killed at any moment. What its successor finds then is all made here: the file that
`next_of` names tells whether an attempt began, the `drafts` of its output which process it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from maestro.adapters.ledger import line

TYPE_CHECKING = False  # importing typing would take as long as all else that a shim imports
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Spawner", "drafts", "next_of", "rename", "told"]

BUSY = 5.0
"""Seconds to wait for a script that somebody has open to write."""

_COMPLAIN = 'printf "%s\\n" "$0" >&2; exit "$1"'
"""What runs in the place of a script that cannot be run."""


class Spawner:
    """Makes processes for the shim with the ledger ``path``; ``null`` is open to read nothing from.

    Raises
    ------
    OSError
        The file of `next_of` cannot be made.
    """

    def __init__(self, path: str) -> None:
        self._next = next_of(path)
        self._poised = os.open(self._next, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._environment = dict(os.environb)
        self.null = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        """No more will be made, and all that were are recorded."""
        with contextlib.suppress(OSError):
            os.unlink(self._next)

    def poise(self, task: str, number: int) -> None:
        """Have an attempt be the one that is to begin next.

        Raises
        ------
        OSError
            That cannot be written.
        """
        text = line(task, number)
        try:
            written = os.pwrite(self._poised, text, 0)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._next) from error
        if written != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._next)

    def spawn(self, request: dict[str, Any]) -> int:
        """The process that runs the script of a request, or says why that cannot be run, and has
        made files for its output.

        Raises
        ------
        OSError
            There is none.
        """
        attempt, script = request["run"], request["script"]
        files = drafts(request["output"], attempt[1])
        command = [script]
        try:
            os.chdir(request["directory"])
        except OSError as error:
            command = _complaint(script, error)
        end = time.monotonic() + BUSY
        while True:
            try:
                return self._execute(command, files)
            except OSError as error:
                made = [file for file in files if os.path.lexists(file)]
                for file in made:
                    os.unlink(file)
                self.poise(*attempt)  # again: it has not begun yet
                if error.errno == errno.EEXIST:  # they were those of an attempt that never began
                    continue
                # Whoever wrote the script may just have started a process, which holds the file
                # open to write until it has become another program.
                if error.errno == errno.ETXTBSY and time.monotonic() < end:
                    time.sleep(0.01)
                elif len(made) < len(files) or command[0] != script:
                    raise OSError(error.errno, error.strerror, *files[len(made) :][:1]) from error
                else:
                    command = _complaint(script, error)

    def _execute(self, command: list[str], files: tuple[str, str]) -> int:
        """A process that makes ``files`` and becomes ``command``.

        Nothing is copied for it, as a fork would. Its files are made just before it becomes another
        program, and then it no longer is the next to begin: where both are there, and this fails,
        it was the program that failed.

        Raises
        ------
        OSError
            Any of that failed, and the process is gone.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        streams = [
            *(
                (os.POSIX_SPAWN_OPEN, number, file, flags, 0o666)
                for number, file in enumerate(files, 1)
            ),
            (os.POSIX_SPAWN_OPEN, 0, self._next, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, self.null, 0),
        ]

        def spawn(**leader: Any) -> int:
            environment = self._environment
            return os.posix_spawn(command[0], command, environment, file_actions=streams, **leader)

        try:
            return spawn(setsid=True)
        except NotImplementedError:  # this Python was built for a C library from before 2017
            return spawn(setpgroup=0)


def next_of(path: str) -> str:
    """The file in which the attempt stands that the shim with the ledger ``path`` starts next, as a
    JSON line. The attempt's process empties it just before it becomes the task's script: no trace
    in a workspace is as safe from what that does.
    """
    return f"{path}.next"


def drafts(output: str, number: int) -> tuple[str, str]:
    """The names that the output files of an attempt have until its start is recorded."""
    return f"{output}.attempt-{number}.out", f"{output}.attempt-{number}.err"


def rename(output: str, pid: int, number: int) -> None:
    """Give the output files the name with the process id that people know. Where that id has come
    round again, the attempt's number follows it, or the next one that is free: nothing is ever
    overwritten. What cannot be renamed, as it is gone by now, is left alone.
    """
    name, suffix = f"{output}.{pid}", number
    while os.path.lexists(f"{name}.out") or os.path.lexists(f"{name}.err"):
        name, suffix = f"{output}.{pid}-{suffix}", suffix + 1
    for draft, ending in zip(drafts(output, number), (".out", ".err"), strict=True):
        with contextlib.suppress(OSError):
            os.rename(draft, name + ending)


def _complaint(script: str, error: OSError) -> list[str]:
    """A command that says that ``script`` cannot be run, and ends as a shell does then."""
    said = f"maestro: {script} cannot be run: {_why(error, script)}"
    code = 127 if error.errno == errno.ENOENT else 126
    return ["/bin/sh", "-c", _COMPLAIN, said, str(code)]


def _why(error: OSError, script: str) -> str:
    if error.filename != script:
        return told(error)
    if error.errno == errno.ENOENT and os.path.exists(script):
        return f"the interpreter in its first line: {error.strerror}"
    return str(error.strerror)


def told(error: OSError) -> str:
    """What went wrong, with the file that it went wrong with."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
