"""What `${…}` may name in a dvc.yaml: params.yaml beside it, `vars:`, and `item` and `key` of a loop.

DVC's rules (`dvc.parsing.context`): nothing may be defined twice, maps are merged, keys that are no text are not
seen, and a file may be loaded whole or by key, not both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.digests.interpolate import Unresolved, has_expression

Reader = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Context:
    """`values` by name; `files` maps each loaded file to the keys taken from it (None: all); `loop` is reserved."""

    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    loop: frozenset[str] = frozenset()

    def in_loop(self, **names: Any) -> Context:
        """This context inside one round of a foreach or matrix."""
        seen = {name: visible(value) for name, value in names.items()}
        return Context({**self.values, **seen}, self.files, frozenset(names))

    def with_vars(self, entries: Any, folder: str, read: Reader) -> Context:
        """This context with a `vars:` section: maps as they stand, and files (`name`, or `name:key,key`).

        Paths count from `folder`; `read` gives a file's values. Raises Unresolved for what DVC refuses.
        """
        if not isinstance(entries, list):
            raise Unresolved("'vars' must be a list of maps and file names")
        if has_expression(entries):
            raise Unresolved("'vars' may not hold ${…} itself")
        context = self
        for entry in entries:
            if isinstance(entry, str):
                context = context.with_file(entry, folder, read)
            elif isinstance(entry, dict):
                context = context._merged(visible(entry))
            else:
                raise Unresolved("'vars' must be a list of maps and file names")
        return context

    def with_file(self, entry: str, folder: str, read: Reader) -> Context:
        """This context with a file's values, or with some of them. Raises Unresolved for what was loaded already."""
        name, _, listed = entry.partition(":")
        path = posixpath.normpath(posixpath.join(folder, name))
        keys = frozenset(filter(None, listed.split(","))) or None
        known = self.files.get(path, frozenset())
        if path in self.files:
            if keys is None and known is None:
                return self
            if keys is None or known is None or keys & known:
                raise Unresolved(f"'{entry}' is loaded twice, in part or whole")
        values = visible(read(path))
        if keys is not None:
            if missing := sorted(keys - values.keys()):
                raise Unresolved(f"'{path}' has no '{missing[0]}', which vars: asks for")
            values = {key: values[key] for key in values if key in keys}
        merged = self._merged(values)
        return Context(merged.values, {**self.files, path: keys and keys | (known or frozenset())}, self.loop)

    def _merged(self, new: Mapping[str, Any]) -> Context:
        if reserved := sorted(self.loop & new.keys()):
            raise Unresolved(f"'{reserved[0]}' belongs to foreach and matrix; vars: may not set it")
        return Context(_merge(self.values, new, ""), self.files, self.loop)


def visible(value: Any) -> Any:
    """What a template can name of a value: keys that are no text are left out."""
    if isinstance(value, dict):
        return {key: visible(item) for key, item in value.items() if isinstance(key, str)}
    return [visible(item) for item in value] if isinstance(value, list | tuple) else value


def _merge(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value, f"{prefix}{key}.")
        elif key in merged:
            raise Unresolved(f"'{prefix}{key}' is defined twice, in params.yaml or vars:")
        else:
            merged[key] = value
    return merged
