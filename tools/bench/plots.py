"""Drawing cost against size."""

from __future__ import annotations

from pathlib import Path

from tools.bench.contestants import MAKE, PEER
from tools.bench.figures.tasks import FOUND
from tools.bench.measure import OURS
from tools.bench.result import Curve

__all__ = ["draw"]

LOOKS = {
    OURS: ("#3f51b5", "o"),
    MAKE: ("#616161", "v"),
    FOUND: ("#bdbdbd", "<"),
    PEER: ("#e53935", "s"),
    "Snakemake": ("#fb8c00", "D"),
    "doit": ("#43a047", "P"),
    "Luigi": ("#8e24aa", "X"),
    "parsl": ("#00897b", "*"),
}
FLOOR = "#9e9e9e", "^"
"""Of a bare loop."""


def draw(curve: Curve, folder: Path) -> str:
    """Draw into ``folder``; the name of the file. Text stays text, and what is drawn again from
    the same figures is the same.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
        for name, points in curve.points.items():
            ours = name == OURS
            colour, mark = LOOKS.get(name, FLOOR)
            axes.plot(
                *zip(*points, strict=True), label=name, color=colour, marker=mark,
                markersize=5, linewidth=2.5 if ours else 1.3, zorder=3 if ours else 2,
            )  # fmt: skip
        axes.set_title(curve.caption, loc="left", fontsize=10)
        axes.set(xscale="log", yscale="log", xlabel=curve.x, ylabel=curve.y)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.grid(which="major", color="#dddddd", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        name = f"bench-{curve.file}.svg"
        figure.savefig(folder / name, metadata={"Date": None})
        plt.close(figure)
    return name
