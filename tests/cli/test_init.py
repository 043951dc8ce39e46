"""``maestro init``: the study that it writes runs, and nothing is written over."""

from __future__ import annotations

import csv
import io
import re
import subprocess

from tests.conftest import Shell


def test_the_starter_runs_as_it_is(shell: Shell) -> None:
    said = shell("maestro", "init").stdout
    assert "maestro validate study.yaml" in said
    assert shell("maestro", "validate", "study.yaml").stdout == "study.yaml: no problems\n"
    shell("maestro", "run", "-y", "-fg", "-o", "out", "study.yaml")
    rows = list(csv.DictReader(io.StringIO(shell("maestro", "results", "-f", "csv", "out").stdout)))
    assert len(rows) == 7
    assert all(3 < float(row["pi"]) < 3.3 for row in rows if row["step"] == "throw")
    table = (shell.folder / "out" / "compare" / "table.txt").read_text().split()
    assert table[::2] == ["1000", "10000", "100000"]


def test_a_cluster_needs_no_more_than_its_comments_say(shell: Shell) -> None:
    text = shell("maestro", "init", "-").stdout
    begin = text.index("# batch:")
    end = text.index("\n\n", begin)
    section = re.sub("^# ?", "", text[begin:end], flags=re.MULTILINE)
    text = text[:begin] + section + text[end:]
    text = text.replace("# procs: 1", "procs: 1").replace("# walltime:", "walltime:")
    shell.write("cluster.yaml", text)
    assert shell("maestro", "validate", "cluster.yaml").stdout == "cluster.yaml: no problems\n"
    shell("maestro", "run", "-y", "--dry", "-o", "out", "cluster.yaml")
    (script,) = (shell.folder / "out" / "throw" / "DARTS.1000.SEED.1").glob("*.slurm.sh")
    assert "#SBATCH --time=00:10:00" in script.read_text()


def test_no_file_is_written_over(shell: Shell) -> None:
    shell.write("mine.yaml", "precious")
    done = shell("maestro", "init", "mine.yaml", code=1)
    assert "mine.yaml is there already" in done.stderr
    assert (shell.folder / "mine.yaml").read_text() == "precious"


def test_a_directory_that_is_missing_is_named_with_the_remedy(shell: Shell) -> None:
    done = shell("maestro", "init", "sp ace/x/y.yaml", code=1)
    remedy = "mkdir -p 'sp ace/x'"
    assert done.stderr == f"error: there is no directory sp ace/x; to make it: {remedy}\n"
    subprocess.run(remedy, shell=True, cwd=shell.folder, check=True)
    shell("maestro", "init", "sp ace/x/y.yaml")
