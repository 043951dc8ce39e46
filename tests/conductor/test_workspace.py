"""Scripts in workspaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from maestro.adapters.registry import codec_for
from maestro.conductor.store import Store
from maestro.conductor.study import open_graph
from maestro.conductor.workspace import Writer
from maestro.engine import AttemptId
from tests.conftest import Shell


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


def test_what_is_left_before_a_rerun_is_put_aside_once(shell: Shell) -> None:
    """Also when the first attempt of the rerun was intended, and never came to be."""
    shell.write("one.yaml", """
        description: {name: one, description: One}
        study:
        - {name: a, description: a, run: {cmd: "true"}}
        """)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "one.yaml")
    workspace, aside = (shell.folder / "out" / place for place in ("a", "meta/former/a.attempt-1"))
    (workspace / "old").touch()
    store = Store.open(str(shell.folder / "out"))
    study = open_graph(store)
    store.close()
    writer = Writer(study, codec_for(study.spec.batch), {"a": 1})
    for number in (3, 4):
        writer.job(AttemptId("a", number), restart=False)
        (workspace / "new").touch()
    assert (workspace / "new").exists()
    assert not (workspace / "old").exists()
    assert (aside / "old").exists()
    assert not (aside / "new").exists()
