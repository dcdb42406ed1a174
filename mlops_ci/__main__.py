"""`mlops-ci` and `python -m mlops_ci`."""

from __future__ import annotations

import gc
import sys

STARTING = 50_000  # new objects before garbage is looked for: imports make many, and none of them is garbage


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(STARTING)
    from mlops_ci.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # what is left goes with the process; to look through it first is a tenth of a short command's time
    sys.exit(code)


if __name__ == "__main__":
    main()
