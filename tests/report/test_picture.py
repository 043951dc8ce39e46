"""What a picture of a graph shows, at each level and in each colouring."""

from __future__ import annotations

from maestro.graph import Arrow, Drawing, expand
from maestro.report.look import fill
from maestro.report.picture import draw
from maestro.spec import Dependency, Parameter, Specification, Step

SIZE = Parameter("SIZE", (10, 20, "x" * 99), ("S.10", "S.20", "S.x"), "SIZE")
ALG = Parameter("ALG", ("fast", "fast", "a\nb"), ("A", "A", "B"), "ALG")
STEPS = (
    Step("mesh", "Make the mesh", ""),
    Step("run", "Run at $(SIZE)", "$(SIZE) $(ALG)", depends=(Dependency("mesh"),)),
    Step("end", "All", "", depends=(Dependency("run", funnel=True), Dependency("mesh"))),
)
GRAPH = expand(Specification("study", "", STEPS, (SIZE, ALG)), hashws=True)
STATES = dict(zip(GRAPH, ("FINISHED", "FINISHED", "FAILED", "TIMEDOUT", "INCOMPLETE"), strict=True))


def drawn(**how: object) -> Drawing:
    drawing = draw(GRAPH, **how)
    return Drawing(drawing.title, list(drawing.boxes), list(drawing.arrows))


def test_tasks_name_their_parameters_and_states() -> None:
    drawing = drawn(states=STATES)
    assert [box.lines for box in drawing.boxes] == [
        ("mesh", "✓ FINISHED"),
        ("run", "SIZE = 10", "ALG = fast", "✓ FINISHED"),
        ("run", "SIZE = 20", "ALG = fast", "✗ FAILED"),
        ("run", f"SIZE = {'x' * 39}…", "ALG = a\\nb", "✗ TIMEDOUT"),
        ("end", "– INCOMPLETE"),
    ]
    assert [dict(box.colours) for box in drawing.boxes] == [{fill(s): 1} for s in STATES.values()]
    assert drawing.boxes[1].hint.splitlines()[0] == "run_A.S.10"
    assert sorted(drawing.arrows, key=str) == sorted(
        [*(Arrow(0, i) for i in (1, 2, 3, 4)), *(Arrow(i, 4) for i in (1, 2, 3))], key=str
    )


def test_steps_have_counts_and_funnels() -> None:
    drawing = drawn(states=STATES, level="step")
    assert [box.lines for box in drawing.boxes] == [
        ("mesh", "1 task", "✓ 1 FINISHED"),
        ("run", "3 tasks", "over ALG, SIZE", "✓ 1 FINISHED", "✗ 1 FAILED", "✗ 1 TIMEDOUT"),
        ("end", "1 task", "– 1 INCOMPLETE"),
    ]
    assert dict(drawing.boxes[1].colours) == {fill("FINISHED"): 1 / 3, fill("FAILED"): 2 / 3}
    assert drawing.boxes[1].hint == "Run at $(SIZE)"
    assert sorted(drawing.arrows, key=str) == [Arrow(0, 1), Arrow(0, 2), Arrow(1, 2, "all")]


def test_each_step_has_a_colour_of_its_own() -> None:
    for level in ("step", "task"):
        boxes = drawn(level=level, color="step").boxes
        colours = {box.lines[0]: set(box.colours) for box in boxes}
        assert len(set.union(*colours.values())) == len(colours) == 3
        assert all(len(box.colours) == 1 for box in boxes)


def test_without_states_nothing_is_said_of_them() -> None:
    boxes = drawn().boxes
    assert [box.lines[-1] for box in boxes] == ["mesh", *["ALG = fast"] * 2, "ALG = a\\nb", "end"]
    assert not any(box.colours for box in boxes)


def test_a_state_that_is_none_of_ours_is_shown() -> None:
    boxes = drawn(states={"mesh": "\x1b[31mODD"}).boxes
    assert boxes[0].lines == ("mesh", "? \\x1b[31mODD")
    assert boxes[1].lines[-1] == "ALG = fast"


def test_of_many_parameters_the_first_are_named() -> None:
    columns = tuple(Parameter(f"P{i}", (i,), (f"P{i}.{i}",), "") for i in range(11))
    step = Step("a", "", " ".join(f"$(P{i})" for i in range(11)))
    graph = expand(Specification("study", "", (step,), columns))
    (box,) = draw(graph).boxes
    assert box.lines == ("a", *(f"P{i} = {i}" for i in range(8)), "and 3 parameters more")
