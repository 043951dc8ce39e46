"""The public surface: what is promised is there, and quick commands stay quick."""

from __future__ import annotations

import subprocess
import sys

import maestro

HEAVY = {
    "networkx", "yaml", "jsonschema", "rich", "tabulate", "sqlite3", "graphviz", "pandas", "bokeh",
    "numpy", "jinja2",
}  # fmt: skip


def test_every_public_name_is_there() -> None:
    assert sorted(maestro.__all__) == maestro.__all__
    for name in maestro.__all__:
        assert getattr(maestro, name) is not None
    assert set(maestro.__all__) <= set(dir(maestro))


def test_a_name_that_is_not_there_is_no_surprise() -> None:
    assert not hasattr(maestro, "nonsense")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from maestro.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print('\\nIMPORTED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.partition("IMPORTED")[2].split())
    assert not imported & HEAVY


def test_the_formats_that_are_offered_are_those_that_there_are() -> None:
    from maestro.cli import graph, results
    from maestro.report import graph_file, tabular

    assert set(graph.FORMATS) == set(graph_file.ENDINGS)
    assert set(results.FORMATS) == {"table", *tabular.ENDINGS}
