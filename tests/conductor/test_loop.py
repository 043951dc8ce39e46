"""What goes wrong around the loop: it says so, and the study can be taken up again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maestro.conductor.store import Store
from tests.conftest import Shell
from tests.standins.install import install

SPOILT = """
    description: {name: spoilt, description: spoilt}
    batch: {type: lsf, host: h, bank: b, queue: q}
    study:
    - name: spoil
      description: here
      run: {cmd: "rm -r ../.maestro/jobs; touch ../.maestro/jobs"}
    - name: job
      description: there
      run: {cmd: "true", procs: 1, depends: [spoil]}
"""


def test_records_that_cannot_be_written(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People are told, and nothing has failed: the study can be taken up again."""
    install(tmp_path / "standins", monkeypatch)
    shell.write("spoilt.yaml", SPOILT)
    run = shell("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "spoilt.yaml", code=1)
    assert "jobs/0 cannot be used: Not a directory" in run.stderr
    store = Store.open(str(shell.folder / "out"))
    assert [task.state for task in store.tasks()] == ["FINISHED", "SUBMITTING"]
    store.close()


MANY = """
import os, resource, sys
from maestro.cli.main import main
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2000), hard))
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
sys.exit(main())
"""


def test_more_descriptors_than_select_takes(shell: Shell) -> None:
    """Whoever starts a conductor may have left many open."""
    spec = shell.write("one.yaml", SPOILT.replace("type: lsf", "type: local"))
    words = [sys.executable, "-c", MANY, "run", "-y", "-fg", "-o", "out", str(spec)]
    done = subprocess.run(words, cwd=shell.folder, capture_output=True, text=True, check=False)
    assert "out of range" not in done.stderr
    assert set(shell.states("out")) == {"spoil", "job"}
    assert "INITIALIZED" not in shell.states("out").values()
