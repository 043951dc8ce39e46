"""Build the wheel, install it into a fresh virtual environment, and use it outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STUDY = """\
description: {name: smoke, description: does the installed wheel work}
study:
- name: say
  description: say something
  run: {cmd: "echo $(WORD) > word.txt"}
- name: gather
  description: gather it
  run: {cmd: 'cat "$(say.workspace)"/*/word.txt', depends: [say_*]}
global.parameters:
  WORD: {values: [one, two], label: "WORD.%%"}
"""

IMPORTS = """\
import maestro, pathlib, sys
assert pathlib.Path(maestro.__file__).is_relative_to(sys.prefix), maestro.__file__
for name in maestro.__all__:
    getattr(maestro, name)
assert len(maestro.expand(maestro.load("study.yaml"))) == 3
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run ``command`` in ``cwd``; what it printed. Ends the check when it fails."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install, use."""
    with tempfile.TemporaryDirectory(prefix="maestro smoke ") as folder:
        outside = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", outside, ROOT, cwd=ROOT)
        (wheel,) = outside.glob("*.whl")
        venv.create(outside / "venv", with_pip=True)
        programs = outside / "venv" / "bin"
        run(programs / "pip", "install", "-q", wheel, cwd=outside)
        (outside / "study.yaml").write_text(STUDY)
        run(programs / "python", "-c", IMPORTS, cwd=outside)
        run(programs / "maestro", "validate", "study.yaml", cwd=outside)
        run(programs / "maestro", "run", "-y", "-fg", "-o", "out", "study.yaml", cwd=outside)
        status = run(programs / "maestro", "status", "out", cwd=outside)
        assert status.count("FINISHED") >= 3, status
        run(programs / "conductor", "-s", "out", cwd=outside)
    print("the wheel works outside the checkout")


if __name__ == "__main__":
    main()
