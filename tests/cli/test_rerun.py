"""Running tasks again: which, why, what is kept, and by another specification."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import maestro
from tests.conftest import Shell, eventually

STUDY = """
    description: {name: sums, description: Sums}
    study:
    - name: make
      description: make
      run:
        cmd: |
          echo $(SIZE) > made
          echo "$(SIZE) $(ALG)" >> ../../lines
    - name: use
      description: use
      run:
        cmd: |
          test $(SIZE) != 20 -o -e ../../mended && cp '$(make.workspace)/made' used
        depends: [make]
    - name: sum
      description: sum
      run:
        cmd: |
          cat '$(use.workspace)'/*/used > sum
        depends: [use_*]
    global.parameters:
      SIZE: {values: [10, 20, 30], label: SIZE.%%}
      ALG: {values: [a, b, b], label: ALG.%%}
"""


@pytest.fixture
def study(shell: Shell) -> Path:
    """A study in which one task has failed."""
    shell.write("sums.yaml", STUDY)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "sums.yaml", code=2)
    assert states(shell) == "FFF FXF -"
    return shell.folder / "out"


def states(shell: Shell) -> str:
    """Of make, use and sum by size: F for finished, X for failed, - for what never ran."""
    letters = {"FINISHED": "F", "FAILED": "X", "INCOMPLETE": "-", "CANCELLED": "C"}
    found = [letters.get(state, "?") for state in shell.states("out").values()]
    return " ".join("".join(found[i : i + 3]) for i in (0, 3, 6))


def listed(text: str) -> dict[str, str]:
    """The reason by task, as it is shown."""
    rows = [line.split(maxsplit=2) for line in text.splitlines() if line.startswith("  ")]
    return {row[0]: row[2] for row in rows if row[1].isupper()}


MENDED = {"use_ALG.b.SIZE.20": "exit code 1", "sum": "use_ALG.b.SIZE.20 runs again"}


def test_what_failed_and_what_waited_for_it(shell: Shell, study: Path) -> None:
    (study / "mended").touch()
    done = shell("maestro", "rerun", "--failed", "--dry", "out")
    assert listed(done.stdout) == MENDED
    assert states(shell) == "FFF FXF -"
    done = shell("maestro", "rerun", "--failed", "-y", "-fg", "out")
    assert listed(done.stdout) == MENDED
    assert states(shell) == "FFF FFF F"
    assert (study / "sum" / "sum").read_text() == "10\n20\n30\n"
    assert len((study / "lines").read_text().split("\n")) == 4
    former = study / "meta" / "former" / "use" / "ALG.b.SIZE.20.attempt-1"
    assert {path.suffix for path in former.iterdir()} == {".sh", ".out", ".err"}
    (script,) = (study / "use" / "ALG.b.SIZE.20").glob("*.sh")
    assert script.exists()
    assert "Nothing is to be run again" in shell("maestro", "rerun", "--failed", "out").stdout
    attempts = [task.number for task in maestro.open_study(str(study)).tasks()]
    assert attempts == [1, 1, 1, 1, 2, 1, 1]


def test_chosen_tasks_keep_or_take_along_results(shell: Shell, study: Path) -> None:
    done = shell("maestro", "rerun", "--step", "make", "--where", "SIZE < 15", "--dry", "out")
    assert listed(done.stdout) == {"make_ALG.a.SIZE.10": "it is chosen"}
    assert "1 that depend on them keep their results: use_ALG.a.SIZE.10" in done.stdout
    done = shell(
        "maestro", "rerun", "--where", "SIZE < 15 and ALG == 'a'", "--step", "make",
        "--with-descendants", "-y", "-fg", "out", code=2,
    )  # fmt: skip
    assert listed(done.stdout) == {
        "make_ALG.a.SIZE.10": "it is chosen",
        "use_ALG.a.SIZE.10": "make_ALG.a.SIZE.10 runs again",
    }
    assert (study / "lines").read_text().split("\n").count("10 a") == 2
    assert states(shell) == "FFF FXF -"


def test_what_a_chosen_task_needs_runs_first(shell: Shell, study: Path) -> None:
    (study / "mended").touch()
    done = shell("maestro", "rerun", "--step", "sum", "-y", "-fg", "-t", "1", "out")
    assert maestro.open_study(str(study)).info.settings.throttle == 1
    assert listed(done.stdout) == {"use_ALG.b.SIZE.20": "sum needs it", "sum": "it is chosen"}
    assert states(shell) == "FFF FFF F"


def test_a_cancelled_study_goes_on(shell: Shell, study: Path) -> None:
    process = shell.start("maestro", "rerun", "-y", "-fg", "--step", "make", "out")
    process.communicate(timeout=30)
    shell.write("sums.yaml", STUDY.replace("echo $(SIZE) > made", "sleep 60"))
    shell("maestro", "run", "-y", "-o", "out", "sums.yaml")
    shell("maestro", "cancel", "-y", "out")
    shell("maestro", "cancel", "-y", "out")
    assert set(states(shell)) == {"C", " "}
    shell.write("sums.yaml", STUDY.replace("test $(SIZE) != 20 -o -e ../../mended &&", ""))
    done = shell("maestro", "rerun", "--failed", "--spec", "sums.yaml", "-y", "-fg", "out")
    assert len(listed(done.stdout)) == 7
    assert states(shell) == "FFF FFF F"


def test_wrong_words(shell: Shell, study: Path) -> None:
    for words, said in (
        ([], "say what to run again: --failed, --step, --where or --spec"),
        (["--step", "maek"], "there is no step 'maek'; did you mean 'make'?"),
        (["--where", "SIZ > 3"], "did you mean 'SIZE'?"),
        (["--pargs", "a:b", "--failed"], "--pargs are for a generator"),
        (["--spec", "none.yaml"], "none.yaml"),
        (["--failed"], "nobody answered"),
    ):
        done = shell("maestro", "rerun", *words, "out", code=1)
        assert said in done.stderr
    assert "Nothing was changed" in shell("maestro", "rerun", "-n", "--failed", "out").stdout
    assert states(shell) == "FFF FXF -"


def test_not_while_it_is_conducted(shell: Shell) -> None:
    shell.write("sums.yaml", STUDY.replace("echo $(SIZE) > made", "echo $$ > made; sleep 60"))
    shell("maestro", "run", "-y", "-o", "out", "sums.yaml")
    eventually(lambda: list((shell.folder / "out").glob("make/*/made")))
    done = shell("maestro", "rerun", "--step", "make", "-y", "out", code=1)
    assert "is being conducted by process" in done.stderr
    assert shell("maestro", "rerun", "--step", "make", "--dry", "out").returncode == 0
    shell("maestro", "cancel", "-y", "out")


