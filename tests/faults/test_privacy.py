"""What holds the environment, or the state of a study, is its owner's alone, whatever the umask."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro.adapters.base import Job
from maestro.adapters.jobrecords import JobRecords
from maestro.conductor.store import Store
from tests.conftest import Shell, eventually
from tests.standins.install import install

SECRET = "open-sesame-51966"
STUDY = """\
description: {name: study, description: d}
study:
- name: first
  description: d
  run:
    cmd: |
      umask > mask
      until test -e "$(OUTPUT_PATH)/go"; do sleep 0.1; done
    procs: 1
    walltime: "10:00"
- {name: second, description: d, run: {cmd: umask > mask, depends: [first]}}
"""
KINDS = {
    "local": ("", []),
    "lsf": (
        "batch: {type: lsf, host: h, bank: b, queue: q}\n",
        ["jobs/wrapper.sh", "jobs/0/*.end"],
    ),
    "flux": (
        "batch: {type: flux, host: h, bank: b, queue: pbatch}\n",
        ["jobs/wrapper.sh", "jobs/0/*.end", "scripts/*.sh"],
    ),
}
"""What a study for each says besides, and what there is in its ``.maestro`` besides."""

ALWAYS = ["study.sqlite", "study.json", "specification.yaml", "conductor.lock", "ledger-*"]


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def exposed(study: Path) -> dict[str, str]:
    """The modes of what ought to be its owner's alone, and is not."""
    own = study / ".maestro"
    found = {}
    for path in (own, *own.rglob("*"), study / "meta" / "environment.yaml"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != (0o700 if path.is_dir() or path.suffix == ".sh" else 0o600):
            found[str(path.relative_to(study))] = oct(mode)
    return found


def telling(folder: Path) -> list[str]:
    """The files below ``folder``, and the command lines, that the secret stands in."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    files += Path("/proc").glob("[0-9]*/cmdline")
    found = []
    for path in files:
        try:
            if SECRET.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:  # the process has ended
            continue
    return found


@pytest.mark.parametrize(
    ("umask", "kind"),
    [(0o000, "local"), (0o077, "local"), (0o000, "lsf"), (0o022, "flux")],
    indirect=["umask"],
)
def test_it_is_private_at_all_times(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int, kind: str
) -> None:
    install(tmp_path / "standins", monkeypatch)
    monkeypatch.setenv("PASSWORD", SECRET)
    batch, besides = KINDS[kind]
    shell.write("study.yaml", STUDY + batch)
    study = shell.folder / "out"
    usetmp = ["--usetmp"] if kind == "flux" else []
    said = shell("maestro", "-d", "1", "run", "-y", "-s", "1", *usetmp, "-o", "out", "study.yaml")
    store = Store.open(str(study))
    holder = store.holder()
    store.close()
    eventually(lambda: list(study.rglob("mask")), 60)
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        shell("maestro", "update", "--throttle", "1", "out")
        there = [*ALWAYS, *besides, "requests/*.json"]
        lacking = [name for name in there if not list((study / ".maestro").glob(name))]
        assert lacking == [name for name in there if name.endswith(".end")]
        assert exposed(study) == {}
        assert telling(shell.folder) == [str(study / "meta" / "environment.yaml")]
    finally:
        os.kill(holder.pid, signal.SIGCONT)
    (study / "go").touch()
    eventually(lambda: shell.states("out").get("second") == "FINISHED", 60)
    assert exposed(study) == {}
    assert all(list((study / ".maestro").glob(name)) for name in [*ALWAYS, *besides])
    assert telling(shell.folder) == [str(study / "meta" / "environment.yaml")]
    assert SECRET not in said.stdout + said.stderr
    masks = {path.read_text() for path in study.rglob("mask")}
    assert masks == {f"{umask:04o}\n"}  # the tasks keep what their owner has chosen


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], indirect=True)
def test_records_of_arrays_and_of_what_was_given_up(tmp_path: Path, umask: int) -> None:
    records = JobRecords(str(tmp_path / ".maestro" / "jobs"))
    records.install()
    records.prepare(["1.1", "2001.1"])
    job = Job(("a", 1), "script", "directory", "output")
    records.write_members("1.1+2", [("1.1", job), ("2001.1", job)])
    assert records.claim("1.1")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("jobs/**/*")}
    assert modes.pop("wrapper.sh") == 0o700
    assert {modes.pop(name) for name in ("0", "2")} == {0o700}
    assert set(modes) == {"1.1+2.list", "1.1.start"}
    assert set(modes.values()) == {0o600}
