"""The table and the plots of a report, as models of Bokeh that share their rows and their view."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence, Set
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import (
    BooleanFilter,
    CDSView,
    ColumnDataSource,
    CustomJS,
    DataTable,
    DateFormatter,
    FixedTicker,
    HoverTool,
    HTMLTemplateFormatter,
    IndexFilter,
    Model,
    NumberFormatter,
    NumeralTickFormatter,
    PlainText,
    Range1d,
    Select,
    StringFormatter,
    TableColumn,
    TextInput,
)
from bokeh.plotting import figure

from maestro.report.look import in_order, one_line
from maestro.report.page.columns import Columns, cut, marked
from maestro.report.page.contents import Contents

__all__ = ["figures"]

FONT = "system-ui, Helvetica, Arial, sans-serif"
SMALL, GREY = "12px", "#767676"
TIME = "%F %T"
INK = "#222222"
NAME, TITLE = 32, 40
"""Characters of a name beside an axis, and above a column of a table, at most."""

WIDE = 30
"""Where the longest run is so many times the median, the axis is logarithmic."""

HATCHED = 500
"""Bars that are hatched, at most: it takes some milliseconds for each."""

MANY = 2000
"""Dots that are large, at most."""

SYMBOLS = 300
"""Tasks that are drawn with their symbols in a graph, at most; with their names, a tenth."""

NUMBER = (
    '<div style="text-align: right"><%- Number.isFinite(value) ? value : "" %></div>'
)
"""Of a parameter: with all its digits."""

ABOUT = (("task", "@hint"), ("parameters", "@hint_params"), ("state", "@about"))
"""Of a task, where a pointer rests."""

Args = dict[str, Any]


def figures(contents: Contents) -> dict[str, Model]:
    """The models by their place in the page: "words", "state", "step", "table", "timeline", "by",
    "durations" and, where each task is drawn, "graph".
    """
    rows = len(contents.tasks["name"])
    tasks = ColumnDataSource(_arrays({**contents.tasks, "x": [np.nan] * rows}))
    attempts = ColumnDataSource(_arrays(contents.timeline.bars))
    waits = ColumnDataSource(_arrays(contents.timeline.waits))
    shared: Args = {
        "tasks": tasks, "attempts": attempts, "waits": waits,
        "task_filter": IndexFilter(list(range(rows))),
        "attempt_filter": BooleanFilter(), "wait_filter": BooleanFilter(),
        "steps": list(contents.by_step), "names": dict(contents.parameters),
        **_inputs(contents),
    }  # fmt: skip
    view = CDSView(filter=shared["task_filter"])
    models: dict[str, Model] = {key: shared[key] for key in ("words", "state", "step", "by")}
    models["table"] = shared["table"] = _table(contents, tasks, view)
    models["timeline"] = _timeline(contents, shared)
    models["durations"] = _durations(contents, shared, view)
    if contents.graph.tasks:
        models["graph"] = _graph(contents, shared, view)
    document = Document()
    for name, model in models.items():
        model.name = name
        document.add_root(model)
    _connect(document, shared)
    return models


def _arrays(columns: Columns) -> dict[str, Any]:
    """Numbers as arrays, which Bokeh embeds as such."""
    return {
        key: np.array(values)
        if values and all(isinstance(value, (int, float)) for value in values)
        else values
        for key, values in columns.items()
    }


def _connect(document: Document, shared: Args) -> None:
    """What the page does when something is chosen or selected; see ``page.js``."""
    together = ", ".join(shared)

    def calling(what: str, more: str = "") -> CustomJS:
        return CustomJS(args=shared, code=f"Maestro.{what}({{{together}}}{more})")

    document.js_on_event(DocumentReady, calling("sorting"))
    document.js_on_event(DocumentReady, calling("choose"))
    shared["words"].js_on_change("value_input", calling("choose"))
    for name in ("state", "step"):
        shared[name].js_on_change("value", calling("choose"))
    shared["by"].js_on_change("value", calling("compare"))
    for name in ("tasks", "attempts"):
        shared[name].selected.js_on_change("indices", calling("select", f", {name}"))


# ---- choosing ------------------------------------------------------------------------------------


def _inputs(contents: Contents) -> Args:
    states = [(state, marked(state)) for state in in_order(contents.states)]
    steps = [(str(i), step) for i, step in enumerate(contents.by_step)]
    by = [("step", "step"), *contents.parameters.items()]
    wide = {"sizing_mode": "stretch_width", "min_width": 120, "max_width": 320}
    return {
        "words": TextInput(title="Words", placeholder="in names, values and causes", **wide),
        "state": Select(title="State", value="", options=[("", "all"), *states], **wide),
        "step": Select(title="Step", value="", options=[("", "all"), *steps], **wide),
        "by": Select(title="By", value="step", options=by, **wide),
    }


# ---- the table -----------------------------------------------------------------------------------


def _table(contents: Contents, tasks: ColumnDataSource, view: CDSView) -> DataTable:
    text = StringFormatter()
    number = HTMLTemplateFormatter(template=NUMBER)
    seconds = NumberFormatter(format="0,0.[000]", nan_format="", text_align="right")
    count = NumberFormatter(format="0", nan_format="", text_align="right")
    when = DateFormatter(format=TIME, nan_format="", null_format="")

    def column(field: str, title: str, formatter: Any, width: int) -> TableColumn:
        title = html.escape(title)  # the table takes it for HTML
        return TableColumn(field=field, title=title, formatter=formatter, width=width)

    numeric = {
        key for key in contents.parameters
        if not any(isinstance(value, str) for value in contents.tasks[key])
    }  # fmt: skip
    longest = max(map(len, contents.tasks["name"]), default=0)
    columns = [
        column("mark", "state", StringFormatter(text_color="color"), 110),
        column("name", "task", text, min(max(8 * longest, 120), 360)),
        *(
            column(key, one_line(name)[:TITLE], number if key in numeric else text, 90)
            for key, name in contents.parameters.items()
        ),
        column("run", "run time (s)", seconds, 100),
        column("queue", "in queue (s)", seconds, 100),
        column("attempts", "attempts", count, 70),
        column("exit", "exit code", count, 75),
        column("started", "started", when, 145),
        column("ended", "ended", when, 145),
        column("detail", "why", text, 300),
    ]
    return DataTable(
        source=tasks, view=view, columns=columns, sizing_mode="stretch_width", index_position=None,
        height=min(420, 30 + 25 * (1 + len(contents.tasks["name"]))), autosize_mode="none",
        stylesheets=[_heads(columns, {*numeric, "run", "queue", "attempts", "exit"})],
        sortable=True, selectable=True, reorderable=False, scroll_to_selection=True,
    )  # fmt: skip


def _heads(columns: Sequence[TableColumn], right: Set[str]) -> str:
    """Headings of numbers stand above them."""
    heads = [
        f".slick-header-column:nth-child({i}) .slick-column-name"
        for i, column in enumerate(columns, 1)
        if column.field in right
    ]
    return f".slick-cell {{ padding: 0 8px }}\n{', '.join(heads)} {{ float: right }}"


# ---- plots ---------------------------------------------------------------------------------------


def _plot(**options: Any) -> Any:
    """An empty plot with axes that are plain and readable."""
    plot = figure(
        sizing_mode="stretch_width", tools="box_zoom,pan,wheel_zoom,reset,tap",
        active_drag="box_zoom", active_scroll=None, output_backend="canvas",
        toolbar_location="above", **options,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.toolbar.autohide = False
    plot.outline_line_color = None
    plot.min_border_right = 12
    for axis in plot.axis:
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_size = axis.major_label_text_font_size = SMALL
        axis.axis_label_text_font_style = "normal"
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = INK
    plot.grid.grid_line_color = "#e6e6e6"
    return plot


def _hover(plot: Any, renderer: Any, *rows: tuple[str, str]) -> None:
    """What is shown where a pointer rests; Bokeh escapes the values."""
    plot.add_tools(
        HoverTool(
            renderers=[renderer], tooltips=list(rows), attachment="horizontal",
            formatters={"@begin": "datetime"}, point_policy="follow_mouse",
        )
    )  # fmt: skip


def _timeline(contents: Contents, shared: Args) -> Any:
    shown, source = contents.timeline, shared["attempts"]
    rows = max(1, shown.rows)
    height = 90 + max(110, 16 * rows if shown.names else min(16 * rows, 370))
    plot = _plot(
        height=height, x_axis_type="datetime", x_range=_around(shown.bars, shown.waits),
        y_range=Range1d(rows - 0.4, -0.6),
    )  # fmt: skip
    plot.xaxis.axis_label = f"time ({datetime.fromtimestamp(contents.now).astimezone():%Z})"
    plot.xaxis.ticker.desired_num_ticks = 4
    plot.ygrid.grid_line_color = None
    plot.hbar(
        y="row", left="left", right="right", height=0.24, source=shared["waits"], color="#c8c8c8",
        view=CDSView(filter=shared["wait_filter"]),
    )
    hatched = {}
    if len(shown.bars["hatch"]) <= HATCHED:
        hatched = {"hatch_pattern": "hatch", "hatch_color": "white", "hatch_scale": 6}
    bars = plot.hbar(
        y="row", left="left", right="right", height=0.72, source=source, fill_color="color",
        line_color="color", **hatched, nonselection_fill_alpha=0.25, nonselection_line_alpha=0.25,
        view=CDSView(filter=shared["attempt_filter"]),
    )  # fmt: skip
    _hover(
        plot, bars, ("task", "@name"), ("parameters", "@params"), ("state", "@mark"),
        ("attempt", "@number"), ("began", f"@begin{{{TIME}}}"), ("ran", "@took"),
        ("in the queue", "@queue"),
    )  # fmt: skip
    if shown.names:
        _name_rows(plot.yaxis[0], shown.names)
    else:
        plot.yaxis.axis_label = "slot"
        ticks = list(range(0, rows, math.ceil(rows / 20)))
        plot.yaxis.ticker = FixedTicker(ticks=ticks)
        plot.yaxis.major_label_overrides = {row: f"{row + 1}" for row in ticks}
    return plot


def _around(*bars: Columns) -> Range1d:
    """All of ``bars``, with some room at both sides."""
    left = min((x for some in bars for x in some["left"]), default=0.0)
    right = max((x for some in bars for x in some["right"]), default=left)
    room = max(0.02 * (right - left), 1.0)
    return Range1d(left - room, right + room)


def _name_rows(axis: Any, names: Sequence[str]) -> None:
    axis.ticker = FixedTicker(ticks=list(range(len(names))))
    axis.major_label_overrides = {
        row: PlainText(text=cut(name, NAME)) for row, name in enumerate(names)
    }
    axis.major_tick_line_color = None


def _durations(contents: Contents, shared: Args, view: CDSView) -> Any:
    """Where each task and each box stands is found out in the page, for what is chosen there: what
    that takes is added to ``shared``.
    """
    known = [seconds for seconds in contents.tasks["run"] if seconds > 0]
    wide = bool(known) and max(known) > WIDE * median(known)
    plot = _plot(
        height=340, x_range=Range1d(-0.6, 0.4), y_range=Range1d(0.1, 1),
        y_axis_type="log" if wide else "linear",
    )  # fmt: skip
    plot.yaxis.axis_label = "run time (s)"
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00000]")
    plot.xgrid.grid_line_color = None
    boxes = ColumnDataSource(
        {key: [] for key in ("x", "label", "count", "low", "q1", "q2", "q3", "high")}
    )
    axis = plot.xaxis[0]
    axis.ticker = FixedTicker(ticks=[])
    shared |= {
        "boxes": boxes, "axis": axis, "across": plot.x_range, "upwards": plot.y_range, "wide": wide,
    }  # fmt: skip
    many = len(known) > MANY
    dots = plot.scatter(
        "x", "run", size=4 if many else 6, source=shared["tasks"], view=view, color="color",
        fill_alpha=0.5, line_alpha=0.2 if many else 0.6, nonselection_alpha=0.12,
    )  # fmt: skip
    plot.segment(x0="x", x1="x", y0="low", y1="high", source=boxes, line_color=INK)
    box = plot.vbar(
        x="x", bottom="q1", top="q3", width=0.7, source=boxes, fill_color="#dfe6ee",
        fill_alpha=0.5, line_color=INK,
    )  # fmt: skip
    plot.scatter("x", "q2", marker="dash", size=24, source=boxes, color=INK, line_width=2)
    numbers = "{0,0.[000]} s"
    _hover(
        plot, box, ("value", "@label"), ("tasks", "@count"), ("median", f"@q2{numbers}"),
        ("quartiles", f"@q1{numbers} – @q3{numbers}"), ("all", f"@low{numbers} – @high{numbers}"),
    )  # fmt: skip
    _hover(plot, dots, *ABOUT, ("run time", f"@run{numbers}"))
    return plot


def _graph(contents: Contents, shared: Args, view: CDSView) -> Any:
    """Each task and each edge; where the tasks stand is added to their rows."""
    graph, count = contents.graph, len(contents.graph.tasks)
    columns = [column for column, _ in graph.tasks]
    high = max(Counter(columns).values())
    plot = _plot(
        height=min(max(160, 26 * high), 560), x_range=Range1d(-0.5, max(columns) + 0.5),
        y_range=Range1d(1.02, -0.02),
    )  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    ends = [(*graph.tasks[tail], *graph.tasks[head]) for tail, head in graph.edges]
    edges = {key: [end[i] for end in ends] for i, key in enumerate(("x0", "y0", "x1", "y1"))}
    plot.segment(
        **{key: key for key in edges}, source=ColumnDataSource(_arrays(edges)),
        line_color="#9a9a9a", line_alpha=0.6 if len(ends) < SYMBOLS else 0.25,
    )  # fmt: skip
    source = shared["tasks"]
    source.data["column"] = np.array(columns)
    source.data["height"] = np.array([height for _, height in graph.tasks])
    dense = count > SYMBOLS
    nodes = plot.scatter(
        "column", "height", size=7 if dense else 17, source=source, view=view, fill_color="color",
        line_color="white", nonselection_fill_alpha=0.25,
    )  # fmt: skip
    text = {"source": source, "view": view, "text_font": value(FONT)}
    if not dense:
        plot.text(
            "column", "height", "symbol", **text, text_color="white", text_align="center",
            text_baseline="middle", text_font_size="11px", text_font_style="bold",
        )  # fmt: skip
    if count <= SYMBOLS // 10:
        source.data["label"] = [cut(name, 24) for name in contents.tasks["name"]]
        plot.x_range.end += 0.5
        plot.text(
            "column", "height", "label", **text, text_color=INK, text_baseline="middle",
            x_offset=13, text_font_size="11px", background_fill_color="white",
            background_fill_alpha=0.75,
        )  # fmt: skip
    _hover(plot, nodes, *ABOUT, ("run time", "@run{0,0.[000]} s"))
    return plot
