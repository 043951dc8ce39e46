"""``maestro run``: make a study from a specification and conduct it, here or in the background."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from maestro.cli.options import add_answers, add_foreground, add_generator, add_limits, typed
from maestro.cli.parser import CONDUCTED, Parser
from maestro.cli.terminal import ask, show_problems, tell
from maestro.errors import SpecError, UsageError

if TYPE_CHECKING:
    from maestro.conductor.store import Settings
    from maestro.conductor.study import Study
    from maestro.spec.model import Specification

__all__ = ["add_arguments", "checked", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro run`` to ``parser``."""
    parser.explain(
        description="Make a study directory and conduct the study. It asks before it launches, "
        "starts a conductor that outlives your session, waits until that has really started, and "
        "says the commands to type next. Whatever is wrong with the specification is said before "
        "anything is written.",
        examples=[
            ("maestro run ball.yaml", "Ask, then conduct the study in the background."),
            ("maestro run -y -fg ball.yaml", "Conduct it here, with a progress display; Ctrl-C "
             "cancels it."),
            ("maestro run --dry -o trial ball.yaml", "Write all directories and scripts into "
             "trial, and run nothing."),
            ("maestro run -t 20 -s 30 -a 3 sweep.yaml", "At most 20 jobs in flight; ask the "
             "scheduler every 30 seconds, and offer it up to 3 times a job that it refuses."),
            ("maestro run -p grid.py --pargs N:10 sweep.yaml", "Let a Python file make the "
             "parameters."),
        ],
        notes=["When you decline the launch, the study directory stays: 'maestro resume DIR' "
               "launches it later."],
        exit_status=CONDUCTED,
        see_also=["validate", "status", "resume", "cancel"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument(
        "specification", metavar="SPECIFICATION", help="The study specification, a YAML file."
    )
    _add_making(parser)
    add_foreground(parser)
    add_answers(parser)
    add_limits(parser, new=True)


def _add_making(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry", action="store_true",
        help="Write the workspaces and scripts of the study, and run nothing.",
    )  # fmt: skip
    add_generator(parser)
    parser.add_argument(
        "-o", "--out", metavar="DIR",
        help="The study directory. [<study name>_<time> in OUTPUT_PATH]",
    )  # fmt: skip
    parser.add_argument(
        "--hashws", action="store_true",
        help="Name the workspaces of parameterised steps by a hash of their parameters.",
    )  # fmt: skip
    parser.add_argument(
        "--usetmp", action="store_true", help="Put the scripts into a temporary directory."
    )


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro run``; the exit status."""
    import logging

    from maestro.adapters.registry import codec_for, missing_programs
    from maestro.cli.logfile import log_to
    from maestro.conductor.prepare import Plan, in_the_way, prepare
    from maestro.spec.values import plural

    log_to(None, options.debug_lvl, console=options.logstdout)
    if options.pargs and not options.pgen:
        raise UsageError("--pargs are for a generator file; name it with -p FILE")
    spec = checked(options.specification)
    missing = missing_programs(codec_for(spec.batch))
    if missing and not options.dry:
        raise UsageError(
            f"batch type '{spec.batch.type}' needs the command {missing[0]}, which is not on the "
            "PATH here; --dry writes the study without it"
        )
    replace = options.out is not None and in_the_way(os.path.abspath(options.out))
    if replace and not ask(
        f"{os.path.abspath(options.out)} is a study already. Remove it, with its results?",
        yes=options.autoyes, no=options.autono,
    ):  # fmt: skip
        tell("Nothing was changed.")
        return 0
    plan = Plan(
        spec=spec,
        settings=_settings(options),
        out=options.out,
        replace=replace,
        generator=options.pgen,
        arguments=options.pargs,
    )
    try:
        study = prepare(plan)
    except BaseException:
        if plan.settings.scripts is not None:
            os.rmdir(plan.settings.scripts)
        raise
    sizes = f"{plural(len(spec.steps), 'step')}, {plural(len(study.graph), 'task')}"
    logging.getLogger("maestro.run").info("%s: %s, in %s", spec.name, sizes, study.directory)
    return _start(options, study)


def checked(path: str, **surroundings: str) -> Specification:
    """The specification ``path``, its doubtful parts shown; ``surroundings`` as for `check`.

    Raises
    ------
    SpecError
        It has errors.
    """
    from maestro.adapters.unheeded import unheeded
    from maestro.spec import check

    spec, problems = check(path, **surroundings)
    if spec is not None:
        problems += unheeded(spec)
    show_problems(problem for problem in problems if problem.severity != "error")
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or spec is None:
        raise SpecError(errors)
    return spec


def _settings(options: argparse.Namespace) -> Settings:
    import tempfile

    from maestro.conductor.store import Settings

    return Settings(
        throttle=options.throttle,
        rlimit=options.rlimit,
        attempts=options.attempts,
        sleeptime=options.sleeptime,
        hashws=options.hashws,
        dry=options.dry,
        scripts=tempfile.mkdtemp(prefix="maestro-") if options.usetmp else None,
    )


def _start(options: argparse.Namespace, study: Study) -> int:
    """Conduct the study that has been made, in the way that was asked for."""
    from maestro.cli.conduct import conduct
    from maestro.cli.logfile import log_to
    from maestro.conductor.conduct import rehearse
    from maestro.conductor.study import log_path

    if options.dry:
        path = os.path.abspath(options.logpath or log_path(study.directory, study.info.name))
        log_to(path, options.debug_lvl, console=options.logstdout)
        rehearse(study.directory, study)
        tell(f"Written, not run: {study.directory}")
        tell(f"To run it: {typed(options, without='--dry')}")
        return 0
    later = f"To launch it later: {shlex.join(['maestro', 'resume', study.directory])}"
    question = f"Launch the study in {study.directory}?"
    try:
        launch = ask(question, yes=options.autoyes, no=options.autono)
    except UsageError as error:
        raise UsageError(f"{error}\nThe study is made, and not launched. {later}") from error
    if not launch:
        tell(f"Not launched. {later}")
        return 0
    return conduct(study.directory, study.info.name, options, study=study, done="launched")
