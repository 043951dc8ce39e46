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
        help="How the table is laid out. [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--disable-theme", action="store_true", help="Show no styles.")
    parser.add_argument("--disable-pager", action="store_true", help="Use no pager.")


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro status``; the exit status."""
    from maestro.report.tables import show

    return show(
        options.directory,
        layout=options.layout,
        theme=not options.disable_theme,
        pager=not options.disable_pager,
    )
