"""Dependencies that a study needs before launch, with a real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Shell

SPEC = """
    description: {{name: deps, description: dependencies}}
    env:
      dependencies:
        paths:
        - {{name: DATA, path: data}}
        git:
        - {{name: code, path: {path}, url: {url}{ref}}}
    study:
    - name: show
      description: show
      run: {{cmd: 'cat "$(code)/version"; echo $(DATA)'}}
"""


@pytest.fixture
def repository(shell: Shell) -> Path:
    """A repository with two commits, the first of which is tagged and on a branch."""
    path = shell.folder / "upstream repo"
    path.mkdir()
    (shell.folder / "data").mkdir()

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=path, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    (path / "version").write_text("old\n")
    git("add", ".")
    git("commit", "-q", "-m", "old")
    git("tag", "v1")
    git("branch", "stable")
    (path / "version").write_text("new\n")
    git("commit", "-q", "-a", "-m", "new")
    (shell.folder / "hash").write_text(git("rev-parse", "v1").strip())
    return path


def study(
    shell: Shell, repository: object, ref: str = "", path: str = "$(OUTPUT_PATH)/src"
) -> None:
    shell.write("deps.yaml", SPEC.format(url=repository, ref=ref, path=path))


@pytest.mark.parametrize(
    ("ref", "version"),
    [("", "new"), (", tag: v1", "old"), (", branch: stable", "old"), (", hash: HASH", "old")],
)
def test_what_was_asked_for_is_checked_out(
    shell: Shell, repository: Path, ref: str, version: str
) -> None:
    study(shell, repository, ref.replace("HASH", f'"{(shell.folder / "hash").read_text()}"'))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "deps.yaml")
    said = shell.output("out", "show")
    assert said == f"{version}\n{shell.folder}/data\n"


@pytest.mark.parametrize("kind", ["tag", "branch", "hash"])
def test_what_is_not_there_is_said_and_nothing_is_left(
    shell: Shell, repository: Path, kind: str
) -> None:
    study(shell, repository, f", {kind}: nonsense", "elsewhere")
    done = shell("maestro", "run", "-y", "--dry", "-o", "out", "deps.yaml", code=1)
    assert "deps.yaml:8:" in done.stderr
    assert f"no {kind} 'nonsense'" in done.stderr
    assert not (shell.folder / "out").exists()
    assert not (shell.folder / "elsewhere" / "code").exists()


def test_no_repository_there(shell: Shell, repository: Path) -> None:
    study(shell, shell.folder / "nowhere")
    done = shell("maestro", "run", "-y", "--dry", "-o", "out", "deps.yaml", code=1)
    assert "cannot be cloned" in done.stderr
    assert not (shell.folder / "out").exists()


def test_an_existing_target_stops_the_launch(shell: Shell, repository: Path) -> None:
    study(shell, repository, path=".")
    (shell.folder / "code").mkdir()
    done = shell("maestro", "run", "-y", "--dry", "-o", "out", "deps.yaml", code=1)
    assert "exists already" in done.stderr
    assert (shell.folder / "code").exists()


def test_an_option_is_no_repository(shell: Shell, repository: Path) -> None:
    study(shell, "--upload-pack=touch hacked")
    shell("maestro", "run", "-y", "--dry", "-o", "out", "deps.yaml", code=1)
    assert not list(shell.folder.glob("**/hacked"))


def test_a_path_that_is_not_there(shell: Shell, repository: Path) -> None:
    study(shell, repository)
    (shell.folder / "data").rmdir()
    done = shell("maestro", "run", "-y", "--dry", "-o", "out", "deps.yaml", code=1)
    assert f"path dependency 'DATA': {shell.folder}/data does not exist" in done.stderr
    assert "deps.yaml:6:" in done.stderr
