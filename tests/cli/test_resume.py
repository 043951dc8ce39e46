"""Carrying on a study: what is said, what runs again, and who may."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from maestro.adapters.records import Reader
from maestro.conductor import recipe
from maestro.conductor.store import FILE, Store
from tests.cli.test_run import FAN
from tests.conftest import Shell, eventually

STUDY = """
    description: {name: held, description: Tasks that run until they are let go}
    study:
    - name: work
      description: work
      run:
        cmd: |
          echo $(N) >> "$(OUTPUT_PATH)/lines"
          until test -e "$(OUTPUT_PATH)/go" -o -e go; do sleep 0.05; done
    - name: after
      description: after
      run: {cmd: "true", depends: [work_*]}
    global.parameters:
      N: {values: [1, 2, 3], label: N.%%}
"""


def begun(shell: Shell, text: str = STUDY, *options: object) -> subprocess.Popen[str]:
    """A conductor of a study of which two tasks run."""
    shell.write("held.yaml", text)
    process = shell.start(
        "maestro", "run", "-y", "-fg", "-t", 2, "-o", "out", *options, "held.yaml"
    )
    eventually(lambda: len(lines(shell)) == 2)
    return process


def lines(shell: Shell, study: str = "out") -> list[str]:
    """What tasks have written, in order of the combinations."""
    try:
        return sorted((shell.folder / study / "lines").read_text().split(), key=int)
    except FileNotFoundError:
        return []


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def gone_down(shell: Shell, process: subprocess.Popen[str]) -> None:
    """Nothing runs any more, and nobody has seen it end."""
    killed(process)
    opened = shim(shell).opened
    assert opened is not None
    os.kill(opened.pid, signal.SIGKILL)
    let_go(shell)
    eventually(lambda: subprocess.run(["pgrep", "-f", str(shell.folder)]).returncode != 0)


def let_go(shell: Shell, *places: str) -> None:
    for place in places or [""]:
        (shell.folder / "out" / place / "go").touch()


def shim(shell: Shell, study: str = "out") -> Reader:
    """The newest ledger of a study."""
    path = max((shell.folder / study / ".maestro").glob("ledger-*.jsonl"))
    reader = Reader(str(path))
    reader.read()
    assert reader.opened is not None
    return reader


def lease(shell: Shell, **columns: object) -> None:
    """Make the lease somebody else's."""
    with sqlite3.connect(shell.folder / "out" / FILE) as db:
        for name, value in columns.items():
            db.execute(f"UPDATE lease SET {name} = ?", (value,))
    db.close()


def reopened(shell: Shell, **facts: object) -> None:
    """Make the first record of the ledger that of another machine, or boot."""
    (path,) = (shell.folder / "out" / ".maestro").glob("ledger-*.jsonl")
    first, *rest = path.read_text().splitlines()
    names = ["kind", "pid", "start", "boot", "host", "time"]
    record = dict(zip(names, json.loads(first), strict=True)) | facts
    path.write_text("\n".join([json.dumps(list(record.values())), *rest, ""]))


# ---- what is found


def test_it_says_what_it_found_and_goes_on(shell: Shell) -> None:
    killed(begun(shell))
    let_go(shell, "work/N.1")
    reader = shim(shell)
    eventually(lambda: any(record.task == "work_N.1" for record in reader.read()))
    done = shell("maestro", "resume", "-y", "out")
    assert "0 finished · 1 running, reattached · 1 ended while away\n" in done.stdout
    assert "maestro status" in done.stdout
    let_go(shell)
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})
    assert lines(shell) == ["1", "2", "3"]
    done = shell("maestro", "resume", "out")
    folder = shlex.quote(f"{shell.folder}/out")
    table = f"out has ended: FINISHED\n  The results as a table: maestro results {folder}\n"
    assert done.stdout.endswith(table)
    log = (shell.folder / "out" / "logs" / "held.log").read_text()
    assert "taken up: 0 finished · 1 running, reattached · 1 ended while away" in log


def test_a_conductor_says_the_same(shell: Shell) -> None:
    killed(begun(shell))
    let_go(shell)
    assert "0 finished · " in shell("conductor", "out").stdout
    assert lines(shell) == ["1", "2", "3"]


