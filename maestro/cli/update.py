"""``maestro update``: change the settings of a running study."""

from __future__ import annotations

import argparse
import os
import shlex

from maestro.cli.options import add_directories
from maestro.cli.parser import Parser
from maestro.cli.terminal import at_least, complain, tell
from maestro.errors import MaestroError, UsageError

__all__ = ["add_arguments", "run"]

_OPTIONS = {
    "throttle": "Jobs in flight at the same time (0: no limit).",
    "rlimit": "Restarts of steps that have a restart command (0: no limit).",
    "sleep": "Time between two questions to a scheduler, in seconds.",
}


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro update`` to ``parser``."""
    parser.explain(
        description="Change limits of a study while it runs; its conductor takes them up within a "
        "second. An option is given once, for all directories, or once for each; without options "
        "you are asked.",
        examples=[
            ("maestro update --throttle 50 sweep_1", "From now on at most 50 jobs in flight."),
            ("maestro update --throttle 0 --sleep 30 sweep_1 sweep_2", "In both studies as many "
             "as there are; ask the scheduler every 30 seconds."),
            ("maestro update sweep_1", "Be asked for each."),
        ],
        see_also=["status", "resume", "cancel"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directories(parser)
    for name, text in _OPTIONS.items():
        parser.add_argument(
            f"--{name}", type=at_least(0), action="append", metavar="N", help=text
        )


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro update``; the exit status."""
    directories = [os.path.abspath(directory) for directory in options.directory]
    given = {name: getattr(options, name) for name in _OPTIONS}
    for name, values in given.items():
        if values and len(values) not in (1, len(directories)):
            raise UsageError(
                f"--{name} is given {len(values)} times for {len(directories)} directories; "
                "give it once, or once for each"
            )
    failed = False
    for i, directory in enumerate(directories):
        values = {n: v[0 if len(v) == 1 else i] for n, v in given.items() if v}
        try:
            _update(directory, values)
        except MaestroError as error:
            complain(error)
            failed = True
    return int(failed)


def _update(directory: str, values: dict[str, int]) -> None:
    from maestro.cli.conduct import with_advice
    from maestro.conductor import requests
    from maestro.conductor.conduct import ended
    from maestro.conductor.control import conducted

    outcome = ended(directory)
    if outcome is not None:
        said = f"{directory} has ended already: {outcome.name}"
        raise UsageError(with_advice(said, directory, outcome.name))
    values = values or _asked(directory)
    if not values:
        tell(f"{directory}: nothing to change")
        return
    request = requests.Request(
        throttle=values.get("throttle"),
        rlimit=values.get("rlimit"),
        sleeptime=values.get("sleep"),
    )
    requests.leave(directory, request)
    changes = ", ".join(f"{name} = {value}" for name, value in values.items())
    tell(f"{directory}: {changes}")
    if not conducted(directory):
        resume = shlex.join(["maestro", "resume", directory])
        tell(f"  Nobody conducts it now; to go on, with these: {resume}")


def _asked(directory: str) -> dict[str, int]:
    """Ask for each setting; an empty answer leaves it."""
    tell(f"New settings for {directory} (an empty answer leaves one as it is)")
    values: dict[str, int] = {}
    for name, text in _OPTIONS.items():
        while True:
            try:
                answer = input(f"{name}: {text} ").strip()
            except EOFError:
                tell("")
                raise UsageError(f"nobody answered; give {_flags()}") from None
            if not answer:
                break
            if answer.isdigit():
                values[name] = int(answer)
                break
            tell(f"'{answer}' is no whole number from 0 on")
    return values


def _flags() -> str:
    return " or ".join(f"--{name}" for name in _OPTIONS)
