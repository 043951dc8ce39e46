"""Plug-ins: the one that docs/guides/adapters.md makes, as it stands, and some that do not load."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maestro.adapters.codec import Answer, Scheduler, Sighting
from maestro.engine.observations import Seen
from maestro.errors import BackendError
from maestro.spec.model import Batch
from tests.conftest import Shell, eventually

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "adapters.md"
BLOCK = re.compile(r"<!-- file: (.*?) -->\n```\w+\n(.*?)```", re.DOTALL)
FILES: dict[str, str] = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))

STUDY = """
description: {{name: mine, description: mine}}
batch: {{type: {type}}}
study:
- name: sim
  description: sim
  run: {{cmd: "{cmd}", procs: 1}}
- name: after
  description: after
  run: {{cmd: "true", depends: [sim], procs: 1}}
"""


def install(site: Path, name: str, modules: dict[str, str], entries: dict[str, str]) -> None:
    """Put a package where Python finds it, as an installer leaves it."""
    about = site / f"{name.replace('-', '_')}-1.dist-info"
    about.mkdir(parents=True)
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text, encoding="utf-8")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"{key} = {value}\n" for key, value in entries.items()]
    (about / "entry_points.txt").write_text("".join(["[maestro.adapters]\n", *lines]))


class Plugged(Shell):
    """Commands that find the packages in ``site``."""

    def __init__(self, folder: Path, site: Path, **environment: str) -> None:
        super().__init__(folder)
        self.site = site
        self.environment = os.environ | {"PYTHONPATH": str(site), **environment}

    def __call__(self, *words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return super().__call__(*words, **{"env": self.environment, **options})

    def start(self, *words: object, **options: Any) -> subprocess.Popen[str]:
        return super().start(*words, env=self.environment, **options)

    def run(self, text: str, code: int = 0) -> str:
        """Run a study in ``out`` to its end; what was said."""
        self.write("study.yaml", text)
        words = ("run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
        done = self("maestro", *words, code=code)
        return done.stdout + done.stderr

    def tsp(self, *words: str) -> str:
        """What tsp says of the queue of this test."""
        return subprocess.run(
            ["tsp", *words], env=self.environment, capture_output=True, text=True, timeout=20
        ).stdout


@pytest.fixture
def plugged(shell: Shell, tmp_path: Path) -> Plugged:
    """With the package of the page."""
    project = tomllib.loads(FILES["pyproject.toml"])
    modules = project["tool"]["setuptools"]["py-modules"]
    entries = project["project"]["entry-points"]["maestro.adapters"]
    site = tmp_path / "site"
    texts = {module: FILES[f"{module}.py"] for module in modules}
    install(site, project["project"]["name"], texts, entries)
    return Plugged(shell.folder, site)


@pytest.fixture
def spooled(plugged: Plugged) -> Iterator[Plugged]:
    """With a queue of Task Spooler's as well, for two jobs at a time."""
    if shutil.which("tsp") is None:
        why = "there is no tsp (Debian: task-spooler)"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        plugged.environment |= {"TS_SOCKET": f"{folder}/queue", "TS_SLOTS": "2"}
        yield plugged
        for line in plugged.tsp().splitlines():
            number, state, *_ = line.split()
            if state in ("queued", "running"):
                plugged.tsp("-r" if state == "queued" else "-k", number)
        plugged.tsp("-K")


