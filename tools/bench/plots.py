"""Drawing cost against size."""

from __future__ import annotations

from pathlib import Path

from tools.bench.measure import OURS
from tools.bench.result import Curve

__all__ = ["draw"]

COLOURS = ("#3f51b5", "#9e9e9e", "#616161", "#e53935", "#fb8c00", "#43a047", "#8e24aa", "#00897b")
MARKS = "o^vsDPX*"


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
        for number, (name, points) in enumerate(curve.points.items()):
            ours = name == OURS
            axes.plot(
                *zip(*points, strict=True), label=name, color=COLOURS[number], marker=MARKS[number],
                markersize=5, linewidth=2.5 if ours else 1.3, zorder=3 if ours else 2,
            )  # fmt: skip
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
