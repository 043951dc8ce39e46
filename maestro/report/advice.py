"""What to type once a study has ended."""

from __future__ import annotations

from maestro.engine import Outcome
from maestro.report.look import command

__all__ = ["after"]


def after(directory: str, outcome: str, *, dry: bool = False) -> str:
    """In a line, what to type next of the study in ``directory`` that has ended with ``outcome``,
    in a ``dry`` run or really.
    """
    if dry:
        return "It was a dry run: all is written, and nothing has run"
    if outcome == Outcome.FINISHED.name:
        return f"The results as a table: {command('results', directory)}"
    return f"To run again what did not finish: {command('rerun', '--failed', directory)}"
