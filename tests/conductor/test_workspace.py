"""Scripts in workspaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_script_is_written_wholly_or_not_at_all(tmp_path: Path) -> None:
    """A disk that is nearly full takes the first part without a word: that must not run."""
    path = str(tmp_path / "script.sh")
    code = f"""
import resource, signal
from maestro.conductor.workspace import _write_script
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    _write_script({path!r}, "echo step\\n" * 1000)
except OSError:
    print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "told\n"
