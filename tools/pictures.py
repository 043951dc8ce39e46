"""Make the pictures of the README anew, in docs/images: a real run, and a real graph.

    python tools/pictures.py

The graph is drawn by Graphviz, which has to be installed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH = 106
"""Columns of the terminal."""

COMMANDS = (
    "maestro run -y -fg -o heat heat.yaml",
    "maestro status --summary heat",
    "maestro results --step simulate --where 'SIZE == 64' heat",
)


def maestro(line: str, folder: str) -> str:
    """What a command prints, without most of the lines that tell of single tasks."""
    program = [sys.executable, "-m", "maestro", *shlex.split(line)[1:]]
    done = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, check=True,
        env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = done.stdout.replace(f"{folder}/", "").strip().splitlines()
    told = [line for line in lines if re.match(r"\[ *\d+/\d+\]", line)]
    kept = [line for line in lines if line not in told[3:-2]]
    return "\n".join("  ..." if line in told[2:3] else line for line in kept)


def main() -> None:
    """Make both."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (ROOT / "samples" / "heat").iterdir():
            (Path(folder) / file.name).write_bytes(file.read_bytes())
        console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115
        for line in COMMANDS:
            console.print(Text(f"$ {line}", "bold"))
            console.print(Text.from_ansi(maestro(line, folder)), end="\n\n")
        svg = console.export_svg(title="maestro", unique_id="run")
        svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # on another server
        (IMAGES / "run.svg").write_text(svg, "utf-8")
        readme = (ROOT / "README.md").read_text("utf-8")
        (ball,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)[:1]
        (Path(folder) / "ball.yaml").write_text(ball, "utf-8")
        drawn = maestro("maestro graph -f svg ball.yaml", folder)
        (IMAGES / "graph.svg").write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
