"""What a study is made of, in a file of its own: by that its store can be made anew.

It is written whenever that changes, before the store is; what happens to the tasks is not in it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from maestro.conductor.database import HIDDEN
from maestro.conductor.files import write_private
from maestro.conductor.values import StudyInfo
from maestro.errors import StudyError
from maestro.spec.model import Parameter

__all__ = ["FILE", "REMEDY", "Recipe", "is_sound", "read", "write"]

log = logging.getLogger(__name__)

FILE = f"{HIDDEN}/study.json"

REMEDY = (
    "put one of the two back from a copy, or run the study again, in another directory, from its "
    "specification; what its tasks have made is untouched"
)
"""What is still to be done where the store is lost, and this file too."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The study, its combinations, and what is not to be found out from them: the ``ids`` of the
    tasks where they are not their positions, how many attempts tasks that have been run again had
    ``kept`` from before, the tasks that it has no longer (id, name, number of attempts), the latest
    ``epoch`` that is known, and when it was last had go on with tasks to run again, as long as no
    other change followed.
    """

    info: StudyInfo
    parameters: tuple[Parameter, ...]
    ids: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    retired: tuple[tuple[int, str, int], ...] = ()
    epoch: int = 0
    reopened: float = 0.0


def write(directory: str, recipe: Recipe) -> None:
    """Write ``recipe`` down in the study ``directory``.

    Raises
    ------
    OSError
        The file system refused.
    """
    values = {
        "info": recipe.info.flat(),
        "parameters": [[p.name, p.values, p.labels, p.title] for p in recipe.parameters],
        "ids": dict(recipe.ids),
        "kept": dict(recipe.kept),
        "retired": recipe.retired,
        "epoch": recipe.epoch,
        "reopened": recipe.reopened,
    }
    write_private(os.path.join(directory, FILE), json.dumps(values).encode())


def read(directory: str) -> Recipe:
    """The recipe of the study in ``directory``.

    Raises
    ------
    StudyError
        It has none, or one that makes no sense.
    """
    path = os.path.join(directory, FILE)
    try:
        with open(path, "rb") as file:
            values = json.load(file)
        return Recipe(
            StudyInfo.from_flat(values["info"]),
            tuple(
                Parameter(name, tuple(row), tuple(labels), title)
                for name, row, labels, title in values["parameters"]
            ),
            values["ids"],
            values["kept"],
            tuple((own, name, number) for own, name, number in values["retired"]),
            values["epoch"],
            values["reopened"],
        )
    except FileNotFoundError:
        raise StudyError(f"there is no {path}, which would tell what the study is") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path} makes no sense: {error}") from error


def is_sound(directory: str) -> bool:
    """Whether the study in ``directory`` has a recipe that makes sense; the log is told why not."""
    try:
        read(directory)
    except StudyError as error:
        log.warning("%s; it is written anew", error)
        return False
    return True
