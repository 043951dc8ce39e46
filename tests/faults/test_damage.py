"""A store that gets damaged, is made anew, and the study conducted to its end: nothing is lost, and
nothing runs twice.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro.conductor import recipe
from maestro.conductor.rebuild import damage, rebuild
from maestro.conductor.store import FILE, Store, TaskRow
from maestro.errors import StudyError
from tests.conftest import Shell, eventually
from tests.standins.install import install

LOCAL = """
    description: {name: study, description: Some tasks of every kind}
    batch: {type: local, procs: 6, enforce walltime: true}
    study:
    - name: early
      description: ends at once, well or badly
      run: {cmd: "echo early$(N) >> '$(OUTPUT_PATH)/runs'; exit $(CODE)"}
    - name: late
      description: waits until it may end
      run:
        cmd: |
          echo late$(N) >> '$(OUTPUT_PATH)/runs'
          until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done
        depends: [early]
    - name: short
      description: takes too long at first
      run:
        cmd: |
          echo short >> '$(OUTPUT_PATH)/runs'
          sleep 60
        restart: |
          echo restart >> '$(OUTPUT_PATH)/runs'
        walltime: "00:00:01"
    - name: last
      description: waits for all that can finish
      run: {cmd: "echo last$(N) >> '$(OUTPUT_PATH)/runs'", depends: [late, short]}
    global.parameters:
      N: {values: [1, 2, 3], label: N.%%}
      CODE: {values: [0, 0, 5], label: CODE.%%}
