"""``maestro init``: a study to start from."""

from __future__ import annotations

import argparse
import os
import shlex

from maestro.cli.parser import Parser
from maestro.cli.terminal import tell
from maestro.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro init`` to ``parser``."""
    parser.explain(
        description="Write a small study with comments, which runs as it is: change it into yours. "
        "It has parameters, a step that gathers what the others have made, and what to change for "
        "a cluster.",
        examples=[
            ("maestro init", "Write study.yaml."),
            ("maestro init darts.yaml", "Write it elsewhere; - is the standard output."),
        ],
        see_also=["validate", "run"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument(
        "file", nargs="?", default="study.yaml", metavar="FILE",
        help="The file to write. One that is there already stays as it is. [%(default)s]",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro init``; the exit status."""
    import importlib.resources

    from maestro.report.writing import deliver

    text = importlib.resources.files("maestro.cli").joinpath("starter.yaml").read_text("utf-8")
    if options.file == "-":
        deliver(text.rstrip("\n"))
        return 0
    folder = os.path.dirname(options.file)
    if folder and not os.path.isdir(folder):
        raise UsageError(
            f"there is no directory {folder}; to make it: {shlex.join(['mkdir', '-p', folder])}"
        )
    try:
        with open(options.file, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{options.file} is there already; name another file, or move it away"
        ) from None
    name = shlex.quote(options.file)
    tell(f"{options.file} is written. Read it, change it, then:")
    tell(f"  maestro validate {name}\n  maestro run {name}")
    return 0
