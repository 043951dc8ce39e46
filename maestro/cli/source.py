"""What a command looks at that takes a specification as well as a study directory, and where what
it makes of that goes to.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from maestro.cli.options import add_generator
from maestro.errors import UsageError

if TYPE_CHECKING:
    import networkx as nx

    from maestro.report.study import Study

__all__ = ["add_source", "add_target", "opened", "target"]


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add ``SPEC|DIR``, ``-p`` and ``--pargs``."""
    parser.add_argument("source", metavar="SPEC|DIR", help="A specification, or a study directory.")
    add_generator(parser)


def opened(options: argparse.Namespace, *, hashws: bool = False) -> Study | nx.DiGraph[str]:
    """The study, or the graph of the specification, that the command line names.

    Raises
    ------
    SpecError, StudyError, UsageError
        There is none.
    """
    if options.pargs and not options.pgen:
        raise UsageError("--pargs are for a generator file; name it with -p FILE")
    if os.path.isdir(options.source):
        if options.pgen:
            raise UsageError("a study has its parameters already: -p is for a specification")
        if hashws:
            raise UsageError("a study has its workspaces already: --hashws is for a specification")
        from maestro.report.study import open_study

        return open_study(options.source)
    import tempfile

    from maestro.graph import expand
    from maestro.spec import generate, load

    spec = load(options.source)
    if options.pgen is None:
        return expand(spec, hashws=hashws)
    with tempfile.TemporaryDirectory(prefix="maestro-") as folder:
        return expand(spec, generate(options.pgen, spec, options.pargs, folder), hashws=hashws)


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add ``-o``."""
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="Where to; - is the standard output. [-]"
    )


def target(out: str | None, *read: str | None) -> str | None:
    """The file that ``-o`` names, None for the standard output. It is none of the files that are
    ``read``, and nothing of the study's own where one of these is a study directory.

    Raises
    ------
    UsageError
        It is.
    """
    if out is None or out == "-":
        return None
    from maestro.graph.naming import OWN_FILES

    path = os.path.realpath(out)
    for source in filter(None, read):
        real = os.path.realpath(source)
        own = [os.path.join(real, name) for name in OWN_FILES] if os.path.isdir(real) else [real]
        if any(path == one or path.startswith(one + os.sep) for one in own):
            raise UsageError(f"-o {out} would replace what {source} consists of; name another file")
    return out