# ---- by another specification


def revised(shell: Shell, study: Path, text: str, *options: object, code: int = 0) -> str:
    (study / "mended").touch()
    shell.write("other.yaml", text)
    words = ("maestro", "rerun", "--spec", "other.yaml", *options, "-y", "-fg", "out")
    return shell(*words, code=code).stdout


def test_a_changed_script_and_what_depends_on_it(shell: Shell, study: Path) -> None:
    done = revised(shell, study, STUDY.replace("cp '", "cp  '"))
    assert listed(done) == {
        "use_ALG.a.SIZE.10": "its script has changed",
        "use_ALG.b.SIZE.20": "its script has changed",
        "use_ALG.b.SIZE.30": "its script has changed",
        "sum": "use_ALG.a.SIZE.10 runs again",
    }
    assert states(shell) == "FFF FFF F"
    assert (study / "other.yaml").exists()
    assert not (study / "sums.yaml").exists()
    assert "cp  '" in next(study.glob("use/*/*.sh")).read_text()
    shell("maestro", "rerun", "--dry", "--spec", "other.yaml", "out")


def test_what_changes_nothing_runs_nothing(shell: Shell, study: Path) -> None:
    """Another order, description, time limit or place of the same study."""
    text = STUDY.replace("description: Sums", "description: Other").replace(
        "depends: [make]", "depends: [make]\n        walltime: '00:10:00'"
    )
    assert "walltime" in text
    (shell.folder / "elsewhere").mkdir()
    assert "Nothing is to be run again" in revised(shell, study, text)


