"""Write what is written from something else: pages of docs/, the composite actions, the callable workflows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from actions import actions, page
from mlops_ci.cli.main import COMMANDS, root
from mlops_ci.config.problems import schema
from workflows import workflows

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOTE = "<!-- Written by script/docs from the {source}; edit that. -->"
INTRODUCTION = """\
One file, `mlops.yaml`, in the root of a model repository or anywhere in it. It is checked against a JSON Schema that
`mlops-ci schema` prints; for help while you type, save that as `mlops.schema.json` and begin the file with

```yaml
# yaml-language-server: $schema=mlops.schema.json
```

Unknown keys are errors. `${VAR}` and `${VAR:-default}` are replaced in values, never in keys; a variable that is not
set is an error that names it; `$${` stands for a literal `${`. Paths are relative, with `/`, and count from the model's
`path`.

## A complete example

```yaml
"""
SECTIONS = ("validate", "train", "evaluate", "overrides", "serving", "build", "environments", "drift", "retrain")


def configuration() -> str:
    """The page of mlops.yaml."""
    example = (DOCS.parent / "examples" / "flight-delay" / "mlops.yaml").read_text("utf-8")
    top = schema()["properties"]
    model = top["models"]["additionalProperties"]["properties"]
    plain = {key: node for key, node in model.items() if key not in SECTIONS}
    parts = [
        "# Configuration",
        NOTE.format(source="schema"),
        INTRODUCTION + example + "```",
        "## Top level",
        table(top, skip=("tracking", "default_branch", "forge")),
        "### default_branch",
        sentence(top["default_branch"]),
        "### forge",
        sentence(top["forge"]),
        "## tracking",
        sentence(top["tracking"]),
        table(top["tracking"]["properties"]),
        "## models",
        "Keys of one model. Its name becomes a file and a registry name: lower-case letters, digits and `-`.",
        table(plain),
    ]
    for name in SECTIONS:
        parts += [f"### {name}", *section(name, model[name])]
    return "\n\n".join(parts) + "\n"


def section(name: str, node: dict[str, Any]) -> Iterator[str]:
    """One section of a model: what it is, its keys, and the maps below it."""
    yield sentence(node)
    inner = shape(node)
    if inner:
        yield table(inner)
    yield from nested(name, inner)


def nested(path: str, properties: dict[str, Any]) -> Iterator[str]:
    """The maps inside a section, each under a heading of its own."""
    for key, node in properties.items():
        inner = shape(node)
        if inner:
            yield f"#### {path}.{key}"
            yield sentence(node)
            yield table(inner)
            yield from nested(f"{path}.{key}", inner)


def shape(node: dict[str, Any]) -> dict[str, Any]:
    """The keys of a map, of a list's maps, or of a map of maps."""
    if "properties" in node:
        return dict(node["properties"])
    for child in (node.get("items"), node.get("additionalProperties"), *node.get("oneOf", [])):
        if isinstance(child, dict) and (found := shape(child)):
            return found
    return {}


def sentence(node: dict[str, Any]) -> str:
    """A description as one line."""
    return str(node["description"])


def table(properties: dict[str, Any], *, skip: tuple[str, ...] = ()) -> str:
    """Key, meaning, default."""
    lines = ["| key | what it is | default |", "|---|---|---|"]
    for key, node in properties.items():
        if key not in skip:
            lines.append(f"| `{key}` | {meaning(node)} | {default(node)} |")
    return "\n".join(lines)


def meaning(node: dict[str, Any]) -> str:
    """The description, and what values are allowed."""
    allowed = [f"`{value}`" for value in node.get("enum", []) if value != ""]
    text = sentence(node) + (f" One of {', '.join(allowed)}." if allowed else "")
    return text.replace("|", "\\|")


def default(node: dict[str, Any]) -> str:
    """The default as it would be written; what has none is required or means nothing by its absence."""
    if "default" not in node:
        return ""
    value = node["default"]
    return "empty" if value in ("", [], {}) else f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def commands() -> str:
    """The page of the command line."""
    parts = [
        "# Command line",
        NOTE.format(source="commands"),
        "Results go to standard output, progress and errors to standard error; `--json` gives one document on standard "
        "output. Every option can be set by a variable: `MLOPS_CI_<COMMAND>_<OPTION>`, e.g. `MLOPS_CI_TRAIN_VERIFY=1`; "
        "those that all commands share by `MLOPS_CI_<OPTION>`, too, e.g. `MLOPS_CI_MODEL`. "
        "Exit codes are on the page [Errors](errors.md).",
    ]
    for name, (module, _) in COMMANDS.items():
        parts += described(import_module(f"mlops_ci.cli.{module}").command, name)
    return "\n\n".join(parts) + "\n"


def described(command: click.Command, name: str, level: int = 2) -> Iterator[str]:
    """A command's help under its heading; the commands of a group follow, one level below."""
    context = click.Context(command, info_name=f"mlops-ci {name}", parent=None, max_content_width=100)
    context.terminal_width = 100
    yield f"{'#' * level} {name}"
    yield f"```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from described(below, f"{name} {word}", level + 1)


def main() -> int:
    """Write the pages, or with --check exit 1 where one is not current."""
    assert root.name
    pages = {
        "docs/configuration.md": configuration(),
        "docs/cli.md": commands(),
        "docs/actions.md": page(),
        **actions(),
        **workflows(),
    }
    stale = [name for name, text in pages.items() if _read(ROOT / name) != text]
    if "--check" in sys.argv:
        for name in stale:
            print(f"{name} is not current; run script/docs", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(pages[name], encoding="utf-8")
        print(f"{name} written")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
