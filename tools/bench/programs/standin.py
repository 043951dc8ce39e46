"""Commands of Slurm for a queue that never moves: every job waits for ever.

`install` writes them into a folder, and each notes its name in the file ``commands`` there.
"""

from __future__ import annotations

import sys
from pathlib import Path

SBATCH = """\
#!/bin/sh
for word; do case $word in --comment=*) comment=${{word#--comment=}};; esac; done
id=$$
set -C
until true 2>/dev/null >"{folder}/ids/$id"; do id=$((id + 10000000)); done
set +C
echo "$id $comment" >> "{folder}/queue"
echo sbatch >> "{folder}/commands"
echo $id
"""
OTHER = """\
#!/bin/sh
echo {name} >> "{folder}/commands"
exec "{python}" -I -S "{program}" {name} "{folder}" "$@"
"""


def install(folder: Path) -> None:
    """Write the commands into ``folder``."""
    (folder / "ids").mkdir(parents=True)
    for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol"):
        text = (SBATCH if name == "sbatch" else OTHER).format(
            folder=folder, name=name, python=sys.executable, program=__file__
        )
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def squeue(folder: Path, form: str) -> None:
    """Every job as ``--Format`` wants it."""
    fields = [field.partition(":") for field in form.split(",")]
    for line in (folder / "queue").read_text().splitlines():
        job, _, comment = line.partition(" ")
        values = {
            "jobarrayid": job, "state": "PENDING", "exit_code": "0", "reason": "Priority",
            "starttime": "N/A", "endtime": "N/A", "comment": comment,
        }  # fmt: skip
        print("".join(f"{values[field]}{after}" for field, _, after in fields))


def main() -> None:
    name, folder, *words = sys.argv[1:]
    if name == "squeue":
        forms = [word.partition("=")[2] for word in words if word.startswith("--Format")]
        squeue(Path(folder), forms[0] or words[words.index("--Format") + 1])


if __name__ == "__main__":
    main()