def test_new_gone_and_changed_combinations(shell: Shell, study: Path) -> None:
    text = STUDY.replace("[10, 20, 30]", "[10, 21, 40]").replace(
        "label: SIZE.%%", "label: [SIZE.10, SIZE.20, SIZE.40]"
    )
    done = revised(shell, study, text)
    assert listed(done) == {
        "make_ALG.b.SIZE.20": "its parameters have changed",
        "use_ALG.b.SIZE.20": "its parameters have changed",
        "sum": "its parents have changed",
        "make_ALG.b.SIZE.30": "no longer made: put aside",
        "use_ALG.b.SIZE.30": "no longer made: put aside",
    }
    assert "  make_ALG.b.SIZE.40" in done
    assert "5 of 7 tasks" not in done
    assert list(shell.states("out").values()) == ["FINISHED"] * 7
    assert (study / "sum" / "sum").read_text() == "10\n21\n40\n"
    assert (study / "meta" / "former" / "use" / "ALG.b.SIZE.30.attempt-1" / "used").exists()
    assert not (study / "use" / "ALG.b.SIZE.30").exists()
    ids = {task.name: task.id for task in maestro.open_study(str(study)).tasks()}
    assert sorted(ids.values()) == [0, 1, 3, 4, 6, 7, 8]
    done = revised(shell, study, STUDY)
    assert re.search(r"use_ALG.b.SIZE.30 +it is new", done)
    assert list(shell.states("out").values()) == ["FINISHED"] * 7
    assert (study / "sum" / "sum").read_text() == "10\n20\n30\n"
    assert (study / "lines").read_text().split("\n").count("30 b") == 2


def test_a_number_that_is_none_is_the_same_as_before(shell: Shell) -> None:
    text = """
        description: {name: nan, description: d}
        study:
        - {name: say, description: d, run: {cmd: echo $(A)}}
        global.parameters:
          A: {values: [.nan, 1], label: A.%%}
    """
    shell.write("nan.yaml", text)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "nan.yaml")
    done = shell("maestro", "rerun", "--spec", "nan.yaml", "--dry", "out")
    assert "Nothing is to be run again in" in done.stdout


def test_what_has_yet_to_run_does_so_by_the_other_specification(shell: Shell) -> None:
    shell.write("sums.yaml", STUDY)
    shell("maestro", "run", "-n", "-o", "out", "sums.yaml")
    other = STUDY.replace("/used > sum", "/used > total").replace("20 -o", "0 -o")
    shell.write("other.yaml", other)
    done = shell("maestro", "rerun", "--spec", "other.yaml", "-y", "-fg", "out")
    assert "7 that have yet to run do so by the other specification" in done.stdout
    assert (shell.folder / "out" / "sum" / "total").read_text() == "10\n20\n30\n"


def test_the_studys_own_copy_may_be_edited(shell: Shell, study: Path) -> None:
    copy = study / "sums.yaml"
    copy.write_text(copy.read_text().replace("cat '", "cat  '"))
    assert "Nothing is" not in shell("maestro", "rerun", "--failed", "--dry", "out").stdout
    (study / "mended").touch()
    done = shell("maestro", "rerun", "--failed", "--spec", "out/sums.yaml", "-y", "-fg", "out")
    assert listed(done.stdout) == {**MENDED, "sum": "its script has changed"}
    assert states(shell) == "FFF FFF F"


def test_a_generator_is_run_again(shell: Shell) -> None:
    generator = """
        from maestrowf.datastructures.core import ParameterGenerator
        def get_custom_generator(env, **kwargs):
            generator = ParameterGenerator()
            generator.add_parameter("SIZE", [int(n) for n in kwargs["sizes"].split()], "SIZE.%%")
            generator.add_parameter("ALG", ["a"] * len(kwargs["sizes"].split()), "ALG.%%")
            return generator
        """
    shell.write("generator.py", generator)
    shell.write("sums.yaml", STUDY.replace("test $(SIZE) != 20 -o -e ../../mended &&", ""))
    words = ("-p", "generator.py", "--pargs", "sizes:1 2", "sums.yaml")
    shell("maestro", "run", "-y", "-fg", "-o", "out", *words)
    done = shell("maestro", "rerun", "--spec", "sums.yaml", "--dry", "out")
    assert "Nothing is to be run again" in done.stdout
    words = ("--spec", "sums.yaml", "--pargs", "sizes:1 2 3")
    done = shell("maestro", "rerun", *words, "-y", "-fg", "out")
    assert listed(done.stdout) == {"sum": "its parents have changed"}
    assert "4 of" not in done.stdout
    assert "use_ALG.a.SIZE.3" in done.stdout
    assert (shell.folder / "out" / "sum" / "sum").read_text() == "1\n2\n3\n"


