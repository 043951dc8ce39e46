"""Starting a conductor that outlives the command that started it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

import maestro
from maestro.conductor.study import file_name, told
from maestro.errors import MaestroError, StudyError

__all__ = ["launch", "launched"]

PATIENCE = 120.0
"""Seconds to wait until a conductor says that it has started."""

READY = "MAESTRO_READY_FD"
"""The environment variable that tells a launched conductor where to report that it has started."""

_READY, _FAILED = b"ready\n", b"failed\n"

# Nothing is to be imported from the directory that happens to be the current one, and the program
# must be found even where it runs from a checkout that is not installed.
_PROGRAM = """\
import sys
sys.path[:] = [*filter(None, sys.path), sys.argv.pop(1)]
from maestro.cli.main import conductor
sys.exit(conductor())
"""


def launch(directory: str, study: str, arguments: list[str]) -> str:
    """Start ``conductor`` with ``arguments`` on the study called ``study`` in ``directory``, in a
    session of its own, and wait until it conducts. What it prints goes to ``<study>.txt`` there.

    Returns what it has to say then, empty where it found nothing left to conduct.

    Raises
    ------
    StudyError
        It did not start; the message says why.
    """
    printed = os.path.join(directory, f"{file_name(study)}.txt")
    root = os.path.dirname(os.path.dirname(os.path.abspath(maestro.__file__)))
    command = [sys.executable, "-c", _PROGRAM, root, *arguments, directory]
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe:
        try:
            with told(directory), open(printed, "ab") as output:
                start = output.tell()
                process = _started(command, output, writer)
        finally:
            os.close(writer)
        ready, _, _ = select.select([pipe], [], [], PATIENCE)
        report = pipe.read() if ready else b""
    if report.startswith(_READY):
        return report.removeprefix(_READY).decode()
    if report.startswith(_FAILED):
        raise StudyError(report.removeprefix(_FAILED).decode())
    _wait_for_end(process, printed, start)
    return ""


def _started(command: list[str], output: IO[bytes], writer: int) -> subprocess.Popen[bytes]:
    """A conductor that prints to ``output``, and reports to the pipe ``writer``."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(writer,),
            env=os.environ | {READY: str(writer)},
            cwd="/",
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        why = f"{where}{error.strerror or error}"
        raise StudyError(f"the conductor could not be started: {why}") from error


@contextmanager
def launched() -> Iterator[Callable[[str], None] | None]:
    """What a conductor that has been launched calls once it conducts, with what it has to say, so
    that whoever launched it hears; None for others. They hear of an error before that as well. The
    variable that it came by is removed: the tasks get the launching environment.
    """
    writer = os.environ.pop(READY, None)
    if writer is None:
        yield None
        return
    with open(int(writer), "wb", buffering=0) as pipe:

        def report(said: str, kind: bytes = _READY) -> None:
            with pipe, suppress(BrokenPipeError):
                pipe.write(kind + said.encode())

        try:
            yield report
        except MaestroError as error:
            if not pipe.closed:
                report(str(error), _FAILED)
            raise


def _wait_for_end(process: subprocess.Popen[bytes], printed: str, start: int) -> None:
    """Wait for a conductor that has not reported, because it found nothing left to conduct.

    Raises
    ------
    StudyError
        It failed, or does not start: why.
    """
    end = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    if process.returncode is None:
        process.terminate()
        raise StudyError(
            f"the conductor did not start within {PATIENCE:.0f} s; see {printed}"
        )
    with open(printed, "rb") as output:
        output.seek(start)
        said = output.read().decode(errors="replace").strip()
    if process.returncode != 0:
        said = said or "it said nothing"
        raise StudyError(f"the conductor ended with {process.returncode}: {said}")
