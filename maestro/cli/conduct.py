"""``conductor DIR``, and conducting for ``maestro run``: in the foreground or the background."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from maestro.cli.logfile import log_to
from maestro.cli.options import add_directory, add_force
from maestro.cli.parser import CONDUCTED, Parser
from maestro.cli.terminal import at_least, tell
from maestro.errors import MaestroError, SpecError, StudyError

if TYPE_CHECKING:
    from maestro.conductor.loop import Conductor
    from maestro.conductor.study import Study
    from maestro.engine import Outcome
    from maestro.report.digest import Digest

__all__ = ["add_arguments", "change_limits", "conduct", "run", "untangle", "with_advice"]

log = logging.getLogger(__name__)

STOPPED = 1
"""Exit status of a conductor that left before its study had ended."""


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``conductor`` to ``parser``."""
    parser.explain(
        description="Conduct a study that has been made and not launched, or take up one whose "
        "conductor is gone: tasks that still run are reattached, those that ended meanwhile are "
        "taken in, none runs twice. It does what 'maestro resume -fg' does, without a question.",
        examples=[
            ("conductor trial", "Conduct it until it has ended."),
            ("conductor -s 30 trial", "Ask the scheduler every 30 seconds."),
            ("conductor -s trial", "Show how it stands, and do nothing else."),
        ],
        exit_status=CONDUCTED,
        see_also=["resume", "status"],
    )
    add_directory(parser)
    parser.add_argument(
        "-s", "--status", action="store_true",
        help="Show the status of the study, and do nothing else.",
    )  # fmt: skip
    parser.add_argument(
        "-t", "--sleeptime", type=at_least(0), metavar="SECONDS",
        help="Time between two questions to a scheduler; '-s SECONDS' does the same. "
        "[What the study was launched with]",
    )  # fmt: skip
    add_force(parser)


