"""``peak COMMAND``: the most MB that a command has had. Run by path, and small: what a process is
told of its children counts what they were before they became another program, this one.
"""

import resource
import subprocess
import sys


def main() -> None:
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)


main()
