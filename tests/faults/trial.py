"""Studies that are tormented until they end, and looked into then.

A `Trial` is one study, `Trials` are as many as it takes.
"""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from maestro.conductor.store import HIDDEN, Store
from maestro.errors import StudyError
from tests.faults.audit import JOURNAL, Tally, audit
from tests.faults.conduct import Life
from tests.faults.points import BEFORE, Point, killed
from tests.faults.scenes import Scene

__all__ = ["Trial", "Trials"]

SLICE = 0.7
"""Seconds that somebody lives at most, from when it has begun to conduct until it is killed."""

PATIENCE = 90.0
"""Seconds that a study may take to its end, when nobody is killed any more."""

VICTIMS = ("conductor", "conductor", "shim", "conductor and shim")
"""Each as likely as it is often here: of what a shim leaves behind, nobody knows the end."""

AGAIN = (["conductor", "out"], ["maestro", "resume", "-y", "-fg", "out"])
"""The command lines that take a study up again."""

FAILS = "second_N.3"
"""The task that is meant to fail."""


class Trial:
    """One study in ``folder``, which is new; what is found is added to ``tally``."""

    def __init__(self, folder: Path, scene: Scene, tally: Tally) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.out = folder / "out"
        self._scene = scene
        self._tally = tally
        self._again = itertools.cycle(AGAIN)
        text = yaml.safe_dump(_study(scene), sort_keys=False)
        (folder / "study.yaml").write_text(text)

    @property
    def ended(self) -> bool:
        """Whether the study has ended."""
        info = self._info()
        return info is not None and bool(info.outcome)

    @property
    def killed(self) -> list[int]:
        """The processes that have been killed."""
        return killed(str(self.folder / "killed"))

    def torment(self, chance: random.Random, kills: int) -> None:
        """Conduct the study, and kill whoever does, ``kills`` times if it lasts so long."""
        end = self._tally.kills.total() + kills
        while self._tally.kills.total() < end and not self.ended:
            life = self._live(begun=chance.random() < 0.8)  # the others die while they begin
            victims = ""
            while life.code is None and "conductor" not in victims:
                time.sleep(chance.uniform(0, SLICE))
                victims = chance.choice(VICTIMS)
                if life.kill(conductor="conductor" in victims, shim="shim" in victims):
                    self._tally.kills[victims] += 1
            self._see_off(life)

    def meet(self, point: Point, chance: random.Random) -> bool:
        """Conduct the study until somebody dies at ``point``; whether that came to pass."""
        before = len(self.killed)
        life = self._live(point)
        _until(lambda: len(self.killed) > before or life.code is not None)
        met = len(self.killed) > before
        if met:
            self._tally.kills[str(point)] += 1
            if point.in_shim:  # its conductor has time to notice, or not
                time.sleep(chance.uniform(0, SLICE))
                life.kill(conductor=True, shim=False)
        self._see_off(life)
        return met

    def finish(self) -> None:
        """Conduct the study to its end, unless it has come to that, and look into it."""
        while not self.ended:
            life = self._live()
            self._see_off(life)
            if life.code not in (0, 2):
                return
        self._tally.lies = len(self._scene.lies)
        audit(self.out, FAILS, set(self.killed), self._tally)
        if "Traceback" in self._said():
            self._complain("somebody was shown a traceback")

    def _live(self, point: Point | None = None, *, begun: bool = False) -> Life:
        """Conduct the study, from its beginning or from where it stands; with ``begun``, return
        when it conducts.
        """
        before = self._ledgers()
        if self._info() is None:
            shutil.rmtree(self.out, ignore_errors=True)
            words = ["maestro", "run", "-y", "-fg", "-s", "0", "-o", "out", "study.yaml"]
        else:
            words = next(self._again)
        life = Life(self.folder, self._scene.environment, words, point)
        if begun:
            _until(lambda: self._ledgers() > before or life.code is not None)
        return life

    def _see_off(self, life: Life) -> None:
        code = life.end(PATIENCE)
        if code not in (0, 2, -signal.SIGKILL):
            self._complain(f"a conductor ended with {code}")
        if self._info() is None:  # killed while it was made: that is said, and nothing has run
            life = Life(self.folder, self._scene.environment, ["conductor", "out"])
            if life.end(PATIENCE) != 1 or (self.out / JOURNAL).exists():
                self._complain(f"half a study was conducted, and ended with {life.code}")

    def _info(self) -> Any:
        try:
            store = Store.open(str(self.out))
        except StudyError:
            return None
        try:
            return store.info()
        except (StudyError, LookupError):
            return None
        finally:
            store.close()

    def _ledgers(self) -> int:
        return len(list(self.out.glob(f"{HIDDEN}/ledger-*.jsonl")))

    def _said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    def _complain(self, what: str) -> None:
        self._tally.wrong.append(f"{self.folder}: {what}: {self._said()[-2000:]}")


