"""``docs/tutorials/analysis.md``: its study is conducted, and its examples give what they say."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import Shell

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tutorials" / "analysis.md"


def test_the_examples(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    text = PAGE.read_text(encoding="utf-8")
    shutil.copytree(ROOT / "samples", shell.folder / "samples")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (command,) = (block for language, block in blocks if not language)
    shell(*shlex.split(command), timeout=120)
    monkeypatch.chdir(shell.folder)
    # What stands between the blocks is no output of the last example before it.
    examples = "\n\n".join(block for language, block in blocks if language == "python")
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append)
    assert not report, "".join(report)
    assert runner.tries == len(test.examples) > 40