def test_what_ran_when_the_machine_went_down_is_run_again(shell: Shell) -> None:
    """A boot of another id, later than the ledger, stands for the reboot."""
    gone_down(shell, begun(shell))
    reopened(shell, boot="another", time=5.0)
    done = shell("maestro", "resume", "-y", "-fg", "out")
    assert "0 finished · 2 lost, resubmitting\n" in done.stdout
    assert lines(shell) == ["1", "1", "2", "2", "3"]


def test_neither_the_generator_nor_the_copy_of_the_specification_is_read_again(
    shell: Shell,
) -> None:
    shell.write(
        "generator.py",
        """
        from maestrowf.datastructures.core import ParameterGenerator
        def get_custom_generator(env, **kwargs):
            with open("runs", "a") as file:
                file.write("x")
            generator = ParameterGenerator()
            generator.add_parameter("N", [1, 2, 3], "N.%%")
            return generator
        """,
    )
    killed(begun(shell, STUDY, "-p", "generator.py"))
    (shell.folder / "out" / "held.yaml").write_text("no study any more")
    (shell.folder / "out" / "generator.py").unlink()
    let_go(shell)
    shell("maestro", "resume", "-y", "-fg", "out")
    assert (shell.folder / "runs").read_text() == "x"
    assert lines(shell) == ["1", "2", "3"]


def test_limits_are_kept_or_changed(shell: Shell) -> None:
    killed(begun(shell))
    process = shell.start("maestro", "resume", "-y", "-fg", "-t", 3, "-a", 4, "out")
    store = Store.open(str(shell.folder / "out"))
    eventually(lambda: store.info().settings.throttle == 3)
    settings = store.info().settings
    store.close()
    assert (settings.attempts, settings.rlimit) == (4, 1)
    let_go(shell)
    process.communicate(timeout=20)
    assert process.returncode == 0


# ---- questions, and wrong directories


def test_it_asks(shell: Shell) -> None:
    killed(begun(shell))
    done = shell("maestro", "resume", "out", code=1)
    assert "0 of 4 tasks have finished, 2 were in flight. Resume it? [y/n]" in done.stdout
    assert "give -y (yes) or -n (no)" in done.stderr
    assert "Nothing was changed" in shell("maestro", "resume", "out", input="n\n").stdout
    assert "Nothing was changed" in shell("maestro", "resume", "-n", "out").stdout
    let_go(shell)
    shell("maestro", "resume", "-fg", "out", input="y\n")


def test_several_studies_and_one_that_is_none(shell: Shell) -> None:
    text = STUDY.replace("until test", "exit 1; until test")
    shell.write("held.yaml", text)
    for study in ("one", "two"):
        shell("maestro", "run", "-n", "-o", study, "held.yaml")
    done = shell("maestro", "resume", "-y", "-fg", "one", "none", "two", code=1)
    assert "none does not exist" in done.stderr
    for study in ("one", "two"):
        assert set(shell.states(study).values()) == {"FAILED", "INCOMPLETE"}
    done = shell("maestro", "resume", "-fg", "one", "two", code=2)
    again = "has ended: FAILURE\n  To run again what did not finish: maestro rerun --failed"
    assert done.stdout.count(again) == 2


# ---- who may


def test_a_second_conductor_is_told_of_the_first(shell: Shell) -> None:
    process = begun(shell)
    done = shell("maestro", "resume", "-y", "out", code=1)
    assert f"is being conducted by process {process.pid} on {os.uname().nodename}" in done.stderr
    assert "--force" in done.stderr
    let_go(shell)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_conductor_that_is_stopped_through_a_takeover_does_no_harm(shell: Shell) -> None:
    old = begun(shell)
    time.sleep(1)  # it has nothing to record any more: a store that it had locked would stay so
    old.send_signal(signal.SIGSTOP)
    assert "is being conducted" in shell("maestro", "resume", "-y", "out", code=1).stderr
    new = shell.start("maestro", "resume", "-y", "-fg", "--force", "out")
    store = Store.open(str(shell.folder / "out"))
    eventually(lambda: store.holder().pid == new.pid)
    let_go(shell)
    eventually(lambda: len(lines(shell)) == 3)
    old.send_signal(signal.SIGCONT)
    said, _ = old.communicate(timeout=20)
    assert old.returncode == 1
    assert "another conductor has taken over" in said
    said, _ = new.communicate(timeout=20)
    assert new.returncode == 0, said
    assert lines(shell) == ["1", "2", "3"]