"""

LONG = pytest.mark.long
RUN = ["early1", "early2", "early3", "last1", "last2", "late1", "late2", "restart", "short"]
COUNTS = {"FINISHED": 7, "FAILED": 1, "INCOMPLETE": 2}


def garbage(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(os.urandom(2 * 4096))


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def nothing(path: Path) -> None:
    os.truncate(path, 0)


def a_page(path: Path) -> None:
    """The root of the tasks' tree, with every bit of it flipped."""
    text = bytearray(path.read_bytes())
    root = next(n for n in range(1, len(text) // 4096) if b"early" in text[4096 * n :][:4096])
    for place in range(4096 * root, 4096 * root + 4096):
        text[place] ^= 0xFF
    path.write_bytes(text)


SPOILING = [garbage, Path.unlink, *(pytest.param(f, marks=LONG) for f in (half, nothing, a_page))]


class Case:
    """A study in ``out`` whose tasks each leave a line, and whose store is to be spoilt."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.out = shell.folder / "out"
        self.store = self.out / FILE

    def start(self, spec: str, *options: object) -> None:
        """Conduct it in the background until `rests`."""
        self.shell.write("study.yaml", spec)
        self.process = self.shell.start(
            "maestro", "run", "-y", "-fg", "-o", "out", *options, "study.yaml"
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def go(self) -> None:
        (self.out / "go").touch()

    def ran(self) -> list[str]:
        """The lines that tasks have left."""
        path = self.out / "runs"
        return sorted(path.read_text().split()) if path.exists() else []

    def rows(self) -> dict[str, TaskRow]:
        store = Store.open(str(self.out))
        try:
            return {row.name: row for row in store.tasks()}
        finally:
            store.close()

    def counts(self) -> dict[str, int]:
        store = Store.open(str(self.out))
        try:
            return store.counts()
        finally:
            store.close()

    def rebuild(self) -> dict[str, int]:
        """Make the store anew; the states of the tasks then."""
        assert damage(str(self.out)) is not None
        counts = dict(rebuild(str(self.out)).counts)
        assert damage(str(self.out)) is None
        assert counts == self.counts()
        return counts

    def resume(self, code: int) -> None:
        self.shell("conductor", "out", code=code)


@pytest.fixture
def case(shell: Shell) -> Case:
    return Case(shell)


def amid(case: Case) -> None:
    """The conductor has been killed; two tasks run on, and one was restarted."""
    case.start(LOCAL)
    eventually((case.out / "status.csv").exists)
    stands = {"FINISHED": 3, "RUNNING": 2, "FAILED": 1, "INCOMPLETE": 2, "INITIALIZED": 2}
    eventually(lambda: Counter(case.shell.states("out").values()) == stands)
    case.kill()


@pytest.mark.parametrize("spoil", SPOILING)
def test_a_study_amid_its_work(case: Case, spoil: Callable[[Path], None]) -> None:
    amid(case)
    spoil(case.store)
    for command in (("maestro", "status"), ("conductor",)):
        done = case.shell(*command, "out", code=None)
        assert ".maestro/study.sqlite" in done.stdout + done.stderr
        assert "is damaged" in done.stdout + done.stderr
        assert "maestro resume" in done.stdout + done.stderr
    counts = case.rebuild()
    assert counts["RUNNING"] == 2
    assert counts["FAILED"] == 1
    aside = [path.name for path in case.store.parent.glob("*.damaged-*")]
    assert len([name for name in aside if not name.endswith("-journal")]) == (spoil != Path.unlink)
    case.go()
    case.resume(code=2)
    assert case.counts() == COUNTS
    assert case.ran() == RUN


@pytest.mark.parametrize("what", ["status.csv", ".maestro/ledger"])
def test_one_witness_is_enough(case: Case, what: str) -> None:
    """Without the snapshot, all is known from the ledgers; without them, what has ended is known,
    and what may run is not started again.
    """
    amid(case)
    before = case.shell.states("out")
    garbage(case.store)
    for path in case.out.glob(f"{what}*"):
        path.unlink()
    counts = case.rebuild()
    case.go()
    if what == "status.csv":
        assert counts["RUNNING"] == 2
        case.resume(code=2)
        assert case.counts() == COUNTS
        assert case.ran() == RUN
    else:
        ran = case.ran()
        rows = case.rows()
        for task, state in before.items():
            if state in ("FINISHED", "FAILED", "INCOMPLETE"):
                assert rows[task].state == state
            elif state == "RUNNING":
                assert rows[task].state == "HWFAILURE"
        case.resume(code=2)
        assert case.ran() == ran


def test_an_ended_study_is_told_as_it_was(case: Case) -> None:
    """State, attempts, job, exit code and times of every task, and what has happened to it."""
    case.start(LOCAL)
    eventually(lambda: case.out.exists())
    case.go()
    case.process.communicate(timeout=60)
    before, events = case.rows(), history(case)
    shutil.copy(case.store, case.shell.folder / "sound")
    nothing(case.store)
    case.rebuild()
    after = case.rows()
    assert list(after) == list(before)
    for name, row in before.items():
        told = after[name]
        assert told.id == row.id
        for field in ("state", "number", "restarts", "job", "exit_code", "started", "ended"):
            assert getattr(told, field) == getattr(row, field), (name, field)
    assert history(case) == events
    assert "The study has ended: FAILURE" in case.shell("maestro", "status", "out").stdout


def history(case: Case) -> dict[int, list[tuple[int, str]]]:
    """Number of the attempt and event, by task."""
    events: dict[int, list[tuple[int, str]]] = {}
    store = Store.open(str(case.out))
    with store._db.reading() as db:
        for task, number, event in db.execute("SELECT task, number, event FROM event ORDER BY id"):
            events.setdefault(task, []).append((number, event))
    store.close()
    return events


def test_a_conductor_whose_store_gets_damaged_says_so_and_loses_nothing(case: Case) -> None:
    case.start(LOCAL)
    eventually(lambda: {"late1", "late2"} <= set(case.ran()))
    garbage(case.store)
    text, _ = case.process.communicate(timeout=20)
    assert case.process.returncode == 1
    assert "is damaged" in text
    assert "maestro resume" in text
    assert "Traceback" not in text
    case.go()
    case.rebuild()
    case.resume(code=2)
    assert case.counts() == COUNTS
    assert case.ran() == RUN


def test_a_study_that_is_conducted_is_left_alone(case: Case) -> None:
    case.start(LOCAL)
    eventually(lambda: {"late1", "late2"} <= set(case.ran()))
    case.process.send_signal(signal.SIGSTOP)
    garbage(case.store)
    with pytest.raises(StudyError, match=f"being conducted by process {case.process.pid}"):
        rebuild(str(case.out))
    counts = dict(rebuild(str(case.out), force=True).counts)
    assert counts["RUNNING"] >= 2
    case.process.send_signal(signal.SIGCONT)
    text, _ = case.process.communicate(timeout=20)
    assert case.process.returncode == 1
    assert "it is not the file that it was" in text
    case.go()
    case.resume(code=2)
    assert case.ran() == RUN


def test_a_cancelled_study_stays_cancelled(case: Case) -> None:
    case.start(LOCAL)
    eventually(lambda: {"late1", "late2"} <= set(case.ran()))
    case.process.send_signal(signal.SIGINT)
    case.process.communicate(timeout=20)
    before = case.counts()
    ran = case.ran()
    nothing(case.store)
    assert case.rebuild() == before
    assert before["CANCELLED"] >= 3
    assert "CANCELLED" in case.shell("maestro", "status", "out").stdout
    garbage(case.store)
    (case.out / "status.csv").unlink()
    case.rebuild()
    case.resume(code=3)
    assert case.counts() == before
    assert case.ran() == ran


AGAIN = """
    description: {name: again, description: Fails at first}
    study:
    - name: one
      description: one
      run:
        cmd: |
          echo one$(N) >> '$(OUTPUT_PATH)/runs'
          [ $(N) = 1 ] || [ -e '$(OUTPUT_PATH)/good' ]
    - name: two
      description: two
      run: {cmd: "echo two$(N) >> '$(OUTPUT_PATH)/runs'", depends: [one]}
    global.parameters:
      N: {values: [1, 2], label: N.%%}
"""


@pytest.mark.parametrize(
    ("witness", "twice"),
    [
        (True, False),
        (False, True),
        pytest.param(True, True, marks=LONG),
        pytest.param(False, False, marks=LONG),
    ],
)
def test_tasks_that_were_run_again(case: Case, witness: bool, twice: bool) -> None:
    """Former attempts are former ones, whether or not there is a later one by now."""
    case.start(AGAIN)
    case.process.communicate(timeout=30)
    if twice:
        (case.out / "good").touch()
    case.shell("maestro", "rerun", "-y", "-fg", "--failed", "out", code=0 if twice else 2)
    before = case.rows()
    assert before["one_N.2"].number == 2
    nothing(case.store)
    if not witness:
        (case.out / "status.csv").unlink()
    case.rebuild()
    after = case.rows()
    for name, row in before.items():
        assert (after[name].state, after[name].number) == (row.state, row.number), name
    if not twice:
        (case.out / "good").touch()
        case.shell("maestro", "rerun", "-y", "-fg", "--failed", "out")
        assert case.rows()["one_N.2"].number == 3
    times = 2 if twice else 3
    assert case.ran() == sorted(["one1", "two1", *times * ["one2"], "two2"])


BATCH = """
    description: {name: jobs, description: Jobs}
    batch: {type: KIND, host: h, bank: b, queue: q}
    study:
    - name: job
      description: one after the other; the first one ends at once
      run:
        cmd: |
          echo job$(N) >> '$(OUTPUT_PATH)/runs'
          mkdir '$(OUTPUT_PATH)/first' || until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done
        procs: 1
    - name: here
      description: on this machine
      run: {cmd: "echo here$(N) >> '$(OUTPUT_PATH)/runs'", depends: [job]}
    global.parameters:
      N: {values: [1, 2, 3, 4], label: N.%%}
"""


@pytest.mark.parametrize(
    ("kind", "witness"),
    [
        ("lsf", False),
        ("flux", True),
        pytest.param("lsf", True, marks=LONG),
        pytest.param("flux", False, marks=LONG),
    ],
)
def test_jobs_of_a_scheduler(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, witness: bool
) -> None:
    """One has ended, one runs, two wait: of those nothing tells but the queue, or the snapshot."""
    monkeypatch.setenv("STANDIN_SLOTS", "1")
    standins = install(tmp_path / "standins", monkeypatch)
    case.start(BATCH.replace("KIND", kind), "-s", "1")
    stands = {"FINISHED": 2, "RUNNING": 1, "PENDING": 2, "INITIALIZED": 3}
    eventually((case.out / "status.csv").exists)
    eventually(lambda: Counter(case.shell.states("out").values()) == stands)
    case.kill()
    jobs = {name: row.job for name, row in case.rows().items()}
    garbage(case.store)
    if not witness:
        (case.out / "status.csv").unlink()
    standins.mark("down")
    with pytest.raises(StudyError, match="does not answer"):
        rebuild(str(case.out))
    standins.mark("down", False)
    counts = case.rebuild()
    if witness or kind == "lsf":
        assert counts == stands
        assert {name: row.job for name, row in case.rows().items() if name in jobs} == jobs
    case.go()
    case.resume(code=0)
    assert case.counts() == {"FINISHED": 8}
    assert case.ran() == sorted([f"{what}{n}" for what in ("job", "here") for n in range(1, 5)])
    if witness or kind == "lsf":
        assert len(list(standins.folder.glob("[0-9]*.json"))) == 4, "none was submitted twice"


def test_a_study_that_another_specification_has_changed(case: Case) -> None:
    """Its tasks have ids that are not their positions; some are no longer made, some new."""
    case.start(AGAIN)
    case.process.communicate(timeout=30)
    (case.out / "good").touch()
    changed = AGAIN.replace("values: [1, 2]", "values: [2, 3]")
    changed = changed.replace(
        "study:", "study:\n    - name: zero\n      description: new\n      run: {cmd: 'true'}", 1
    )
    case.shell.write("changed.yaml", changed)
    case.shell("maestro", "rerun", "-y", "-fg", "--failed", "--spec", "changed.yaml", "out")
    before, ran = case.rows(), case.ran()
    assert [row.id for row in before.values()] != list(range(len(before)))
    garbage(case.store)
    (case.out / "status.csv").unlink()
    case.rebuild()
    after = case.rows()
    assert list(after) == list(before)
    for name, row in before.items():
        told = after[name]
        assert (told.id, told.state, told.number) == (row.id, row.state, row.number), name
    case.resume(code=0)
    assert case.ran() == ran


def test_without_a_recipe_it_is_said_what_is_missing(case: Case) -> None:
    case.start(AGAIN)
    case.process.communicate(timeout=30)
    (case.out / recipe.FILE).unlink()
    garbage(case.store)
    with pytest.raises(StudyError, match=r"study\.json, which would tell what the study is"):
        rebuild(str(case.out))
    assert case.store.exists(), "nothing has been put aside"


def test_a_rebuild_that_was_killed_is_begun_anew(case: Case) -> None:
    amid(case)
    garbage(case.store)
    (case.out / ".maestro" / "rebuilt" / ".maestro").mkdir(parents=True)
    (case.out / ".maestro" / "rebuilt" / FILE).write_text("half of one")
    case.rebuild()
    case.go()
    case.resume(code=2)
    assert case.ran() == RUN
