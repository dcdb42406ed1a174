"""Local stand-ins for the actions of others that our workflows use, by the very names and commits that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.runner.checkers import OWN, ROOT

USES = re.compile(r"uses: *([\w.-]+/[\w./-]+)@([\w.-]+)")

# As actions/checkout: the commit of the event, all branches where the whole history is asked for, no credentials left.
CHECKOUT = """\
name: checkout
description: Stands for actions/checkout.
inputs:
  ref: {description: x, default: ""}
  repository: {description: x, default: "${{ github.repository }}"}
  token: {description: x, default: ""}
  path: {description: x, default: "."}
  fetch-depth: {description: x, default: "1"}
  clean: {description: x, default: "true"}
  persist-credentials: {description: x, default: "true"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: ${{ inputs.ref || github.sha }}
        REPOSITORY: ${{ inputs.repository }}
        INTO: ${{ inputs.path }}
        DEPTH: ${{ inputs.fetch-depth }}
      run: |
        git init -q -b nothing "$INTO" && cd "$INTO"
        git remote add origin "$RUNNER_TEST_SERVER/$REPOSITORY.git"
        if [ "$DEPTH" = 0 ]; then
          git fetch -q --tags origin "+refs/heads/*:refs/remotes/origin/*" && git fetch -q origin "$REF"
        else
          git fetch -q --depth "$DEPTH" origin "$REF"
        fi
        git checkout -q --detach FETCH_HEAD
        if [ -n "${RUNNER_TEST_KEPT:-}" ]; then
          mkdir -p .mlops && ln -s "$RUNNER_TEST_KEPT" .mlops/serving
        fi
"""
# As actions/upload-artifact: the files below the folder that was named, or that all of the named ones share.
UPLOAD = """\
name: upload-artifact
description: Stands for actions/upload-artifact.
inputs:
  name: {description: x, default: artifact}
  path: {description: x, required: true}
  if-no-files-found: {description: x, default: warn}
  retention-days: {description: x, default: ""}
  include-hidden-files: {description: x, default: "false"}
  overwrite: {description: x, default: "false"}
  compression-level: {description: x, default: "6"}
outputs:
  artifact-id: {description: x, value: "${{ steps.run.outputs.artifact-id }}"}
  artifact-url: {description: x, value: "${{ steps.run.outputs.artifact-url }}"}
runs:
  using: composite
  steps:
    - id: run
      shell: bash
      env:
        NAME: ${{ inputs.name }}
        PATHS: ${{ inputs.path }}
        HIDDEN: ${{ inputs.include-hidden-files }}
        NONE: ${{ inputs.if-no-files-found }}
      run: python3 "$GITHUB_ACTION_PATH/upload.py"
"""
UPLOAD_PY = """\
import glob, os, pathlib, shutil, sys

root = pathlib.Path.cwd()
kept = pathlib.Path(os.environ["RUNNER_TEST_ARTIFACTS"]) / os.environ["NAME"]
patterns = [line.strip() for line in os.environ["PATHS"].split("\\n") if line.strip()]
named = [path for pattern in patterns for path in glob.glob(pattern)]
files = {file for path in map(pathlib.Path, named) for file in ([path] if path.is_file() else path.rglob("*"))}
files = sorted(file.absolute() for file in files if file.is_file())
if os.environ["HIDDEN"] != "true":
    files = [file for file in files if not any(part.startswith(".") for part in file.relative_to(root).parts)]
if not files:
    sys.exit(f"no files found at {patterns}" if os.environ["NONE"] == "error" else 0)
searched = [root / pattern.partition("*")[0].rstrip("/") for pattern in patterns]
shared = pathlib.Path(os.path.commonpath(searched))
shared = shared.parent if shared.is_file() else shared
shutil.rmtree(kept, ignore_errors=True)
for file in files:
    target = kept / file.relative_to(shared)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
with open(os.environ["GITHUB_OUTPUT"], "a") as output:
    output.write("artifact-id=1\\nartifact-url=https://example.com/artifact\\n")
"""
DOWNLOAD = """\
name: download-artifact
description: Stands for actions/download-artifact.
inputs:
  name: {description: x, default: ""}
  pattern: {description: x, default: ""}
  path: {description: x, default: "."}
  merge-multiple: {description: x, default: "false"}
  run-id: {description: x, default: ""}
  repository: {description: x, default: ""}
  github-token: {description: x, default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{ inputs.name }}
        PATTERN: ${{ inputs.pattern }}
        INTO: ${{ inputs.path }}
        MERGED: ${{ inputs.merge-multiple }}
      run: |
        mkdir -p "$INTO"
        shopt -s nullglob
        if [ -n "$NAME" ]; then cp -r "$RUNNER_TEST_ARTIFACTS/$NAME/." "$INTO"; exit; fi
        for found in "$RUNNER_TEST_ARTIFACTS"/${PATTERN:-*}; do
          if [ "$MERGED" = true ]; then cp -r "$found/." "$INTO"; else cp -r "$found" "$INTO"; fi
        done
"""
CACHE = """\
name: cache
description: Stands for actions/cache, which never has anything.
inputs:
  path: {description: x, required: true}
  key: {description: x, required: true}
  restore-keys: {description: x, default: ""}
outputs:
  cache-hit: {description: x, value: "false"}
runs:
  using: composite
  steps:
    - shell: bash
      run: "true"
"""
SAVED = """\
name: cache
description: Stands for actions/cache/save and actions/cache/restore, which keep nothing.
inputs:
  path: {description: x, required: true}
  key: {description: x, required: true}
  restore-keys: {description: x, default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      run: "true"
"""
STAND_INS = {
    "actions/checkout": {"action.yml": CHECKOUT},
    "actions/upload-artifact": {"action.yml": UPLOAD, "upload.py": UPLOAD_PY},
    "actions/download-artifact": {"action.yml": DOWNLOAD},
    "actions/cache": {"action.yml": CACHE, "restore/action.yml": SAVED, "save/action.yml": SAVED},
}


def used() -> Iterator[tuple[str, str]]:
    """(repository, ref) of every action of others that a user's workflow or an action of ours uses."""
    folders = ("workflows/*.yml", "action.yml", "actions/*/action.yml")
    for path in sorted(path for folder in folders for path in ROOT.glob(folder)):
        for name, ref in USES.findall(path.read_text("utf-8")):
            repository = "/".join(name.split("/")[:2])
            if repository != OWN:
                yield repository, ref


def written(folder: Path) -> dict[str, Path]:
    """Write the stand-ins; `repository@ref` → folder, for everything that is used. Raises KeyError for a new one."""
    for repository, files in STAND_INS.items():
        place = folder / repository
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text, "utf-8")
    return {f"{repository}@{ref}": folder / repository for repository, ref in used() if STAND_INS[repository]}
