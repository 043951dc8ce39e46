"""What the README and the home page show works as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Shell

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_study(shell: Shell, page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shell.write("ball.yaml", study)
    assert "no problems" in shell("maestro", "validate", "ball.yaml").stdout
    shell("maestro", "run", "-y", "-fg", "-o", "ball", "ball.yaml")
    assert shell.output("ball", "best").split()[0] == "45"
