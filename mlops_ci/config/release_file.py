"""`releases/<model>/<environment>.yaml`: a release as a file, written by us, read strictly.

The file decides what is served, so nothing in it is taken on trust: a key too many, a name that is not its
folder's, or a digest that is none is an error with its line. release.schema.json is canonical. Its last line is the
digest of all others, so that an edit is found wherever the file is read, with nothing but the file at hand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.config.problems import Problem, shown, violations
from mlops_ci.config.sane import insane
from mlops_ci.errors import ConfigError, UsageError, did_you_mean
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release

FOLDER = "releases"
MAX_BYTES = 64 * 1024
DOCS = "forge.md#release-files"
ENDS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
SEAL = "digest"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
HEAD = "# Written by mlops-ci; a promotion's pull request changes it, and reverting that rolls back. Do not edit it.\n"


@cache
def schema() -> dict[str, Any]:
    """The canonical schema of a release file."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("release.schema.json").read_bytes())
    return loaded


def path_of(model: str, environment: str) -> str:
    """The file of a model's release in an environment, from the folder of `mlops.yaml`, POSIX.

    Raises UsageError where a name is none: a path is made of both.
    """
    for what, name in (("model", model), ("environment", environment)):
        if not NAME.fullmatch(name):
            hint = "names are lower-case letters, digits and '-', at most 63"
            raise UsageError(f"'{shown(repr(name)[1:-1])}' is no name of a {what}", hint=hint, docs=DOCS)
    return f"{FOLDER}/{model}/{environment}.yaml"


def render(release: Release) -> bytes:
    """The file of a release: the same bytes for the same release, everywhere.

    Raises ConfigError where the release is not one that `parse` would take.
    """
    content = (_text(release) + f"{SEAL}: {_scalar(digest(release))}\n").encode("utf-8", "surrogatepass")
    parse(content, path=f"the release of {shown(repr(release.model)[1:-1])}")
    return content


def _text(release: Release) -> str:
    """The file but for its last line."""
    fields = encode(release)
    fields["serving"] = dict(sorted(fields["serving"].items()))
    lines = [f"{name}: {_scalar(value)}\n" for name, value in fields.items() if not isinstance(value, dict)]
    return HEAD + "".join(lines) + _serving(fields["serving"])


def digest(release: Release) -> str:
    """The last line of a release's file: the sha256 of all before it, lower-case hex."""
    return hashlib.sha256(_text(release).encode("utf-8", "surrogatepass")).hexdigest()


def line_of(content: bytes, key: str) -> int:
    """Where a key of a file that `parse` took stands."""
    return yaml12.load(content, dates=False).lines.get(key, 0)


def _serving(settings: Mapping[str, str]) -> str:
    if not settings:
        return "serving: {}\n"
    return "serving:\n" + "".join(f"  {name}: {_scalar(value)}\n" for name, value in settings.items())


def _scalar(value: str) -> str:
    """Text in double quotes, which JSON and YAML write alike but for what YAML takes for the end of a line."""
    return ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def parse(content: bytes, *, path: str, model: str = "") -> Release:
    """A release from its file; `path` is for messages, `model` the name that the folder gives it.

    Raises ConfigError with file and line: bad YAML, an unknown, missing or ill-formed key, another model's release, or
    a value that was changed since the file was written.
    """
    if len(content) > MAX_BYTES:
        raise _error(f"the file has {len(content):,} bytes; the limit is {MAX_BYTES:,}", path)
    try:
        document = yaml12.load(content, dates=False)
    except yaml12.YamlError as error:
        raise _error(error.message, path, error.line) from None
    if not isinstance(document.value, dict):
        raise _error(f"the file is {'empty' if document.value is None else 'not a map'}", path)
    found = list(insane(document.value)) or violations(document.value, schema())
    if found:
        raise _problem(found, path, document.lines)
    if model and document.value["model"] != model:
        message = f"it is a release of '{document.value['model']}', but lies in the folder of '{model}'"
        raise _error(message, path, document.lines["model"])
    release = Release(**{key: value for key, value in document.value.items() if key != SEAL})
    _require_sealed(release, document.value[SEAL], path, document.lines[SEAL])
    return release


def _require_sealed(release: Release, seal: str, path: str, line: int) -> None:
    """Raises ConfigError where what the file says is not what its digest was taken of."""
    if (found := digest(release)) != seal:
        raise _error(
            f"the file was changed by hand: its digest is {seal[:12]}, and what it says has {found[:12]}",
            path,
            line,
            hint=f"'git log -p -- {path}' shows what was changed: revert that commit. Settings are changed in "
            "mlops.yaml, and come here by a promotion; an earlier release comes back by 'mlops-ci rollback'",
        )


def place_of(path: str, environments: Mapping[str, Collection[str]]) -> tuple[str, str]:
    """(model, environment) of a file below `releases/`; `environments` are the config's by model.

    Raises ConfigError for what names no model, no environment of it, or is no such path at all.
    """
    parts = path.split("/")
    if len(parts) != 3 or parts[0] != FOLDER or not parts[2].endswith(".yaml"):
        raise _error(f"a release lies in {FOLDER}/<model>/<environment>.yaml", path)
    model, environment = parts[1], parts[2].removesuffix(".yaml")
    if model not in environments:
        raise _unknown("model", model, environments, path)
    if environment not in environments[model]:
        raise _unknown("environment", environment, environments[model], path)
    return model, environment


def _unknown(what: str, name: str, known: Collection[str], path: str) -> ConfigError:
    hint = did_you_mean(name, known, f"{what}s: {', '.join(known) or 'none'}")
    return _error(f"mlops.yaml has no {what} '{shown(repr(name)[1:-1])}'", path, hint=f"{hint}; or remove the file")


def _problem(found: list[Problem], path: str, lines: Mapping[str, int]) -> ConfigError:
    """The first problem of the file; the others are told below it."""
    placed = sorted(((_line(item.path, lines), item) for item in found), key=lambda pair: pair[0])
    (line, first), *others = placed
    more = [f"and line {at}: {item.message}" if at else f"and {item.message}" for at, item in others[:20]]
    return _error(first.message, path, line, hint="\n".join([part for part in [first.hint] if part] + more))


def _line(dotted: str, lines: Mapping[str, int]) -> int:
    while dotted and dotted not in lines:
        dotted = dotted.rpartition(".")[0]
    return lines.get(dotted, 0)


def _error(message: str, path: str, line: int = 0, *, hint: str = "") -> ConfigError:
    cure = f"git checkout the file as mlops-ci wrote it, or 'git log -- {path}' to see who changed it"
    return ConfigError(message, where=f"{path}:{line}" if line else path, hint=hint or cure, docs=DOCS)
