"""``maestro completion``: what a shell needs to complete command lines."""

from __future__ import annotations

import argparse
import sys

from maestro.cli.parser import Parser

__all__ = ["add_arguments", "run"]

_BASH = """\
_maestro_dirs() { compgen -d -- "$1"; }
_maestro_files() { compgen -f -- "$1"; }
_maestro_specification_files() {
  compgen -d -- "$1"
  compgen -f -X '!*.yaml' -- "$1"
  compgen -f -X '!*.yml' -- "$1"
}
"""
# shtab has bash quote what a function finds whose name has _dir or _file in it.
_DIRECTORY = {"bash": "_maestro_dirs", "zsh": "_files -/"}
_FILE = {"bash": "_maestro_files", "zsh": "_files"}
_SPECIFICATION = {"bash": "_maestro_specification_files", "zsh": "_files -g '*.(yaml|yml)'"}
_BY_METAVAR = {
    "DIR": _DIRECTORY,
    "ROOT": _DIRECTORY,
    "FILE": _FILE,
    "SPEC|DIR": _SPECIFICATION,
    "SPECIFICATION": _SPECIFICATION,
}
"""What completes an argument, by what it is called in its help."""


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro completion`` to ``parser``."""
    parser.explain(
        description="Print a script for a shell: with it, the TAB key completes the commands, "
        "options and choices of maestro and conductor, studies and specifications.",
        examples=[
            ("maestro completion bash > ~/.local/share/bash-completion/completions/maestro",
             "For bash, in the shells that you start from now on."),
            ("maestro completion zsh > ~/.zfunc/_maestro",
             "For zsh, with 'fpath+=~/.zfunc; autoload -Uz compinit; compinit' in ~/.zshrc."),
        ],
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument("shell", choices=("bash", "zsh"), help="The shell.")


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro completion``; the exit status."""
    from maestro.report.writing import deliver, note

    script = _bash() if options.shell == "bash" else _zsh()
    deliver(script.rstrip("\n"))
    if sys.stdout.isatty():
        command = f"maestro completion {options.shell}"
        note(f'that is for a shell, as in: eval "$({command})"; to keep it: {command} --help')
    return 0


def _bash() -> str:
    return f"{_script('maestro', 'bash', preamble=_BASH)}\n{_script('conductor', 'bash')}\n"


def _zsh() -> str:
    # A file of functions is run anew for each program that it is for, which calls only its own.
    return (
        "#compdef maestro conductor\n"
        f"if [[ $service != conductor ]]; then\n{_script('maestro', 'zsh')}\nfi\n"
        f"if [[ $service != maestro ]]; then\n{_script('conductor', 'zsh')}\nfi\n"
    )


def _script(program: str, shell: str, preamble: str = "") -> str:
    """What completes one program."""
    import shtab

    from maestro.cli.main import parsers

    found = parsers()
    for parser in found.values():
        parser.description = None  # zsh would show it where there is room for one line
        for action in parser._actions:
            if action.metavar in _BY_METAVAR:
                vars(action)["complete"] = _BY_METAVAR[action.metavar]  # where shtab looks
    return str(shtab.complete(found[program], shell, preamble=preamble))
