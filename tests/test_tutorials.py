"""Tutorials: what they tell to type is typed, and must print what they say.

A block with a title is written into that file. In a block of ``console``, a line ``$ command`` is
run, and the lines below are what it prints: ``...`` stands for any text in a line, or as a line of
its own for any lines. A block of ``mermaid`` is what the last command printed.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parent.parent / "docs" / "tutorials"
BLOCK = re.compile(r'^```(\w+)(?: title="(.+?)")?[^\n]*\n(.*?)^```$', re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


class Terminal:
    """Somebody who types the commands of a page in ``folder``, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status, self.commands = 0, 0
        self.printed: list[str] = []

    def run(self, command: str) -> None:
        environment = {name: os.environ[name] for name in os.environ if name != "FORCE_COLOR"}
        path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{command}"],  # so that it can ask for $?
            cwd=self.folder,
            env={**environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
        )
        self.status, self.printed = done.returncode, lines(done.stdout)
        self.commands += 1

    def read(self, page: str) -> None:
        """Do all that ``page`` says, and fail at the first command that prints something else."""
        for language, title, body in BLOCK.findall(page):
            if title:
                (self.folder / title).write_text(body, encoding="utf-8")
            elif language == "console":
                assert body.startswith("$ "), body
                for command, output in COMMAND.findall(body):
                    self.run(command)
                    self.compare(command, lines(output))
            elif language == "mermaid":
                self.compare("the picture of the last command", lines(body))

    def compare(self, what: str, told: list[str]) -> None:
        if not agree(told, self.printed):
            text = f"$ {what}\n{difference(told, self.printed)}\n(exit status {self.status})"
            pytest.fail(f"the page (-) and what was printed (+) differ:\n{text}", pytrace=False)


def lines(text: str) -> list[str]:
    """Lines without what nobody sees: blanks at their ends, and empty ones at the end."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def like(line: str) -> str:
    return ".*".join(map(re.escape, line.split("...")))


def agree(told: list[str], printed: list[str]) -> bool:
    patterns = (r"(?:.*\n)*" if line == "..." else like(line) + r"\n" for line in told)
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in printed)) is not None


def difference(told: list[str], printed: list[str]) -> str:
    """Both, line by line; a printed line that agrees with one of the page is shown as that."""
    known = [line for line in told if line != "..."]
    shown = [next((k for k in known if re.fullmatch(like(k), line)), line) for line in printed]
    return "\n".join(line.rstrip() for line in difflib.ndiff(told, shown))


@pytest.mark.parametrize("name", ["first-study", "parameter-study"])
def test_it_prints_what_the_page_says(name: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.read((TUTORIALS / f"{name}.md").read_text(encoding="utf-8"))
    assert terminal.commands > 8


PAGE = """
```text title="file"
line 1
line 2
```

```console
$ cat file
line ...
...
$ false
$ echo $?
1
```
"""


@pytest.mark.parametrize(("right", "wrong"), [
    ("line ...", "Line ..."), ("\n...\n", "\n"), ("\n...\n", "\nline 2\nline 3\n"),
    ("$ false", "$ true"), ("\n1\n", "\n"),
])  # fmt: skip
def test_a_page_that_is_wrong_fails(right: str, wrong: str, tmp_path: Path) -> None:
    Terminal(tmp_path).read(PAGE)
    with pytest.raises(pytest.fail.Exception, match="differ"):
        Terminal(tmp_path).read(PAGE.replace(right, wrong, 1))
