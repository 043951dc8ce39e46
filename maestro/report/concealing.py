"""Values of a study's environment, hidden in what is shown of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["NOTHING", "SHORTEST", "Concealer"]

SHORTEST = 6
"""Characters of a value that is told from other text."""


class Concealer:
    """Puts ``$(NAME)`` in the place of ``values``, by name, in a text: of whole ones and of each of
    their lines, for a line is what is shown; of those of `SHORTEST` characters or more.

    ``longest`` are the bytes that a line of any of them has, at most.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        names: dict[str, str] = {}
        for name, value in values.items():
            for part in (value, *value.splitlines()):
                for text in (part, part.strip()):  # a shell drops blanks at both ends
                    if len(text) >= SHORTEST:
                        names.setdefault(text, name)
        self._names = names
        lines = (line for text in names for line in text.splitlines())
        self.longest = max((len(line.encode(errors="replace")) for line in lines), default=0)
        longest_first = sorted(names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        if not self._names:
            return text
        return self._pattern.sub(lambda match: f"$({self._names[match[0]]})", text)


NOTHING = Concealer({})
"""Hides nothing."""
