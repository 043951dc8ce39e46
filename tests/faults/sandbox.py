"""Trying hostile studies where all that they do can be seen."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from maestro.adapters.codec import Scheduler
from maestro.adapters.registry import codec_for
from maestro.cli.logfile import log_to
from maestro.cli.main import main
from maestro.spec.model import Batch
from tests.faults.hostile import CANARY, Case, case

__all__ = ["Fault", "Ran", "attempt", "command"]

ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where there is a file system in memory: thousands of small files are made."""

REAL = 12
"""One in so many of the studies that can be run is run."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SAFE = re.compile(r"[A-Za-z0-9\-_.()]+")
_EVERY = 'for script; do (cd "${script%/*}" && . "$script" < /dev/null); done'


class Fault(AssertionError):
    """A hostile study has got somewhere."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def attempt(number: int, make: Callable[[int, str], Case] = case) -> str:
    """Try the case ``number``, as ``make`` makes it with a directory that nothing should touch; a
    word for what became of it: ``refused``, ``written`` or ``run``.

    Raises
    ------
    Fault
        It has done harm.
    """
    with (
        tempfile.TemporaryDirectory(dir=ROOM, prefix="hostile-") as base,
        _surroundings(Path(base)) as home,
    ):
        tried = make(number, base)
        try:
            return _Trial(tried, Path(base), home).outcome()
        except Fault as fault:
            name, content = tried.specification
            said = content.decode("utf-8", "backslashreplace")[:6000]
            generator = tried.generator and tried.generator[1].decode("utf-8", "backslashreplace")
            raise Fault(
                f"case {number}: {fault}\n{tried.arguments}\n{name!r}:\n{said}\n{generator}"
            ) from None


