"""Bare jobs on Slurm: ``jobs.py DIR JOBS SECONDS`` submits so many, one after the other, and asks
every so many seconds until none is left; with ``array`` as a fourth word, as one array.
"""

import os
import subprocess
import sys
import time

HEAD = "#SBATCH -N1 -n1 -p debug -A science -t 10 -J bare"


def submit(folder: str, name: str, output: str, command: str, *options: str) -> None:
    """Submit a script, whose output goes to two files."""
    os.makedirs(folder)
    path = f"{folder}/{name}.slurm.sh"
    with open(path, "w") as file:
        file.write(f"#!/bin/bash\n{HEAD} -o {output}.out -e {output}.err\n\n{command}\n")
    os.chmod(path, 0o744)
    words = ["sbatch", "--parsable", *options, path]
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    root, jobs, pause, *array = sys.argv[1:]
    if array:
        submit(root, "work", "work_N.%a", ":", f"--array=0-{int(jobs) - 1}")
    else:
        for number in range(int(jobs)):
            name = f"work_N.{number}"
            submit(os.path.join(root, "work", f"N.{number}"), name, name, f": {number}")
    command = ["squeue", "--me", "-h", "-n", "bare"]
    while subprocess.run(command, capture_output=True, check=True).stdout:
        time.sleep(float(pause))


main()