def ended_away(shell: Shell) -> None:
    """The two tasks whose conductor is gone have ended, and only their ledger knows."""
    ledger = min((shell.folder / "out" / ".maestro").glob("ledger-*.jsonl"))
    eventually(lambda: ledger.read_text().count('["end"') == 2)


@pytest.mark.parametrize("kind", ["killed", "stopped"])
def test_what_has_ended_while_nobody_conducted_is_taken_in(shell: Shell, kind: str) -> None:
    wait = "until test -e ../../go; do sleep 0.05; done"
    held = STUDY.replace("echo $(SIZE) > made", f"echo > made; {wait}")
    held = held.replace("test $(SIZE) != 20 -o -e ../../mended && ", "")
    shell.write("sums.yaml", held)
    process = shell.start("maestro", "run", "-y", "-fg", "-t", 2, "-o", "out", "sums.yaml")
    eventually(lambda: len(list((shell.folder / "out").glob("make/*/made"))) == 2)
    process.kill() if kind == "killed" else process.terminate()
    process.communicate()
    shell.write("sums.yaml", held.replace("> sum", "> sum; echo more >> sum"))
    done = shell("maestro", "rerun", "--spec", "sums.yaml", "-y", "-fg", "out", code=1)
    assert "in flight; wait until they have ended, or cancel the study" in done.stderr
    (shell.folder / "out" / "go").touch()
    ended_away(shell)
    done = shell("maestro", "rerun", "--spec", "sums.yaml", "-y", "-fg", "out")
    assert "0 of 7 tasks run again, 0 are new.\n5 that have yet to run do so" in done.stdout
    assert states(shell) == "FFF FFF F"
    assert (shell.folder / "out" / "sum" / "sum").read_text() == "\n\n\nmore\n"
    assert sorted((shell.folder / "out" / "lines").read_text().split()) == sorted(
        ["10", "a", "20", "b", "30", "b"]
    )


def test_a_specification_that_changes_nothing_is_not_taken_over(shell: Shell, study: Path) -> None:
    shell.write("other.yaml", STUDY.replace("description: Sums", "description: More sums"))
    done = shell("maestro", "rerun", "--spec", "other.yaml", "-y", "out")
    assert done.stdout == (
        f"Nothing is to be run again in {study}\n"
        "other.yaml changes none of the tasks, and is not taken over.\n"
        "1 task did not finish; to run that again, by it: "
        "maestro rerun --spec other.yaml -y out --failed\n"
    )


def test_the_copy_for_people_stands_in_for_a_specification_that_is_gone(
    shell: Shell, study: Path
) -> None:
    (study / ".maestro" / "specification.yaml").unlink()
    (study / "mended").touch()
    done = shell("maestro", "rerun", "--failed", "-y", "-fg", "out")
    assert "specification.yaml is gone; the study is taken to be what" in done.stderr
    assert states(shell) == "FFF FFF F"


def test_a_wrong_specification_changes_nothing(shell: Shell, study: Path) -> None:
    shell.write("other.yaml", STUDY.replace("description: make", ""))
    before = sorted(os.listdir(study))
    done = shell("maestro", "rerun", "--spec", "other.yaml", "-y", "out", code=1)
    assert "other.yaml" in done.stderr
    assert sorted(os.listdir(study)) == before
    assert states(shell) == "FFF FXF -"


def test_a_study_that_was_moved_is_run_again_where_it_is(shell: Shell, study: Path) -> None:
    study.rename(shell.folder / "moved")
    (shell.folder / "moved" / "mended").touch()
    shell("maestro", "rerun", "--failed", "-y", "-fg", "moved")
    assert not study.exists()
    assert set(shell.states("moved").values()) == {"FINISHED"}


def test_several_studies_and_one_that_is_none(shell: Shell, study: Path) -> None:
    shell("maestro", "run", "-y", "-fg", "-o", "other", "sums.yaml", code=2)
    (study / "mended").touch()
    (shell.folder / "other" / "mended").touch()
    done = shell("maestro", "rerun", "--failed", "-y", "-fg", "out", "none", "other", code=1)
    (said,) = done.stderr.splitlines()
    assert said.endswith("none does not exist, or is no directory")
    assert set(shell.states("out").values()) == {"FINISHED"}
    assert set(shell.states("other").values()) == {"FINISHED"}
    done = shell("maestro", "rerun", "--failed", "out", "other")
    assert done.stdout.splitlines() == [
        f"Nothing is to be run again in {shell.folder / name}" for name in ("out", "other")
    ]
