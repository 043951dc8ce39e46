"""``maestro status``: how the tasks of studies stand."""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``status`` to ``commands``."""
    parser = commands.add_parser("status", help="Check the status of studies.")
    parser.set_defaults(run=run)
    parser.add_argument("directory", nargs="+", help="The directory of a study.")
    parser.add_argument(
        "--layout", choices=("flat", "legacy", "narrow"), default="flat",
        help="How the tasks are laid out: in a wide table, in a plain one, or in blocks of short "
        "lines with a line for each parameter. [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--disable-theme", action="store_true",
        help="Show no colours. (Nor does a pipe, or NO_COLOR in the environment.)",
    )  # fmt: skip
    parser.add_argument(
        "--disable-pager", action="store_true",
        help="Use no pager. (One is used on a terminal, for what does not fit it: MANPAGER, PAGER, "
        "or less.)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro status``; the exit status."""
    from maestro.report.tables import show

    return show(
        options.directory,
        layout=options.layout,
        theme=not options.disable_theme,
        pager=not options.disable_pager,
    )
