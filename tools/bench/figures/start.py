"""Starting the program."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.contestants import PEER
from tools.bench.measure import OURS, Contestant, Session, median
from tools.bench.result import Figure, Row, at_most, quicker

BARE = "a bare argparse program"
PROGRAM = "import argparse; argparse.ArgumentParser().parse_args()"
HELP = {
    PEER: ("maestro", "--help"),
    "Snakemake": ("snakemake", "--help"),
    "doit": ("doit", "help"),
    "Luigi": ("luigi", "--help"),
}
"""How the peers are asked for help, in the folder of their programs."""


def command(words: Sequence[str]) -> Contestant:
    """One that needs nothing prepared."""
    return Contestant(words[0], lambda folder, size: words)


def start(session: Session) -> Figure:
    """``--help``."""
    words = {
        OURS: [*session.maestro, "--help"],
        BARE: [str(session.python), "-c", PROGRAM, "--help"],
    }
    for name, (program, *rest) in HELP.items():
        if folder := session.peers.get(name):
            words[name] = [str(folder / program), *rest]
    found = [command(line)._replace(name=name) for name, line in words.items()]
    runs = session.turns(found, [1], rounds=15)
    seconds = {name: median(taken[1]) for name, taken in runs.items()}
    rows: list[Row] = [at_most("`--help`", seconds[OURS], BARE, seconds[BARE], 2.0)]
    rows += [
        quicker("`--help`", seconds[OURS], name, taken)
        for name, taken in seconds.items()
        if name in HELP
    ]
    return Figure(
        "Starting",
        f"`maestro --help`, beside `python -c \"{PROGRAM}\" --help` and the same of others.",
        rows,
    )
