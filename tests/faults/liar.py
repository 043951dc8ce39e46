"""A scheduler's command that lies every other time: what the real one says gets lost, comes late,
is half of it, or was never asked for.

Run as ``liar.py PROGRAM REAL ARGUMENTS...``, where REAL is the path of the real PROGRAM. From the
environment:

LIAR_STATE    a folder, in which every lie is noted down in the file ``lies``
LIAR_SEED     of the lies
LIAR_KINDS    which, by their names here, with commas between them (all)
"""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

KINDS = ("fails", "loses", "hangs", "halves", "lags", "forgets", "drops")
SUBMITS = ("sbatch", "bsub", "batch")  # the last is flux's
ASKS = ("squeue", "sacct", "bjobs", "jobs")

ENDLESS = 600.0
"""Seconds that nobody waits."""

SLOW = 1.0
"""Seconds that one waits."""

DROPS = 3
"""Submissions that are dropped, at most: a job may get lost three times, as a study has it."""

UNREACHABLE = {
    "sbatch": "sbatch: error: Batch job submission failed: Unable to contact slurm controller "
    "(connect failure)",
    "squeue": "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
    "bsub": "Failed in an LSF library call: LIM is down; try later. Job not submitted.",
    "bjobs": "LSF is down. Please wait ...",
    "flux": "flux: ERROR: Unable to connect to Flux: ECONNREFUSED: Connection refused",
}
LOST = {
    "sbatch": "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "bsub": "Failed in sending/receiving a message: Connection reset by peer",
    "flux": "flux: ERROR: Connection reset by peer",
}

Answer = tuple[int, bytes, bytes]
Ask = Callable[[], Answer]


class Liar:
    """Lies of the command ``words``, the first of which is the program; ``ask`` runs the real one.
    """

    def __init__(self, words: list[str], ask: Ask, dice: random.Random, folder: Path) -> None:
        self.program = words[0]
        self.what = words[1] if words[0] == "flux" else words[0]
        self._ask = ask
        self._dice = dice
        self._folder = folder
        self._earlier = folder / f"{self.what}.earlier"

    def can(self, kind: str) -> bool:
        """Whether that is a lie that this command can tell."""
        if kind == "drops":
            return self.what in SUBMITS and self._dropped < DROPS
        return self.what in {"loses": SUBMITS, "forgets": ASKS}.get(kind, (self.what,))

    def fails(self) -> Answer:
        """Nothing reaches the scheduler."""
        return 1, b"", UNREACHABLE.get(self.program, "Connection refused").encode() + b"\n"

    def loses(self) -> Answer:
        """A submission is accepted, and the answer gets lost."""
        self._ask()
        return 1, b"", LOST[self.program].encode() + b"\n"

    def hangs(self) -> Answer:
        """It is asked, or not, and does not answer within anybody's patience."""
        if self._dice.random() < 0.5:
            self._ask()
        time.sleep(ENDLESS)
        return 1, b"", b""

    def halves(self) -> Answer:
        """What it says is cut off somewhere, in the midst of a line too."""
        code, out, err = self._ask()
        return code, out[: self._dice.randrange(len(out) + 1)], err

    def lags(self) -> Answer:
        """It says again what it said the last time, or is slow."""
        if self.what in ASKS and self._earlier.exists():
            return 0, self._earlier.read_bytes(), b""
        time.sleep(SLOW)
        return self.honest()

    def forgets(self) -> Answer:
        """It does not know of half the jobs."""
        code, out, err = self._ask()
        kept = [line for line in out.splitlines(keepends=True) if self._dice.random() < 0.5]
        return code, b"".join(kept), err

    def drops(self) -> Answer:
        """A submission is accepted, and never heard of again."""
        number = 900_000 + self._dropped
        (self._folder / f"{number}.dropped").touch()
        shown = {"bsub": f"Job <{number}> is submitted to queue <normal>.", "flux": f"ƒX{number}"}
        return 0, shown.get(self.program, str(number)).encode() + b"\n", b""

    @property
    def _dropped(self) -> int:
        return len(list(self._folder.glob("*.dropped")))

    def honest(self) -> Answer:
        """The truth."""
        answer = self._ask()
        if self.what in ASKS and answer[0] == 0:
            new = self._folder / f"{self.what}.{os.getpid()}"
            new.write_bytes(answer[1])
            new.replace(self._earlier)
        return answer


class Book:
    """What has been told so far, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def dice(self, seed: str) -> random.Random:
        """Those of this call, by the seed and how many calls there were before."""
        with open(self.folder / "calls", "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(".")
            return random.Random(f"{seed} {file.tell()}")

    def rarest(self, kinds: list[str]) -> list[str]:
        """Those of ``kinds`` that were told least often."""
        path = self.folder / "lies"
        lines = path.read_text().splitlines() if path.exists() else []
        told = Counter(line.split()[0] for line in lines)
        least = min(told[kind] for kind in kinds)
        return [kind for kind in kinds if told[kind] == least]

    def note(self, kind: str, what: str) -> None:
        """A lie has been told."""
        with open(self.folder / "lies", "a") as file:
            file.write(f"{kind} {what}\n")


def main() -> int:
    program, real, *arguments = sys.argv[1:]

    def ask() -> Answer:
        done = subprocess.run([real, *arguments], capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    book = Book(Path(os.environ["LIAR_STATE"]))
    dice = book.dice(os.environ["LIAR_SEED"])
    liar = Liar([program, *arguments], ask, dice, book.folder)
    kinds = [k for k in os.environ.get("LIAR_KINDS", ",".join(KINDS)).split(",") if liar.can(k)]
    if kinds and dice.random() < 0.5:
        kind = dice.choice(book.rarest(kinds))
        book.note(kind, liar.what)
        answer = getattr(liar, kind)()
    else:
        answer = liar.honest()
    code, out, err = answer
    sys.stdout.buffer.write(out)
    sys.stderr.buffer.write(err)
    return code


if __name__ == "__main__":
    sys.exit(main())
