"""A study whose tasks each append a line to one file: what ran, and how often, is plain to see."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Shell

SPEC = """
    description: {{name: lines, description: every task appends a line}}
    study:
    - name: first
      description: one for each N
      run: {{cmd: "{pause}echo first.$(N) >> '{lines}'"}}
    - name: second
      description: after the first of the same N
      run: {{cmd: "{pause}echo second.$(N) >> '{lines}'", depends: [first]}}
    - name: last
      description: after all
      run: {{cmd: "echo last >> '{lines}'", depends: [second_*]}}
    global.parameters:
      N: {{values: {values}, label: N.%%}}
"""


class Lines:
    """The study in ``lines.yaml``, with ``count`` tasks in each of two steps and one after them.
    They append to a file outside the study directory, after ``pause`` (a command with its
    semicolon).
    """

    def __init__(self, shell: Shell, count: int = 3, pause: str = "") -> None:
        self.path: Path = shell.folder / "lines"
        self.expected = sorted(
            [f"{step}.{n}" for step in ("first", "second") for n in range(count)] + ["last"]
        )
        self._shell = shell
        values = list(range(count))
        self.spec = shell.write(
            "lines.yaml", SPEC.format(lines=self.path, values=values, pause=pause)
        )

    def written(self) -> list[str]:
        """The lines that stand there, sorted."""
        return sorted(self.path.read_text().splitlines()) if self.path.exists() else []

    def check(self, study: str | Path) -> None:
        """Every task has finished, and its line stands exactly once."""
        assert set(self._shell.states(study).values()) == {"FINISHED"}
        assert self.written() == self.expected