def test_a_conductor_that_runs_is_driven_out_by_force(shell: Shell) -> None:
    """It notices before it does anything more, whatever it was about to do."""
    gate = 'test -e "$(OUTPUT_PATH)/go$(( ($(N) - 1) / 10 ))"'
    text = STUDY.replace('test -e "$(OUTPUT_PATH)/go" -o -e go', gate)
    shell.write("held.yaml", text.replace("[1, 2, 3]", str(list(range(1, 41)))))
    processes = [shell.start("maestro", "run", "-y", "-fg", "-t", 4, "-o", "out", "held.yaml")]
    for number in range(4):  # who is driven out has just let go of ten tasks, one after the other
        if number:
            processes.append(shell.start("maestro", "resume", "-y", "-fg", "--force", "out"))
        eventually(lambda number=number: len(lines(shell)) > 10 * number, 40)
        store = Store.open(str(shell.folder / "out"))
        eventually(lambda store=store: store.holder().pid == processes[-1].pid, 40)
        store.close()
        (shell.folder / "out" / f"go{number}").touch()
    *driven_out, last = processes
    for process in driven_out:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1, said
        assert "Traceback" not in said
    said, _ = last.communicate(timeout=60)
    assert last.returncode == 0, said
    assert lines(shell) == [str(n) for n in range(1, 41)]


def test_a_host_that_is_gone_for_good(shell: Shell) -> None:
    gone_down(shell, begun(shell))
    lease(shell, host="gone")
    reopened(shell, host="gone")
    begin = time.monotonic()
    done = shell("maestro", "resume", "-y", "-fg", "out", code=1)
    assert time.monotonic() - begin > 15, "it was not watched for a sign of life"
    assert "tasks of this study may still run on gone" in done.stderr
    force = shlex.split(done.stderr.rpartition("have them count as lost: maestro ")[2])
    shell("maestro", *force, "-y", "-fg", code=2)
    states = shell.states("out")
    assert states == {
        "work_N.1": "HWFAILURE", "work_N.2": "HWFAILURE", "work_N.3": "FINISHED",
        "after": "INCOMPLETE",
    } or pytest.fail(str(states))  # fmt: skip
    # Once is enough.
    shell("maestro", "rerun", "-y", "-fg", "--failed", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}


# ---- moved and copied


def test_a_study_that_was_moved_goes_on(shell: Shell) -> None:
    text = STUDY.replace('"$(OUTPUT_PATH)/lines"', "../../lines").replace(
        'test -e "$(OUTPUT_PATH)/go" -o -e go', "test -e ../../go"
    )
    killed(begun(shell, text))
    (shell.folder / "out").rename(shell.folder / "moved")
    (shell.folder / "moved" / "go").touch()
    done = shell("maestro", "resume", "-y", "-fg", "moved")
    assert "in flight" not in done.stdout
    assert lines(shell, "moved") == ["1", "2", "3"]
    assert set(shell.states("moved").values()) == {"FINISHED"}
    assert not (shell.folder / "out").exists()
    log = (shell.folder / "moved" / "logs" / "held.log").read_text()
    assert f"moved here from {shell.folder / 'out'}" in log
    script = next((shell.folder / "moved").glob("work/N.3/*.sh"))
    assert str(shell.folder / "out") not in script.read_text()


