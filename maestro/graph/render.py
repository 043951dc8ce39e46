"""What a task's scripts say: the step's texts with every token but the launcher's replaced."""

from __future__ import annotations

from dataclasses import dataclass

from maestro.graph.task import Layout, Task
from maestro.spec.model import Resources, Specification
from maestro.spec.resources import resolve_resources
from maestro.spec.tokens import apply_combination

__all__ = ["Rendered", "render"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A task ready to be written: ``restart`` is empty where the step has none; ``file`` is the
    name, without ending, of its scripts and output.
    """

    name: str
    file: str
    description: str
    cmd: str
    restart: str
    resources: Resources


def render(spec: Specification, layout: Layout, task: Task, directory: str) -> Rendered:
    """The texts of ``task`` in the study directory ``directory`` (absolute).

    Raises
    ------
    SpecError
        A resource has a value of the wrong type for this combination.
    """
    step = task.step

    def plain(text: str) -> str:
        return apply_combination(text.replace("$(OUTPUT_PATH)", directory), task.combination)

    def command(text: str) -> str:
        text = plain(text)
        if "$(" not in text:
            return text
        funnels = step.funnels()
        for name in step.workspaces:
            if name in funnels:
                place = layout.folder(name)
            else:
                place = layout.workspace(name, task.combination)
            text = text.replace(f"$({name}.workspace)", f"{directory}/{place}")
        return text.replace("$(WORKSPACE)", f"{directory}/{task.workspace}")

    return Rendered(
        task.name,
        layout.script(task),
        plain(step.description),
        command(step.cmd),
        command(step.restart),
        resolve_resources(spec, step, task.combination),
    )
