"""Names of tasks, workspaces and scripts: safe on every file system, and never two alike."""

from __future__ import annotations

import hashlib
import json
import re

from maestro.spec.model import Combination

__all__ = ["DIGEST", "LONGEST", "canonical", "digest", "digest_of", "safe"]

DIGEST = 16
"""Hex digits of a hashed workspace name."""

LONGEST = 255 - len(".restart.slurm.sh")
"""Bytes that a name may have: file systems allow 255, and scripts add an ending."""

_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.()]")


def safe(text: str) -> str:
    """``text`` as a file name: spaces become ``_``, all but ASCII letters, digits and ``-_.()``
    is dropped.
    """
    return _UNSAFE.sub("", text.replace(" ", "_"))


def digest(step: str, combination: Combination) -> str:
    """A name for ``combination`` of ``step`` that depends on nothing else in the study.

    The first `DIGEST` hex digits of SHA-256 over the canonical JSON of the step's name and the
    sorted (parameter, type, value) triples.
    """
    return digest_of(step, canonical(combination))


def canonical(combination: Combination) -> str:
    """The canonical JSON of the sorted (parameter, type, value) triples of ``combination``."""
    return _encode(sorted([n, type(v).__name__, v] for n, v in combination.values.items()))


def digest_of(step: str, triples: str) -> str:
    """`digest` for a combination whose `canonical` JSON is ``triples``."""
    text = f"[{_encode(step)},{triples}]"
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST]


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