class Trials:
    """Trials on one ``scene``, one after the other, in folders of their own in ``folder``; the
    ``tally`` is of all.
    """

    def __init__(self, folder: Path, scene: Scene, seed: int = 0) -> None:
        self.tally = Tally()
        self.scene = scene
        self._folder = folder
        self._chance = random.Random(seed)
        self._count = 0

    def new(self) -> Trial:
        """The next one."""
        self._count += 1
        folder = self._folder / f"study {self._count}"
        return Trial(folder, self.scene, self.tally)

    def kills(self, number: int) -> None:
        """Kill ``number`` times at random moments, some times each study."""
        while (left := number - self.tally.kills.total()) > 0:
            trial = self.new()
            trial.torment(self._chance, min(left, 15))
            trial.finish()

    def conducted(self, number: int) -> None:
        """Conduct ``number`` studies and kill nobody: the scene does its worst."""
        for _ in range(number):
            self.new().finish()

    def points(self, points: Sequence[Point]) -> list[Point]:
        """Let somebody die at each of ``points``: in a study as it stands, else in a new one, else
        after a death that left submissions in doubt. Those that nobody came by.
        """
        missed = []
        trial = self.new()
        for point in points:
            for way in "as it stands", "new", "in doubt":
                if trial.ended or way != "as it stands":
                    trial.finish()
                    trial = self.new()
                if way == "in doubt":
                    trial.meet(BEFORE[self.scene.scheduled], self._chance)
                if trial.meet(point, self._chance):
                    break
            else:
                missed.append(point)
        trial.finish()
        return missed


def _study(scene: Scene) -> dict[str, Any]:
    """Two levels and a half of combinations, funnels behind them, and one task that fails. Steps
    that say so run where the conductor does.
    """
    values = [1, 2, 3, 4, 5, 6]

    def step(name: str, *depends: str, local: bool = False, each: bool = True) -> dict[str, Any]:
        task = f"{name}_N.$(N)" if each else name
        line = f'echo "{task} {"$$" if local else scene.job}" >> "$(OUTPUT_PATH)/{JOURNAL}"'
        fails = f'[ "{task}" != {FAILS} ] || exit 7'
        run: dict[str, Any] = {"cmd": f"{line}\nsleep 0.{'$(N)' if each else 2}\n{fails}\n"}
        if not local:
            run |= {"procs": 1}
        return {"name": name, "description": name, "run": run | {"depends": list(depends)}}

    return {
        "description": {"name": "study", "description": "What becomes of it?"},
        "batch": dict(scene.batch),
        "study": [
            step("first"),
            step("beside", local=True),
            step("second", "first"),
            step("third", "second", "beside"),
            step("here", "first_*", local=True, each=False),
            step("last", "here"),
            step("never", "second_*", each=False),
        ],
        "global.parameters": {"N": {"values": values, "label": "N.%%"}},
    }


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing came to pass"
        time.sleep(0.005)
