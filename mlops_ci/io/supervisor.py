"""Runs one command so that it cannot outlive us. A script of its own: it imports nothing but the standard library.

`kill -9` gives us no chance to end our children, and an orphaned training would go on writing the files that the
rerun writes. So each long command runs under this process: its standard input is a pipe that only we hold, and
when that closes, however we died, the whole process group goes.

It also measures: the kernel counts a forked child's memory from its parent's, so the peak of a command that a large
process started would be that process's own. This one is small.
"""

import os
import resource
import signal
import subprocess
import sys
import threading


def main(peak: int, command: list[str]) -> int:
    """Run `command` and return its exit code, 128 + n where signal n ended it.

    The peak memory of its largest process, in bytes, is written to the file descriptor `peak` as decimal digits,
    unless that is negative.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    code = child.wait()
    if peak >= 0:
        unit = 1 if sys.platform == "darwin" else 1024
        os.write(peak, str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit).encode())
    return code if code >= 0 else 128 - code


def _die_with_parent() -> None:
    while os.read(0, 1):
        continue
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
