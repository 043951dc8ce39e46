"""``maestro report``: a page for browsers that holds all of a report and needs nothing else."""

from __future__ import annotations

import time
from importlib import resources

from maestro.errors import UsageError
from maestro.graph.names import safe
from maestro.report.look import amount, fill, in_order, ink, one_line, symbol
from maestro.report.page.columns import cut
from maestro.report.page.contents import Contents, gather
from maestro.report.page.provenance import local_time
from maestro.report.study import open_study
from maestro.report.writing import write
from maestro.spec.values import plural

__all__ = ["page", "report"]


def report(directory: str, out: str | None, *, default: bool = False) -> str | None:
    """Write the report on the study in ``directory`` to the file ``out``, to the standard output
    where that is None, or by ``default`` to a file named after the study; the file's name.

    Raises
    ------
    StudyError, SpecError
        The study cannot be read.
    UsageError
        Bokeh is not installed, or the file cannot be written.
    """
    _see_bokeh()
    study = open_study(directory)
    if default:
        out = f"{safe(study.name) or 'study'}-report.html"
    content = page(gather(study, time.time()))
    write([content.encode(errors="backslashreplace")], "html", out)
    return out


def _see_bokeh() -> None:
    try:
        import bokeh.embed  # noqa: F401
    except ImportError:
        raise UsageError(
            "a report is drawn by Bokeh: pip install 'maestro-conductor[report]'"
        ) from None


def page(contents: Contents) -> str:
    """The text of the page."""
    from bokeh.embed import components
    from bokeh.resources import Resources
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from maestro.report.page.figures import figures

    models = figures(contents)
    script, parts = components(models)
    bokeh = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        amount=amount, fill=fill, in_order=in_order, ink=ink, line=one_line, local_time=local_time,
        plural=plural, brief=lambda text: cut(one_line(text), 80),
        symbol=lambda state: symbol(state, "utf-8"),
    )  # fmt: skip
    template = environment.from_string(_text("template.html"))
    return template.render(
        it=contents,
        found=contents.analysis,
        run=contents.analysis["run"],
        parts={name: Markup(part) for name, part in parts.items()},
        style=Markup(_text("style.css")),
        scripts=Markup(bokeh.render() + f"<script>\n{_text('page.js')}</script>{script}"),
    )


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
