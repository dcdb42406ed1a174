"""The callable workflows in .github/workflows: those that users copy, for who prefers one line of `uses:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.yaml12 import load

ROOT = Path(__file__).parents[1]
OWN = "mlops-ci/mlops-ci"
NOTE = "# Written by script/docs from workflows/{name}; edit that.\n"
USE = re.compile(
    rf"^(?P<pad> *)(?P<dash>- )?uses: {OWN}(?:/actions/(?P<action>[\w-]+))?@v1\n(?P<with> *with:\n)?", re.M
)
ON = re.compile(r"^on:\n(?:(?: .*)?\n)+?(?=\n?\S)", re.M)
BELOW = re.compile(r"^( +(?:path: )?)(?=\.(?:mlops|dvc)/)", re.M)
HERE = re.compile(r"^ *# What your cloud asks for .*\n", re.M)
STRINGS = {
    "runs-on": ("ubuntu-latest", "The label of the runners."),
    "judge-runs-on": ("", "The label of those that train and judge. [default: runs-on]"),
    "working-directory": (".", "The folder of mlops.yaml, from the root of the repository."),
    "config": ("mlops.yaml", "The path of mlops.yaml in the repository."),
}


def workflows() -> dict[str, str]:
    """Path from the root → text of every callable workflow."""
    found = sorted((ROOT / "workflows").glob("*.yml"))
    return {f".github/workflows/{path.name}": callable_(path.name, path.read_text("utf-8")) for path in found}


def callable_(name: str, text: str) -> str:
    """A workflow that others call, with the same jobs."""
    _, _, rest = text.partition("\nname: ")
    body = HERE.sub("", f"name: {rest}")
    body = body.replace("runs-on: ubuntu-latest", "runs-on: ${{ inputs.runs-on }}")
    head, judge, tail = body.partition("    name: Judge ")
    tail = tail.replace("${{ inputs.runs-on }}", "${{ inputs.judge-runs-on || inputs.runs-on }}", 1)
    body = USE.sub(_with, head + judge + tail)
    body = BELOW.sub(r"\1${{ inputs.working-directory }}/", body)
    body = ON.sub(lambda _: "".join(_called(body)), body, count=1)
    return NOTE.format(name=name) + "".join(_usage(name, text)) + body


def _with(match: re.Match[str]) -> str:
    """A step of ours, told where the config is."""
    if match["action"] == "setup":
        return match[0]
    word = "config" if match["action"] == "publish" else "working-directory"
    pad = match["pad"] + ("  " if match["dash"] else "")
    uses = match[0].removesuffix(match["with"] or "")
    return f"{uses}{pad}with:\n{pad}  {word}: ${{{{ inputs.{word} }}}}\n"


def _called(body: str) -> Iterator[str]:
    """The inputs and secrets that are used."""
    yield "on:\n  workflow_call:\n    inputs:\n"
    used = set(re.findall(r"inputs\.([\w-]+)", body))
    for name, (default, text) in STRINGS.items():
        if name in used:
            yield f"      {name}:\n        description: '{text}'\n        type: string\n        default: '{default}'\n"
    if secrets := sorted(set(re.findall(r"secrets\.(\w+)", body))):
        yield "    secrets:\n"
        for name in secrets:
            yield f"      {name}:\n        required: false\n"


def _usage(name: str, text: str) -> Iterator[str]:
    """What the caller writes: a called workflow has no more rights than the job that calls it."""
    document: dict[str, Any] = load(text.encode()).value
    jobs = document["jobs"].values()
    granted = {key: value for job in jobs for key, value in job["permissions"].items()}
    lines: Sequence[str] = (
        "jobs:",
        f"  {Path(name).stem}:",
        f"    uses: {OWN}/.github/workflows/{name}@v1",
        f"    permissions: {{{', '.join(f'{key}: {value}' for key, value in granted.items())}}}",
        *_handed(text),
    )
    waiting: dict[str, Any] = load((ROOT / "workflows" / "publish.yml").read_bytes()).value
    if document["name"] in waiting["on"]["workflow_run"]["workflows"]:
        yield f"# In a workflow that must be called {document['name']}, since publish.yml waits for one of that name.\n"
    yield "# With the 'on:' of that file:\n#\n"
    yield from (f"#   {line}\n" for line in lines)


def _handed(text: str) -> Iterator[str]:
    """The secrets by name: `inherit` would hand over all there are, and works within one organisation alone. Those of
    an environment are taken by the called job itself, which names it."""
    if secrets := sorted(set(re.findall(r"secrets\.(\w+)", text))):
        yield "    secrets:"
        yield from (f"      {name}: ${{{{ secrets.{name} }}}}" for name in secrets)