@pytest.fixture
def codec(plugged: Plugged, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    monkeypatch.syspath_prepend(str(plugged.site))
    made = importlib.import_module("maestro_tsp").TspCodec(Batch("tsp"))
    assert isinstance(made, Scheduler)
    yield made
    del sys.modules["maestro_tsp"]


# ---- real studies


def test_the_study_of_the_page(spooled: Plugged) -> None:
    spooled.write("squares.yaml", FILES["squares.yaml"])
    done = spooled("maestro", "validate", "squares.yaml")
    assert "no problems" in done.stdout
    assert not done.stderr
    spooled("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "squares.yaml")
    assert set(spooled.states("out").values()) == {"FINISHED"}
    assert (spooled.folder / "out/sum/sum.txt").read_text() == "30\n"
    script = (spooled.folder / "out/square/N.3/square_N.3.tsp.sh").read_text()
    assert script == "#!/bin/bash\n#TSP -o square_N.3 -N 1\n\necho $((3 * 3)) > square.txt\n"
    assert "#TSP" not in (spooled.folder / "out/sum/sum.tsp.sh").read_text()
    listed = [line for line in spooled.tsp().splitlines() if "[maestro:" in line]
    assert len(listed) == 4
    assert all(line.split()[1] == "finished" for line in listed)


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("exit 2", "exit code 2"),
        ("kill -SEGV $$", "SIGSEGV"),
        ("no-such-command", "exit code 127"),
    ],
)
def test_a_failing_step(spooled: Plugged, command: str, how: str) -> None:
    said = spooled.run(STUDY.format(type="tsp", cmd=f"echo why >&2; {command}"), code=2)
    assert re.search(f"sim FAILED: .*{how}", said)
    assert spooled.states("out") == {"sim": "FAILED", "after": "INCOMPLETE"}
    assert (spooled.folder / "out/sim/sim.err").read_text().startswith("why\n")


def test_a_walltime_and_a_restart(spooled: Plugged) -> None:
    limits = 'walltime: "0:01", restart: "echo again", procs'
    spooled.run(STUDY.format(type="TSP", cmd="echo first; sleep 60").replace("procs", limits, 1))
    assert spooled.states("out") == {"sim": "FINISHED", "after": "FINISHED"}
    assert (spooled.folder / "out/sim/sim.out").read_text() == "first\nagain\n"


def test_a_refusal_names_the_reason(spooled: Plugged) -> None:
    said = spooled.run(STUDY.format(type="tsp", cmd=r"#TSP -Z\ntrue"), code=2)
    assert "Wrong option Z" in said


