"""A bare loop of jobs on Slurm: ``jobs.py DIR JOBS SECONDS`` submits so many, one after the other,
and asks every so many seconds until none is left.
"""

import os
import subprocess
import sys
import time

HEAD = "#SBATCH -N1 -n1 -p debug -A science -t 10 -J bare"


def submit(root: str, number: int) -> None:
    """One job, with its output in two files."""
    folder, name = f"{root}/work/N.{number}", f"work_N.{number}"
    os.makedirs(folder)
    path = f"{folder}/{name}.slurm.sh"
    with open(path, "w") as file:
        file.write(f"#!/bin/bash\n{HEAD} -o {name}.out -e {name}.err\n\n: {number}\n")
    os.chmod(path, 0o744)
    command = ["sbatch", "--parsable", path]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    root, jobs, pause = sys.argv[1:]
    for number in range(int(jobs)):
        submit(root, number)
    command = ["squeue", "--me", "-h", "-n", "bare"]
    while subprocess.run(command, capture_output=True, check=True).stdout:
        time.sleep(float(pause))


main()
