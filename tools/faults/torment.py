"""Conduct studies, and torment who does: kill them, or have their scheduler lie.

    python tools/faults/torment.py kills SCENE [--number 300]
    python tools/faults/torment.py points SCENE [--passages 3]
    python tools/faults/torment.py lies SCENE [--number 10] [--kinds fails,halves] [--kill 0]

SCENE is local, arrays, lsf or flux (on stand-ins), slurm or slurm-arrays (on the real one: first
``eval "$(tools/slurm/up --env)"``). ``kills`` are at random moments, ``points`` at every point
between intent, submission and record, alone and with the other of conductor and shim; the number of
``lies`` is that of studies, and with ``--kill`` there are kills besides. What went wrong is shown,
and its folder kept; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults import scenes
from tests.faults.points import Point, points
from tests.faults.trial import Trials


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("kills", "points", "lies"))
    parser.add_argument("scene", choices=scenes.NAMES)
    parser.add_argument("--number", type=int)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--kinds", default="", help="of lies (all), see tests/faults/liar.py")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.scene.startswith("slurm") and "SLURM_CONF" not in os.environ:
        parser.error('start Slurm with tools/slurm/up, and say: eval "$(tools/slurm/up --env)"')
    folder = Path(tempfile.mkdtemp(prefix="torment-"))
    scene = scenes.scene(options.scene, folder / "scene")
    if options.what == "lies":
        scene = scenes.lying(scene, folder / "lies", options.seed, options.kinds)
    trials = Trials(folder, scene, options.seed)
    begin = time.monotonic()
    missed = torment(trials, options)
    tally = trials.tally
    print(f"{options.what} on {options.scene}, seed {options.seed}: {tally}")
    print(f"in {time.monotonic() - begin:.0f} s; kills by victim or point, and lies by kind:")
    for what, number in sorted(tally.kills.items()) + sorted(Counter(scene.lies).items()):
        print(f"  {number:4} {what}")
    for complaint in [*tally.wrong, *(f"nobody came by: {point}" for point in missed)]:
        print(complaint, file=sys.stderr)
    if tally.lost or tally.twice or tally.wrong or missed:
        print(f"see {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def torment(trials: Trials, options: argparse.Namespace) -> list[Point]:
    """Do it; the points that nobody came by."""
    if options.what == "points":
        scheduled, passages = trials.scene.scheduled, options.passages
        return trials.points(points(scheduled=scheduled, passages=passages, both=True))
    if options.what == "kills":
        trials.kills(options.number or 300)
    else:
        trials.kills(options.kill)
        trials.conducted(options.number or 10)
    return []


if __name__ == "__main__":
    sys.exit(main())
