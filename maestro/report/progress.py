"""What people see while a study is conducted in front of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from maestro.conductor.loop import Watcher
from maestro.conductor.study import Study
from maestro.engine import ENDED, FAILED, Change, Engine
from maestro.report.look import counts_text, one_line, said, shown

__all__ = ["progress"]

FEW = 500
"""Tasks of a study of which each gets a line."""

PAUSE = 5.0
"""Seconds between two lines about a larger study, beside its failures."""


@contextmanager
def progress(study: Study) -> Iterator[Watcher]:
    """A display of how ``study`` gets on: live on a terminal, plain lines elsewhere."""
    total = len(study.graph)
    if not sys.stdout.isatty():
        yield _Lines(total)
        return
    from maestro.report import bar  # to import rich takes as long as to make a small study

    with bar.live(one_line(study.info.name), total) as display:
        yield display or _Lines(total)


class _Lines:
    """A line for every task that has ended; of large studies only the failures, and now and then
    how it stands.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._due = time.monotonic() + PAUSE

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        ended = sum(engine.counts[state] for state in ENDED)
        ends = [change for change in changes if change.state in ENDED]
        digits = len(str(self._total))
        # The engine is ahead: it counts what all of these changes have led to.
        for number, change in enumerate(ends, max(0, ended - len(ends)) + 1):
            if self._total <= FEW or change.state in FAILED:
                print(f"[{number:{digits}}/{self._total}] {said(change)}", flush=True)
        if self._total > FEW and time.monotonic() >= self._due:
            self._due = time.monotonic() + PAUSE
            print(counts_text(shown(engine.counts), sys.stdout.encoding), flush=True)

    def heard(self, text: str) -> None:
        print(one_line(text), flush=True)
