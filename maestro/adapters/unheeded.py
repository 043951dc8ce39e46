"""Warnings of what a specification asks for and its backend cannot honour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from maestro.adapters.codec import Codec
from maestro.adapters.registry import codec_for
from maestro.errors import BackendError, Problem
from maestro.spec.model import Resources, Specification, Step
from maestro.spec.schema import known_keys
from maestro.spec.values import as_options

__all__ = ["unheeded"]

_Unheeded = tuple[str, tuple[str | int, ...], str]
"""What is unheeded, as people call it; its place in the YAML; and why."""

_FURTHER = ("allocation_args", "launcher_args")
_ALWAYS = frozenset({"type", "shell"})
_NAMES = {"exclusive_allocation": "exclusive", "exclusive_launcher": "exclusive: {launcher}"}


def unheeded(spec: Specification) -> Iterator[Problem]:
    """A warning for each option in ``spec`` that its backend cannot honour; an error where there is
    no such backend.
    """
    try:
        codec = codec_for(spec.batch)
    except BackendError as error:
        yield Problem("backend", str(error), spec.where("batch", "type"))
        return
    for place, at, why in (*_of_batch(spec, codec), *_of_steps(spec, codec)):
        yield Problem("unheeded-option", f"{place} {why}", spec.where(*at), "warning")


def _of_batch(spec: Specification, codec: Codec) -> Iterator[_Unheeded]:
    batch = spec.batch
    nothing = f"means nothing to type '{batch.type}', and is ignored"
    known = known_keys("batch")  # of others the specification's own check has warned
    for key, value in batch.settings.items():
        heeded = key in codec.settings | _ALWAYS or key not in known
        if not heeded and value not in (None, "", {}, False):
            yield f"'{key}' in 'batch'", ("batch", key), nothing
    options = Resources(
        allocation_args=as_options(batch.settings.get("allocation_args")),
        launcher_args=as_options(batch.settings.get("launcher_args")),
    )
    for key, why in codec.objections(options):
        yield f"'{key}' in 'batch'", ("batch", key), why


def _of_steps(spec: Specification, codec: Codec) -> Iterator[_Unheeded]:
    local = spec.batch.type == "local"
    nothing = f"means nothing to type '{spec.batch.type}', and is ignored"
    for index, step in enumerate(spec.steps):
        if not local and not step.resources.scheduled:
            continue
        ignored = [(name, nothing) for name in _named(step) if name not in codec.keys]
        for name, why in (*ignored, *codec.objections(step.resources)):
            key = name if name in _FURTHER else _NAMES.get(name, name.replace("_", " "))
            at = ("study", index, "run", key.partition(":")[0])
            yield f"'{key}' in step '{step.name}'", at, why


def _named(step: Step) -> Iterator[str]:
    """The fields of the step's resources that it names."""
    for field in fields(step.resources):
        value = getattr(step.resources, field.name)
        if value not in (None, False, ()):
            yield field.name