def untangle(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``-s SECONDS`` spelt out: the letter has two meanings, and with a number
    behind it, it is the sleep time.
    """
    spelt: list[str] = []
    for argument in arguments:
        if spelt and spelt[-1] == "-s" and argument.isdigit():
            spelt[-1:] = ["--sleeptime", argument]
        elif argument.startswith("-s") and argument[2:].isdigit():
            spelt += ["--sleeptime", argument[2:]]
        else:
            spelt.append(argument)
    return spelt


def run(options: argparse.Namespace) -> int:
    """Carry out ``conductor``; the exit status."""
    from maestro.conductor.launch import launched

    directory = os.path.abspath(options.directory)
    if options.status:
        from maestro.report.status.tables import show

        return show([directory])
    with launched() as ready:
        return _run(directory, options, ready)


def _run(
    directory: str, options: argparse.Namespace, ready: Callable[[str], None] | None
) -> int:
    from maestro.conductor import requests, snapshot
    from maestro.conductor.conduct import ended
    from maestro.conductor.store import Store
    from maestro.conductor.study import log_path, see_writable

    outcome = ended(directory)
    if outcome is not None:
        snapshot.renew(directory)
        said = f"The study has ended: {outcome.name}"
        tell(with_advice(said, directory, outcome.name))
        return outcome.value
    see_writable(directory)
    store = Store.open(directory)
    info = store.info()
    store.close()
    if options.sleeptime is not None:
        requests.leave(directory, requests.Request(sleeptime=options.sleeptime))
    path = options.logpath or log_path(directory, info.name)
    quiet = ready is not None or not sys.stdout.isatty()
    with _remedied(directory):
        log_to(os.path.abspath(path), options.debug_lvl, console=options.logstdout)
        return _foreground(directory, ready=ready, quiet=quiet, force=options.force)


def with_advice(said: str, directory: str, outcome: str) -> str:
    """What is ``said`` of how the study has ended, and what to type then."""
    from maestro.report.advice import after
    from maestro.report.study import open_study

    return f"{said}\n  {after(directory, outcome, dry=open_study(directory).info.settings.dry)}"


def change_limits(directory: str, options: argparse.Namespace) -> None:
    """Have whoever conducts the study next keep the limits that ``options`` give."""
    from maestro.conductor import requests

    limits = {name: getattr(options, name) for name in requests.LIMITS}
    if any(value is not None for value in limits.values()):
        requests.leave(directory, requests.Request(**limits))


def conduct(
    directory: str,
    name: str,
    options: argparse.Namespace,
    *,
    study: Study | None = None,
    done: str,
) -> int:
    """Conduct the study called ``name`` as the command line says: here, or by a conductor that
    outlives this command, and then say that it is ``done``; the exit status.
    """
    from maestro.conductor.study import log_path

    log = os.path.abspath(options.logpath or log_path(directory, name))
    force = getattr(options, "force", False)
    if not options.foreground:
        return _background(directory, name, log, options.debug_lvl, force=force, done=done)
    with _remedied(directory):
        log_to(log, options.debug_lvl, console=False)
        return _foreground(directory, study, force=force)


@contextmanager
def _remedied(directory: str) -> Iterator[None]:
    """Say with what goes wrong how the study is taken up then, unless it says itself what to do."""
    try:
        yield
    except MaestroError as error:
        known = isinstance(error, SpecError) or "maestro " in str(error)
        if known or not os.path.isdir(directory):
            raise
        resume = _command("maestro", "resume", directory)
        raise StudyError(
            f"{error}; once that is mended, the study can be taken up again: {resume}"
        ) from error


def _foreground(
    directory: str,
    study: Study | None = None,
    *,
    ready: Callable[[str], None] | None = None,
    quiet: bool = False,
    force: bool = False,
) -> int:
    """Conduct the study in ``directory`` here until it ends; the exit status."""
    from maestro.conductor.conduct import taken_up

    with taken_up(directory, study, force=force) as conductor, _signals(conductor):
        # Meanwhile the process for local tasks starts: imported now, it takes no time.
        from maestro.report.digest import digest
        from maestro.report.progress import progress

        said = str(conductor.recovered or "")
        if ready is not None:
            ready(said)
        elif said:
            tell(said)
        with nullcontext() if quiet else progress(conductor.study) as conductor.watcher:
            outcome = conductor.run()
        if outcome is not None:
            _sum_up(digest, directory, outcome, quiet=quiet)
    if outcome is None:
        if conductor.engine.cancelling:
            tell("Left while the study is being cancelled. To have that come to its end:")
        else:
            tell("Stopped; what runs goes on. To take the study up again:")
        tell(f"  {_command('maestro', 'resume', directory)}")
        return STOPPED
    return outcome.value


def _sum_up(
    digest: Callable[[str], Digest], directory: str, outcome: Outcome, *, quiet: bool
) -> None:
    """Say how the study ended, and note in its log what failed first."""
    if quiet and outcome.value == 0:
        return
    with suppress(OSError, StudyError):  # it has ended, whether or not that can be told
        ended = digest(directory)
        if ended.failures:
            log.warning("what failed first:\n%s", "\n".join([*ended.failures, *ended.after]))
        if not quiet:
            tell(str(ended))


def _background(
    directory: str, name: str, log: str, level: int, *, force: bool, done: str
) -> int:
    """Launch a conductor that outlives this command; the exit status."""
    from maestro.conductor.launch import launch

    options = ["-l", log, "-d", str(level), *(["--force"] if force else [])]
    with _remedied(directory):
        said = launch(directory, name, options)
    tell(f"Study {done}: {directory}")
    if said:
        tell(said)
    tell(f"  How it stands:  {_command('maestro', 'status', directory)}")
    tell(f"  Live:           {_command('maestro', 'status', '--watch', directory)}")
    tell(f"  To cancel it:   {_command('maestro', 'cancel', directory)}")
    return 0


def _command(*words: str) -> str:
    return shlex.join(words)


@contextmanager
def _signals(conductor: Conductor) -> Iterator[None]:
    """Ctrl-C cancels the study, a second one leaves at once; TERM and HUP leave, and what runs
    goes on.
    """
    asked = 0

    def interrupt(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            conductor.cancel()
        else:
            conductor.stop()

    def leave(*_: object) -> None:
        conductor.stop()

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: leave, signal.SIGHUP: leave}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
