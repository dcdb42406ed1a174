"""Runs as a child, in the pipeline's folder: push a target so that another machine can restore it without running it.

`dvc push --run-cache` sends what the stages' entries in the run cache say, but not the content of outputs with
`cache: false`, which DVC keeps in its cache for the run cache alone (seen with DVC 3.67). Without them no such stage
is restored elsewhere, and metrics are such outputs in most pipelines.
"""

from __future__ import annotations

import sys


def main(target: str) -> int:
    """DVC's exit code. What goes wrong is printed as DVC prints it."""
    from dvc.cli import main as dvc

    return int(dvc(["push", "--run-cache", "--with-deps", target])) or _push_uncached(target)


def _push_uncached(target: str) -> int:
    from dvc.repo import Repo

    with Repo() as repo:
        remote = repo.cloud.get_remote()
        if remote.worktree or remote.fs.version_aware:
            return 0
        stages = repo.stage.collect(target, with_deps=True)
        outs = [out for stage in stages for out in stage.outs if not out.use_cache and out.can_push]
        content = {out.hash_info for out in outs if out.hash_info}
        if content and repo.cloud.push(content).failed:
            sys.exit("ERROR: some outputs could not be sent")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
