"""What tests share: the commands as real processes in a directory of their own."""

from __future__ import annotations

import csv
import fcntl
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "maestro",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("maestro")

# Whoever starts the tests behind nohup or & ignores these, and what is tested would inherit that.
for _number, _heed in (
    (signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):  # fmt: skip
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _heed)

PROGRAMS = {
    "maestro": "from maestro.cli.main import main; sys.exit(main())",
    "conductor": "from maestro.cli.main import conductor as main; sys.exit(main())",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also tests that take minutes")


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests run several at once, for most of the time they wait; those on the one Slurm do not."""
    if request.node.get_closest_marker("slurm") is None:
        yield
        return
    with open(Path(tempfile.gettempdir(), "maestro-tests-slurm.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


class Shell:
    """Runs ``maestro`` and ``conductor`` in ``folder``, a directory with a space in its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, program: str, *arguments: object) -> list[str]:
        return [sys.executable, "-c", f"import sys; {PROGRAMS[program]}", *map(str, arguments)]

    def __call__(
        self, program: str, *arguments: object, code: int | None = 0, timeout: float = 60, **options
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it must end with ``code``, unless that is None."""
        done = subprocess.run(
            self.command(program, *arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            **({"stdin": subprocess.DEVNULL} if "input" not in options else {}),
            **options,
        )
        if code is not None:
            assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
        return done

    def start(self, program: str, *arguments: object, **options) -> subprocess.Popen[str]:
        """Start a command; the caller ends it."""
        return subprocess.Popen(
            self.command(program, *arguments),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file; indentation that all lines share is taken away."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def states(self, study: str | Path) -> dict[str, str]:
        """State by task, as ``status.csv`` has it."""
        with open(self.folder / study / "status.csv", encoding="utf-8", newline="") as file:
            return {row["Step Name"]: row["State"] for row in csv.DictReader(file)}

    def output(self, study: str | Path, task: str) -> str:
        """What the one attempt of ``task`` printed."""
        (path,) = (self.folder / study).glob(f"**/{task}.*.out")
        return path.read_text()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "a folder"
    folder.mkdir()
    return Shell(folder)


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
