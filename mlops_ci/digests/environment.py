"""Which files describe the user's Python environment. One rule, for the digest and for whoever builds it."""

from __future__ import annotations

import posixpath
import re

from mlops_ci.digests.tree import Tree
from mlops_ci.errors import ConfigError, did_you_mean

CANDIDATES = ("requirements.txt", "uv.lock", "pyproject.toml")
FILES = (".txt", ".in", ".toml", ".lock")
UNKNOWN = (".yml", ".yaml", ".cfg", ".json", ".py", ".ini")
INCLUDE = re.compile(r"^[ \t]*(?:-r|--requirement|-c|--constraint)[ \t=]*([^\s#]+)", re.MULTILINE)


def find_environment(tree: Tree, directory: str, spec: str) -> tuple[str, ...]:
    """The files (paths from the root) that describe the environment; () where it is an interpreter's path.

    '' looks for requirements.txt, uv.lock, pyproject.toml, in `directory` and then in the root. What a
    requirements file includes belongs to it; uv.lock and pyproject.toml belong together. An interpreter's path
    differs from machine to machine, so it is part of no digest: whoever names one vouches for what is installed
    there. Raises ConfigError for a missing file.
    """
    if not spec:
        places = [_joined(folder, name) for folder in dict.fromkeys((directory, "")) for name in CANDIDATES]
        found = next((place for place in places if tree.exists(place)), "")
        return _whole(tree, found) if found else ()
    if is_interpreter(spec):
        return ()
    path = _joined(directory, spec)
    if tree.exists(path):
        return _whole(tree, path)
    raise _missing(tree, path)


def is_interpreter(spec: str) -> bool:
    """Whether a spec names a Python and not a file. Raises ConfigError for a kind of file that is not supported."""
    if spec.endswith(UNKNOWN):
        raise ConfigError(
            f"'{spec}' is no environment that can be built",
            hint="name requirements.txt, pyproject.toml, uv.lock, or a Python's path in train.environment",
            docs="configuration.md#train",
        )
    return not spec.endswith(FILES)


def _whole(tree: Tree, path: str) -> tuple[str, ...]:
    folder, name = posixpath.split(path)
    if name in ("uv.lock", "pyproject.toml"):
        return tuple(at for at in (_joined(folder, n) for n in ("pyproject.toml", "uv.lock")) if tree.exists(at))
    found, waiting = [path], [path]
    while waiting:
        current = waiting.pop()
        for included in INCLUDE.findall(tree.read(current).decode("utf-8", "replace")):
            other = _joined(posixpath.dirname(current), included)
            if "://" in included or other in found:
                continue
            if not tree.exists(other):
                raise _missing(tree, other, f" (included by {current})")
            found.append(other)
            waiting.append(other)
    return tuple(found)


def _missing(tree: Tree, path: str, why: str = "") -> ConfigError:
    files = [name for name in tree.paths() if name.endswith(FILES)]
    return ConfigError(
        f"the environment file '{path}' is not in git{why}",
        hint=did_you_mean(path, files, f"git add {path}, or name another file in train.environment"),
        docs="configuration.md#train",
    )


def _joined(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name))