def command(*words: str) -> Ran:
    """Run ``maestro`` in this process.

    Raises
    ------
    Fault
        It ended in an exception.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = cast(int, end.code)
        except BaseException as error:
            said = f"{error!r:.300} out of maestro {words}: {traceback.format_exc()}"
            raise Fault(said) from None
        finally:
            log_to(None, 5, console=False)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(cast(io.BytesIO, stream.buffer).getvalue().decode("utf-8"))
    return Ran(code, *texts)


@contextlib.contextmanager
def _surroundings(base: Path) -> Iterator[Path]:
    """A place for a study, deep inside ``base``, to be in, with a home, a temporary directory and
    launchers that do nothing.
    """
    home = base / "one" / "two" / "home"
    home.mkdir(parents=True)
    programs = base / "bin"
    programs.mkdir()
    for name in ("srun", "jsrun", "flux"):
        (programs / name).write_text("#!/bin/sh\nexit 0\n")
        (programs / name).chmod(0o755)
    (base / "tmp").mkdir()
    before, here, stdin = dict(os.environ), os.getcwd(), sys.stdin
    os.environ.clear()
    os.environ |= {"HOME": str(home), "TMPDIR": str(base / "tmp"), "NO_COLOR": "1"}
    os.environ["PATH"] = f"{programs}:/usr/bin:/bin"
    os.environb[b"ODD"] = b"\xff\n$(touch C@NARY)"
    tempfile.tempdir, kept = str(base / "tmp"), tempfile.tempdir
    os.chdir(home)
    try:
        with open(os.devnull) as sys.stdin:
            yield home
    finally:
        sys.stdin = stdin
        os.chdir(here)
        tempfile.tempdir = kept
        os.environ.clear()
        os.environ.update(before)


class _Trial:
    """One case, in ``home`` below ``base``."""

    def __init__(self, tried: Case, base: Path, home: Path) -> None:
        self._case = tried
        self._base = base
        self._home = home
        self._number = tried.number
        source = base / "one" / "two" / "in"
        source.mkdir()
        self._copies = []
        for found in (tried.specification, tried.generator):
            if found is not None:
                (source / found[0]).write_bytes(found[1])
                self._copies.append(found[0])
        self._words = [f"{source}/{tried.specification[0]}", *tried.arguments]
        if tried.generator is not None:
            self._words += ["-p", f"{source}/{tried.generator[0]}"]

    def outcome(self) -> str:
        """What became of it."""
        before = self._tree()
        if self._number % 4 == 1:
            form = ("text", "json")[self._number % 8 // 4]
            self._command("validate", "--format", form, self._words[0])
        out = [] if self._number % 3 == 0 else ["-o", "out"]
        ran = self._command("run", "--dry", "-y", *out, *self._words)
        new = self._tree() - before
        if ran.code != 0:
            self._demand(not new, f"a refused study left {sorted(new)[:5]}")
            self._demand(bool(ran.err.strip()), "it is refused without a word")
            return "refused"
        study = self._made(new)
        self._look(study)
        if not self._case.harmless:
            return "written"
        folder = self._base / "tmp" if "--usetmp" in self._case.arguments else study
        scripts = sorted(folder.rglob("*.sh"))
        self._run_scripts(scripts)
        if self._case.kind == "local" and self._number % REAL == 0:
            shells = {script.read_bytes().partition(b"\n")[0] for script in scripts}
            return self._really(study, sound=shells == {b"#!/bin/bash"})
        return "written"

    def _command(self, *words: str) -> Ran:
        ran = command(*words)
        self._demand(ran.code in (0, 1), f"{words[0]} ended with {ran.code}: {ran.err}")
        self._demand("Traceback" not in ran.out + ran.err, f"{words[0]}: {ran.err}{ran.out}")
        found = _CONTROL.search(ran.out + ran.err)
        self._demand(found is None, f"{words[0]} prints {found}: {ran.err!r}{ran.out!r}")
        return ran

    def _made(self, new: set[Path]) -> Path:
        """The study directory that was made; there is nothing new beside it."""
        made = {path for path in new if path.parent == self._home}
        self._demand(len(made) == 1, f"it made {sorted(made)}")
        (study,) = made
        scripts = self._base / "tmp" if "--usetmp" in self._case.arguments else study
        for path in new:
            inside = study in (path, *path.parents) or scripts in path.parents
            self._demand(inside, f"it made {path}")
            self._demand(path.name != CANARY, f"something was run: {path}")
            self._demand(not path.is_symlink(), f"it made the link {path}")
            safe = _SAFE.fullmatch(path.name) or (path.parent == study and self._copied(path))
            self._demand(bool(safe), f"it made {str(path)!r}")
        return study

    def _copied(self, path: Path) -> bool:
        return path.name in self._copies

    def _look(self, study: Path) -> None:
        """What shows a study shows this one."""
        if self._number % 4 == 0:
            layout = ("flat", "narrow", "legacy")[self._number % 3]
            form = ("json", "dot")[self._number % 8 // 4]
            for words in (("status", "--layout", layout), ("graph", "-f", form)):
                shown = self._command(*words, str(study))
                self._demand(shown.code == 0, f"{words} is refused: {shown.err}")

    def _run_scripts(self, scripts: list[Path]) -> None:
        """The scripts, which do no harm, do none."""
        codec = codec_for(Batch(self._case.kind, "/bin/bash"))
        for script in scripts:
            text = script.read_bytes().decode("utf-8", "surrogateescape")
            first, *head = text.partition("\n\n")[0].split("\n")
            told = first.startswith("#!") and all(line.startswith("#") for line in head)
            self._demand(told, f"{script} begins with {text[:500]!r}")
            if isinstance(codec, Scheduler):
                for word in codec.directives(text):
                    self._demand("\0" not in word, f"{script} cannot be submitted: {word!r}")
                    self._demand("-smuggled" not in word[:10], f"{script}: {word!r}")
        words = ["bash", "-c", _EVERY, "bash", *map(str, scripts)]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        self._nothing_run()
        self._demand(not done.stderr, f"the scripts complain: {done.stderr.decode()}")

    def _really(self, study: Path, *, sound: bool) -> str:
        """The study is run, and ends well if the interpreter of its scripts is ``sound``."""
        shutil.rmtree(study)
        before = self._tree()
        ran = command("run", "-fg", "-y", "-o", "out", *self._words)
        self._made(self._tree() - before)
        self._nothing_run()
        self._demand(ran.code == (0 if sound else 2), f"it ended with {ran}")
        return "run"

    def _nothing_run(self) -> None:
        for path in self._tree():
            self._demand(path.name != CANARY, f"something was run: {path}")

    def _tree(self) -> set[Path]:
        return set(self._base.rglob("*"))

    def _demand(self, holds: bool, why: str) -> None:
        if not holds:
            raise Fault(why)
