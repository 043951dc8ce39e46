"""Drawings made visible by Graphviz, and a page of their own for browsers."""

from __future__ import annotations

import html
import re
from string import Template

from maestro.errors import UsageError, visible
from maestro.graph import Drawing, to_dot

__all__ = ["page", "render"]

NUMBERS = re.compile(rb"<title>t\d+(&#45;&gt;t\d+)?</title>\n?")
"""What Graphviz would show where a pointer rests: our numbers of boxes and arrows."""


def render(drawing: Drawing, form: str) -> bytes:
    """``drawing`` as "svg", "png", "pdf" or, as a page for browsers, "html".

    Raises
    ------
    UsageError
        Graphviz is not there, or cannot draw it.
    """
    import graphviz

    source = graphviz.Source("\n".join(to_dot(drawing)))
    drawn = "svg" if form == "html" else form
    try:
        picture: bytes = source.pipe(format=drawn, quiet=True)
    except graphviz.ExecutableNotFound:
        raise UsageError(
            f"{form} is drawn by Graphviz, whose command 'dot' is not on the PATH here; install "
            "Graphviz (as a package it is called graphviz), or have the graph as text with -f dot "
            "or -f mermaid"
        ) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").split("\n")[-2:]
        why = " ".join([f"dot ended with {error.returncode}", *said]).strip()
        raise UsageError(f"Graphviz could not draw it: {why}") from None
    if drawn != "svg":
        return picture
    if b"<svg" not in picture:
        raise UsageError("Graphviz could not draw it: dot printed no picture")
    return NUMBERS.sub(b"", picture)


def page(svg: bytes, title: str, summary: str) -> bytes:
    """A page for browsers that holds the picture ``svg`` and needs nothing else."""
    picture = svg[svg.index(b"<svg") :].decode()
    text = PAGE.substitute(
        title=html.escape(visible(title)), summary=html.escape(summary), picture=picture
    )
    return text.encode()


PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { margin: 0; height: 100vh; display: flex; flex-direction: column; background: #fff;
         color: #222; font: 15px/1.4 system-ui, Helvetica, Arial, sans-serif }
  header { display: flex; flex-wrap: wrap; gap: .3em 1.5em; align-items: baseline;
           padding: .6em 1em; border-bottom: 1px solid #ccc }
  h1 { margin: 0; font-size: 1.15em }
  fieldset { border: 0; margin: 0 0 0 auto; padding: 0 }
  label { margin-left: .8em }
  main { flex: 1; overflow: auto; padding: 1em }
  svg { display: block; margin: auto }
  body:has(#fit:checked) svg { max-width: 100%; height: auto }
  body:has(#half:checked) svg { zoom: .5 }
  body:has(#double:checked) svg { zoom: 2 }
  g.node:hover > g polygon, g.node:hover > polygon { stroke-width: 2.5 }
</style>
</head>
<body>
<header>
<h1>$title</h1>
<span>$summary</span>
<fieldset aria-label="size">
<label><input type="radio" name="size" id="fit" checked> fit</label>
<label><input type="radio" name="size" id="half"> 50 %</label>
<label><input type="radio" name="size" id="whole"> 100 %</label>
<label><input type="radio" name="size" id="double"> 200 %</label>
</fieldset>
</header>
<main>
$picture</main>
</body>
</html>
""")