def test_cancelling(spooled: Plugged) -> None:
    spooled.write("study.yaml", STUDY.format(type="tsp", cmd="echo $$ > pid; sleep 300 & wait"))
    spooled("maestro", "run", "-y", "-s", "1000", "-o", "out", "study.yaml")
    pid = spooled.folder / "out/sim/pid"
    eventually(lambda: pid.exists() and pid.read_text().strip())
    spooled("maestro", "cancel", "-y", "out")
    eventually(lambda: set(spooled.states("out").values()) == {"CANCELLED"})
    eventually(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert "running" not in spooled.tsp()


def test_a_conductor_that_is_killed(spooled: Plugged) -> None:
    """The next one knows the job again, and it runs once."""
    spooled.write("study.yaml", STUDY.format(type="tsp", cmd="echo ran >> times; sleep 3"))
    process = spooled.start("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "study.yaml")
    times = spooled.folder / "out/sim/times"
    eventually(times.exists)
    process.kill()
    process.communicate()
    spooled("conductor", "-s", "1", "out")
    assert spooled.states("out") == {"sim": "FINISHED", "after": "FINISHED"}
    assert times.read_text() == "ran\n"


# ---- without Task Spooler


def test_options_that_it_does_not_heed(plugged: Plugged) -> None:
    text = STUDY.format(type="tsp, bank: gold, queue: q", cmd="true")
    plugged.write("study.yaml", text.replace("procs: 1", "procs: 1, gpus: 2", 1))
    done = plugged("maestro", "validate", "study.yaml")
    assert "2 warnings" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "study.yaml:3:" in lines[0]
    assert "'bank' in 'batch' means nothing to type 'tsp', and is ignored" in lines[0]
    assert "'gpus' in step 'sim' means nothing to type 'tsp', and is ignored" in lines[1]


def test_where_its_program_is_missing(plugged: Plugged) -> None:
    plugged.environment["PATH"] = "/nowhere"
    assert "'tsp' needs the command tsp" in plugged.run(STUDY.format(type="tsp", cmd="true"), 1)
    assert not (plugged.folder / "out").exists()
    plugged("maestro", "run", "-y", "--dry", "-o", "out", "study.yaml")
    assert (plugged.folder / "out/sim/sim.tsp.sh").exists()


def test_what_tsp_prints(codec: Scheduler) -> None:
    text = """\
ID   State      Output               E-Level  Times(r/u/s)   Command [run=1/1]
6    running    stdout                                       [maestro:ab:0.1]sh -c [x]
7    queued     stdout                                       [maestro:ab:1.1]sh
8    allocating stdout                                       [maestro:ab:2.1]sh
9    queued     (file)                                       make it -1 1/2 [maestro:x
0    finished   stdout               0        0.05/0.01/0.00 [maestro:ab:3.1]sh
1    finished   /tmp/o 1 2/x         2        1762.0/0.01/0.00 [maestro:ab:4.1]sh
2    finished   stdout               124      2.01/0.00/0.00 [maestro:ab:5.1]sh
3    finished   stdout               -113     2.01/0.00/0.00 [maestro:ab:6.1]sh
4    finished   stdout               -117     2.01/0.00/0.00 [maestro:ab:7.1]sh
5    finished   stdout               -1       2.01/0.00/0.00 [maestro:ab:8.1]sh
"""
    seen = {
        sighting.tag.removeprefix("maestro:ab:"): (sighting.seen, sighting.exit_code)
        for sighting in codec.sightings(Answer(0, text, ""))
    }
    assert seen == {
        "0.1": (Seen.STARTED, None),
        "1.1": (Seen.ACCEPTED, None),
        "2.1": (Seen.MISSING, None),
        "3.1": (Seen.FINISHED, 0),
        "4.1": (Seen.FAILED, 2),
        "5.1": (Seen.TIMED_OUT, 124),
        "6.1": (Seen.CANCELLED, 143),
        "7.1": (Seen.FAILED, 139),
        "8.1": (Seen.FAILED, None),
    }
    with pytest.raises(BackendError) as caught:
        codec.sightings(Answer(255, "", "The server didn't come up."))
    assert caught.value.transient


def test_a_submission_without_an_answer_is_in_doubt(codec: Scheduler) -> None:
    assert codec.accepted(Answer(None, "", ""), crowded=False) is None
    assert codec.accepted(Answer(0, "maestro:ab:0.1\n", ""), crowded=False) == "maestro:ab:0.1"
    tags = [Sighting("maestro:ab:0.1", Seen.STARTED, "maestro:ab:0.1")]
    line = "0    running    stdout        [maestro:ab:0.1]sh\n"
    assert codec.sightings(Answer(0, line, "")) == tags


# ---- what does not load

BROKEN = """
from maestro.adapters.codec import Scheduler

def grumble(batch):
    raise RuntimeError("the licence has run out")

class Half(Scheduler):
    def __init__(self, batch):
        pass

class Less:
    title = "Less"

    def __init__(self, batch):
        pass
"""


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("no_such_module:Codec", "No module named 'no_such_module'"),
        ("broken:Codec", "has no attribute 'Codec'"),
        ("broken:grumble", "RuntimeError: the licence has run out"),
        ("broken:Half", "abstract methods accepted, cancel, directives, queue, script, sightings"),
        ("broken:Less", "lacks accepted, array_variables, cancel, directives"),
    ],
)
def test_a_plug_in_that_does_not_load(shell: Shell, tmp_path: Path, place: str, why: str) -> None:
    site = tmp_path / "site"
    install(site, "broken", {"broken": BROKEN}, {"mine": place})
    plugged = Plugged(shell.folder, site)
    said = plugged.run(STUDY.format(type="mine", cmd="true"), code=1)
    assert f"study.yaml:3:15: the adapter '{place}' " in said
    assert why in said
    assert not (shell.folder / "out").exists()
    done = plugged("maestro", "validate", "study.yaml", code=1)
    assert why in done.stderr


def test_an_unknown_type(plugged: Plugged) -> None:
    said = plugged.run(STUDY.format(type="tps", cmd="true"), code=1)
    assert "study.yaml:3:15: unknown 'batch' type 'tps'; known are flux, local, lsf, slurm" in said
    assert "did you mean 'tsp'?" in said
    assert not (plugged.folder / "out").exists()


def test_a_study_whose_plug_in_is_gone(plugged: Plugged) -> None:
    """It can be looked at, and not be conducted."""
    plugged.write("study.yaml", STUDY.format(type="tsp", cmd="true"))
    plugged("maestro", "run", "-y", "--dry", "-o", "out", "study.yaml")
    shutil.rmtree(plugged.site)
    assert "sim" in plugged("maestro", "status", "out").stdout
    done = plugged("maestro", "run", "-y", "-fg", "-o", "more", "study.yaml", code=1)
    assert "unknown 'batch' type 'tsp'" in done.stderr