def test_what_depends_on_the_former_place_is_named(shell: Shell) -> None:
    text = STUDY.replace('cmd: "true"', f"cmd: ls '{shell.folder}/out'")
    killed(begun(shell, text))
    (shell.folder / "out").rename(shell.folder / "moved")
    done = shell("maestro", "resume", "-y", "-fg", "moved", code=1)
    assert "work_N.1 is in flight, and names it in its command" in done.stderr
    assert "after names it in its command" in done.stderr
    assert "work_N.3" not in done.stderr, "its command will name the new place"
    assert f"ln -s '{shell.folder}/moved' '{shell.folder}/out'" in done.stderr
    (shell.folder / "out").symlink_to(shell.folder / "moved")
    let_go(shell)
    shell("maestro", "resume", "-y", "-fg", "moved")
    assert lines(shell) == ["1", "2", "3"]


def test_a_study_that_was_moved_goes_on_when_its_tasks_have_ended(shell: Shell) -> None:
    process = begun(shell, STUDY.replace(' -o -e go', ""))
    process.terminate()
    process.communicate()
    path = max((shell.folder / "out" / ".maestro").glob("ledger-*.jsonl"))
    let_go(shell)
    eventually(lambda: path.read_text().count('["end"') == 2)
    (shell.folder / "out").rename(shell.folder / "moved")
    done = shell("maestro", "resume", "-y", "-fg", "moved")
    assert "2 ended while away" in done.stdout
    assert lines(shell, "moved") == ["1", "2", "3"]
    assert set(shell.states("moved").values()) == {"FINISHED"}


def test_a_cancellation_that_is_refused_leaves_nothing(shell: Shell) -> None:
    process = begun(shell)
    process.terminate()
    process.communicate()
    (shell.folder / "out").rename(shell.folder / "moved")
    done = shell("maestro", "cancel", "-y", "moved", code=1)
    assert "was moved from" in done.stderr
    (shell.folder / "moved").rename(shell.folder / "out")
    let_go(shell)
    # Nor does one whose specification is gone, which is another kind of error.
    copies = [shell.folder / "out" / name for name in (".maestro/specification.yaml", "held.yaml")]
    for copy in copies:
        copy.rename(f"{copy}.away")
    assert "held.yaml" in shell("maestro", "cancel", "-y", "out", code=1).stderr
    for copy in copies:
        Path(f"{copy}.away").rename(copy)
    shell("maestro", "resume", "-y", "-fg", "out")
    assert set(shell.states("out").values()) == {"FINISHED"}


def test_a_study_that_is_being_cancelled_says_so(shell: Shell) -> None:
    text = STUDY.replace("until test", "trap '' TERM; until test")
    process = begun(shell, text)
    process.send_signal(signal.SIGINT)
    log = shell.folder / "out" / "logs" / "held.log"
    eventually(lambda: "being cancelled" in log.read_text())
    process.send_signal(signal.SIGINT)
    said = process.communicate()[0]
    assert "Left while the study is being cancelled" in said
    done = shell("maestro", "status", "out")
    assert "Being cancelled, by nobody now. To go on: maestro resume" in done.stdout
    done = shell("maestro", "rerun", "--failed", "-y", "out", code=1)
    assert "is being cancelled; have that come to its end first: maestro resume" in done.stderr
    done = shell("maestro", "resume", "-fg", "out", input="y\n", code=3)
    assert "It is being cancelled. Go on with that? [y/n]" in done.stdout
    assert set(shell.states("out").values()) == {"CANCELLED"}


def test_a_copy_leaves_the_original_alone(shell: Shell) -> None:
    process = begun(shell)
    shutil.copytree(shell.folder / "out", shell.folder / "copy")
    (shell.folder / "copy" / "lines").unlink()
    (shell.folder / "copy" / "go").touch()
    done = shell("maestro", "resume", "-y", "-fg", "copy")
    assert "0 finished · 2 lost, resubmitting" in done.stdout
    assert lines(shell, "copy") == ["1", "2", "3"]
    assert set(shell.states("copy").values()) == {"FINISHED"}

    shutil.rmtree(shell.folder / "copy")
    shutil.copytree(shell.folder / "out", shell.folder / "copy")
    shell("maestro", "cancel", "-y", "copy")
    assert set(shell.states("copy").values()) == {"CANCELLED"}
    assert process.poll() is None
    assert len(lines(shell)) == 2
    let_go(shell)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert lines(shell) == ["1", "2", "3"]


