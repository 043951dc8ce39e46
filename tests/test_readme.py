"""What the README shows works as it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Shell

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_first_study(shell: Shell) -> None:
    text = README.read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shell.write("ball.yaml", study)
    assert "no problems" in shell("maestro", "validate", "ball.yaml").stdout
    shell("maestro", "run", "-y", "-fg", "-o", "ball", "ball.yaml")
    assert shell.output("ball", "best").split()[0] == "45"
