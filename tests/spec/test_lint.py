"""Each warning, and what must not be warned of."""

from __future__ import annotations

import pytest
from spec_helpers import Checker, errors, warnings

STEP = "study:\n  - name: sim\n    description: d\n    run:\n      cmd: "

GOLDEN = {
    "unused parameter": (
        STEP + "echo\nglobal.parameters:\n  SIZE: {values: [1], label: S.%%}\n",
        ["study.yaml:10:9: warning: no step uses parameter 'SIZE'; it makes no tasks"],
    ),
    "no values": (
        STEP + "echo $(SIZE)\nglobal.parameters:\n  SIZE: {values: [], label: S.%%}\n",
        [
            "study.yaml:10:9: warning: parameter 'SIZE' has no values; the steps that use it have "
            "no tasks"
        ],
    ),
    "misspelt parameter": (
        STEP + "echo $(SIZE) $(SIZ)\nglobal.parameters:\n  SIZE: {values: [1], label: S.%%}\n",
        [
            "study.yaml:8:25: warning: $(SIZ) in step 'sim' is left to the shell; "
            "did you mean $(SIZE)?"
        ],
    ),
    "misspelt word": (
        STEP + "echo $(SIZE.lable)\nglobal.parameters:\n  SIZE: {values: [1], label: S.%%}\n",
        [
            "study.yaml:8:17: warning: $(SIZE.lable) in step 'sim' is left to the shell; "
            "did you mean $(SIZE.label)?"
        ],
    ),
    "misspelt own token": (
        STEP + "|\n        cd $(WORKSPCE)\n        ls $(OUTPUT_PATHS)/$(SPECROT)\n",
        [
            "study.yaml:9:12: warning: $(WORKSPCE) in step 'sim' is left to the shell; "
            "did you mean $(WORKSPACE)?",
            "study.yaml:10:12: warning: $(OUTPUT_PATHS) in step 'sim' is left to the shell; "
            "did you mean $(OUTPUT_PATH)?",
            "study.yaml:10:28: warning: $(SPECROT) in step 'sim' is left to the shell; "
            "did you mean $(SPECROOT)?",
        ],
    ),
    "misspelt workspace": (
        STEP + "echo\n  - {name: b, description: d, run: {depends: [sim], "
        "cmd: 'ls $(sim.worksapce) $(simm.workspace) $(other.workspace)'}}\n",
        [
            "study.yaml:9:62: warning: $(sim.worksapce) in step 'b' is left to the shell; "
            "did you mean $(sim.workspace)?",
            "study.yaml:9:79: warning: $(simm.workspace) in step 'b' is left to the shell; "
            "did you mean $(sim.workspace)?",
            "study.yaml:9:97: warning: $(other.workspace) in step 'b' is left to the shell; "
            "there is no step 'other'",
        ],
    ),
    "workspace without an edge": (
        STEP + "echo\n  - {name: b, description: d, run: {cmd: 'ls $(sim.workspace)'}}\n",
        [
            "study.yaml:9:46: warning: step 'b' uses $(sim.workspace) and does not depend on "
            "'sim', so it does not wait for it"
        ],
    ),
    "workspace of an unrelated step below": (
        STEP + "ls $(b.workspace)\n  - {name: b, description: d, run: {cmd: x}}\n",
        [
            "study.yaml:8:15: warning: step 'sim' uses $(b.workspace) and does not depend on 'b', "
            "so it does not wait for it"
        ],
    ),
    "pre and post": (
        STEP + "echo\n      pre: a\n      post: b\n",
        [
            "study.yaml:9:7: warning: 'pre' in step 'sim' is accepted and never run",
            "study.yaml:10:7: warning: 'post' in step 'sim' is accepted and never run",
        ],
    ),
    "spack and sources": (
        STEP + "echo\nenv:\n  sources: [a.sh]\n  dependencies: {spack: {name: x}, pathz: []}\n",
        [
            "study.yaml:10:3: warning: 'sources' are accepted and never read",
            "study.yaml:11:18: warning: 'spack' dependencies are accepted and not acquired",
            "study.yaml:11:36: warning: unknown key 'pathz' in 'env.dependencies'; "
            "did you mean 'paths'?; it is ignored",
        ],
    ),
    "unknown keys": (
        STEP + "echo\n      exclusive: {allocation: true, launchr: true}\n"
        "bacth: {}\nextra: 1\nbatch: {walltime: 3, banc: x}\n"
        "env: {dependencies: {git: [{name: a, path: b, url: c, shallow: true}]}}\n",
        [
            "study.yaml:9:37: warning: unknown key 'launchr' in 'exclusive'; known are allocation, "
            "launcher; it is ignored",
            "study.yaml:10:1: warning: unknown key 'bacth' in the specification; "
            "did you mean 'batch'?; it is ignored",
            "study.yaml:11:1: warning: unknown key 'extra' in the specification; known are "
            "description, env, batch, study, global.parameters; it is ignored",
            "study.yaml:12:9: warning: unknown key 'walltime' in 'batch'; 'walltime' belongs under "
            "'run' of a step; it is ignored",
            "study.yaml:12:22: warning: unknown key 'banc' in 'batch'; did you mean 'bank'?; "
            "it is ignored",
            "study.yaml:13:55: warning: unknown key 'shallow' in git dependency 'a'; known are "
            "name, path, url, tag, hash, branch; it is ignored",
        ],
    ),
    "duplicate key": (
        STEP + "echo\n      cmd: true\n      cmd: last\n",
        [
            "study.yaml:9:7: warning: the key 'cmd' stands twice; the last one counts",
            "study.yaml:10:7: warning: the key 'cmd' stands twice; the last one counts",
        ],
    ),
    "unquoted walltime": (
        STEP + "echo\n      walltime: 1:30:00\n",
        [
            "study.yaml:9:17: warning: YAML reads the unquoted walltime 1:30:00 as the number "
            '5400, which counts as minutes; write "1:30:00"'
        ],
    ),
    "odd walltime": (
        STEP + "echo\n      walltime: soon\n",
        [
            "study.yaml:9:17: warning: 'walltime' in step 'sim' is 'soon', which is not "
            "understood; write minutes, MM:SS, HH:MM:SS, D-HH:MM:SS or inf"
        ],
    ),
    "launcher in a local study": (
        STEP + "$(LAUNCHER) ./a\n      procs: 2\n",
        [
            "study.yaml:8:12: warning: $(LAUNCHER) in step 'sim' runs locally and stays as it "
            "stands; give 'launcher' in 'batch'"
        ],
    ),
    "launcher with something else in brackets": (
        STEP + "$(LAUNCHER)[a] ./a\n      procs: 2\n"
        "batch: {type: slurm, host: h, bank: b, queue: q}\n",
        [
            "study.yaml:8:12: warning: what follows $(LAUNCHER) in step 'sim' is no allocation "
            "such as [2n, 8p], and stays as it stands"
        ],
    ),
    "token that nothing replaces": (
        STEP + "echo\n      procs: $(PROCS)\n",
        ["study.yaml:9:14: warning: nothing replaces $(PROCS) in 'procs' of step 'sim'"],
    ),
    "key that is no text": (
        STEP + "echo\nbatch: {1: x}\n",
        [
            "study.yaml:9:9: warning: the key 1 is not text; put it in quotes",
            "study.yaml:9:9: warning: unknown key '1' in 'batch'; it is ignored",
        ],
    ),
}