def test_a_copy_of_a_job_study_leaves_the_jobs_alone(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.standins.install import install

    install(tmp_path / "standins", monkeypatch)
    text = STUDY.replace(
        "    study:", "    batch: {type: flux, host: h, bank: b, queue: q}\n    study:", 1
    ).replace("      run:\n        cmd: |", "      run:\n        procs: 1\n        cmd: |", 1)
    shell.write("held.yaml", text)
    process = shell.start("maestro", "run", "-y", "-fg", "-s", 1, "-o", "out", "held.yaml")
    eventually(lambda: len(lines(shell)) == 3)
    shutil.copytree(shell.folder / "out", shell.folder / "copy")
    records = shell.folder / "copy" / ".maestro" / "jobs" / "0"
    assert list(records.iterdir())
    shell("maestro", "cancel", "-y", "copy")
    assert set(shell.states("copy").values()) == {"CANCELLED"}
    assert not records.exists(), "attempts of the copy would be taken for those"
    killed(process)
    (shell.folder / "out").rename(shell.folder / "moved")
    done = shell("maestro", "resume", "-y", "-fg", "moved", code=1)
    assert "work_N.1 is a job that was submitted there" in done.stderr
    (shell.folder / "moved").rename(shell.folder / "out")
    done = shell("maestro", "resume", "-y", "out")
    assert "0 finished · 3 running, reattached" in done.stdout
    let_go(shell)
    eventually(lambda: set(shell.states("out").values()) == {"FINISHED"})
    assert lines(shell) == ["1", "2", "3"]


# ---- a damaged store


def test_a_damaged_store_is_made_anew_when_people_say_so(shell: Shell) -> None:
    killed(begun(shell))
    let_go(shell)
    path = shell.folder / "out" / FILE
    path.write_bytes(b"no store any more" * 1000)
    done = shell("maestro", "resume", "-n", "out")
    assert f"{path} is damaged: file is not a database" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert "maestro resume" not in done.stdout, "it is what is being done"
    said = shell("conductor", "out", code=1).stderr
    assert "is damaged" in said
    assert "maestro resume" in said
    done = shell("maestro", "resume", "-y", "-fg", "out")
    assert "The store was made anew: " in done.stdout
    assert done.stderr == "", "it is said once"
    assert lines(shell) == ["1", "2", "3"]
    aside, *journal = sorted(path.parent.glob("study.sqlite.damaged-*"))
    assert all(other.name == f"{aside.name}-journal" for other in journal)
    assert aside.read_bytes().startswith(b"no store")
    assert str(aside) in done.stdout


@pytest.mark.parametrize("left", [None, "{ no sense"])
def test_a_recipe_that_is_lost_is_written_anew(shell: Shell, left: str | None) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    out = shell.folder / "out"
    before = recipe.read(str(out))
    spoil(out / recipe.FILE, left)
    shell("maestro", "resume", "-y", "-fg", "out")
    after = recipe.read(str(out))
    assert (after.info.identity, after.parameters) == (before.info.identity, before.parameters)
    assert f"{out / recipe.FILE}" in (out / "logs" / "fan_out.log").read_text()


@pytest.mark.parametrize("left", [None, "{ no sense"])
def test_a_store_that_cannot_be_made_anew(shell: Shell, left: str | None) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    out = shell.folder / "out"
    spoil(out / recipe.FILE, left)
    spoil(out / FILE, left and "")
    before = sorted(out.rglob("*"))
    for words in (["resume", "-y"], ["resume"], *([] if left else [["rerun", "--failed"]])):
        done = shell("maestro", *words, "out", code=1)
        (said,) = done.stderr.splitlines()
        assert said.startswith(f"error: {out}")
        assert "cannot be made anew" in said
        assert said.endswith(recipe.REMEDY)
        assert done.stdout == "", "nothing is offered"
    assert "7 FINISHED" in shell("maestro", "status", "out").stdout
    assert sorted(out.rglob("*")) == before


def spoil(path: Path, left: str | None) -> None:
    """Remove a file, or have it hold no more than ``left``."""
    path.unlink()
    if left is not None:
        path.write_text(left)
