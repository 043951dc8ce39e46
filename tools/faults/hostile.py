"""Try hostile studies, by default ten thousand of them, and say what became of them.

    python tools/faults/hostile.py [--count 10000] [--first 0] [--jobs 2] [--case NUMBER]

One that does harm is printed with all that it is made of, and can be tried again by its number.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.sandbox import Fault, attempt


def tried(number: int) -> tuple[str, str]:
    """What became of the case ``number``, and what there is to say."""
    try:
        return attempt(number), ""
    except Fault as fault:
        return "faults", str(fault)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--case", type=int, help="try this one alone")
    options = parser.parse_args()
    first = options.first if options.case is None else options.case
    numbers = range(first, first + (options.count if options.case is None else 1))
    start, counts = time.monotonic(), Counter[str]()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for number, (outcome, said) in enumerate(pool.imap(tried, numbers, 25), first):
            counts[outcome] += 1
            if said:
                print(said, flush=True)
            if (number - first + 1) % 1000 == 0:
                print(f"{number - first + 1}: {dict(counts)}", file=sys.stderr, flush=True)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    print(f"{counts.total()} hostile studies in {time.monotonic() - start:.0f} s: {told}")
    return int(counts["faults"] > 0)


if __name__ == "__main__":
    sys.exit(main())