QUIET = {
    "shell": STEP + "echo $(date) $(ls foo) $(cat x) $(nproc) $(d) $(pwd)/$(basename $(pwd))\n"
    "env: {variables: {DATA: 1, data: 2, SIZE: 3}}\n",
    "ancestor": STEP + "echo\n"
    "  - {name: b, description: d, run: {cmd: echo, depends: [sim]}}\n"
    "  - {name: c, description: d, run: {cmd: 'ls $(sim.workspace)', depends: ['b_*']}}\n",
    "local launcher": STEP + "$(LAUNCHER) a\nbatch: {launcher: 'mpiexec -n {procs}'}\n",
    "launcher of the user's own": STEP + "$(LAUNCHER) a\nenv: {variables: {LAUNCHER: mpirun}}\n",
    "script called like a step": STEP + "$(sim.sh)\n",
    "merge": "base: &b {cmd: echo, procs: 2}\n"
    "study:\n  - {name: a, description: d, run: {<<: *b, procs: 3}}\n",
    "null sections": STEP + "echo\n      depends:\nenv:\nbatch:\nglobal.parameters:\n",
    "null environment": STEP + "echo\nenv: {variables: , labels: , sources: , dependencies: }\n",
    "description": STEP + "echo\n",
    "quoted walltime": STEP + "echo\n      walltime: '1:30:00'\n",
}


@pytest.mark.parametrize("case", GOLDEN)
def test_warnings_name_their_place(checked: Checker, case: str) -> None:
    text, expected = GOLDEN[case]
    spec, problems = checked(text)
    assert errors(problems) == []
    assert spec is not None
    assert warnings(problems) == expected


@pytest.mark.parametrize("case", QUIET)
def test_ordinary_specifications_are_not_warned_of(checked: Checker, case: str) -> None:
    _, problems = checked(QUIET[case])
    expected = ["base"] if case == "merge" else []
    assert [p.message for p in problems if "'base'" not in p.message] == []
    assert len(problems) == len(expected)
