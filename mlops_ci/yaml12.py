"""YAML 1.2 (core schema) over PyYAML's C parser: the dialect DVC reads, with limits against hostile documents.

PyYAML alone speaks YAML 1.1, where `on` is a boolean and `1e-3` a string; DVC does not. Both our own config and
the pipeline files are read here, so that they mean the same everywhere.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

MAX_BYTES = 1024 * 1024
MAX_VALUES = 200_000
MAX_DEPTH = 60
DEEP_LEAD = re.compile(r"^[ \t?:-]{100}", re.MULTILINE)

_MOMENT = (
    r"(?P<day>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt]|[ \t]+)(?P<clock>[0-9]{1,2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]*))?(?:[ \t]*(?P<zone>Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?"
)
_PLAIN: tuple[tuple[str, str, str], ...] = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)"
        r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", "<"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("tag:yaml.org,2002:timestamp", rf"^(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_MOMENT})$", "0123456789"),
)


class YamlError(ValueError):
    """The text is not one YAML document we accept. `line` counts from 1; 0 where there is none."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Document:
    """The value, and the line (from 1) of every key and item by dotted path: `models.a.gates[0].min`."""

    value: Any
    lines: dict[str, int] = field(default_factory=dict)


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _tag, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), ["" if c == "\0" else c for c in _first])


def load(content: bytes, *, dates: bool = True) -> Document:
    """Read one document; without `dates` they stay text.

    Raises YamlError for bad UTF-8, syntax, duplicate or non-scalar keys, and bombs.
    """
    if len(content) > MAX_BYTES:
        raise YamlError(f"the file has {len(content):,} bytes; the limit is {MAX_BYTES:,} (1 MiB)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlError(f"not UTF-8: byte 0x{content[error.start]:02x}; save the file as UTF-8", line) from None
    if directive := re.match(r"(?:\s*(?:#.*)?\n)*%YAML[ \t]+(?!1\.2)(\S+)", text):
        line = text.count("\n", 0, directive.end()) + 1
        raise YamlError(f"YAML {directive[1]} reads words and numbers differently; remove the %YAML line", line)
    try:
        if text.count("[") + text.count("{") > MAX_DEPTH or DEEP_LEAD.search(text):
            _refuse_depth(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _syntax(error, text) from None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    builder = _Builder(dates)
    return Document(None if node is None else builder.value(node, "", 0), builder.lines)


def _refuse_depth(text: str) -> None:
    """Count the levels before composing: libyaml composes by recursion and dies, Python with it, on a deep document."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise YamlError(f"nested more than {MAX_DEPTH} levels deep", line)


def _syntax(error: yaml.YAMLError, text: str) -> YamlError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    problem = getattr(error, "problem", None) or str(error)
    lines = text.splitlines()
    if 0 < line <= len(lines) and re.match(r"^\s*\t", lines[line - 1]):
        return YamlError("a tab indents this line; YAML is indented by spaces only", line)
    if "special characters are not allowed" in str(error) or "control characters" in str(error):
        return YamlError("a control character stands in the file", line)
    if "expected a single document" in str(error):
        return YamlError("more than one document; remove the '---' between them", line)
    return YamlError(f"not valid YAML: {problem}", line)


class _Builder:
    """Turns composed nodes into values, counting as it goes: an alias costs as much as what it stands for."""

    def __init__(self, dates: bool) -> None:
        self.dates = dates
        self.lines: dict[str, int] = {}
        self.count = 0

    def value(self, node: yaml.Node, path: str, depth: int) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        if self.count > MAX_VALUES:
            raise YamlError(f"more than {MAX_VALUES:,} values once its anchors are expanded", line)
        if depth > MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} levels deep, or an anchor that contains itself", line)
        if path:
            self.lines.setdefault(path, line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            raise YamlError(f"the tag {node.tag!r} is not allowed", line)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, path, depth)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = {**self._merged(value_node, path, depth), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError("a key must be plain text", line)
            key = self._scalar(key_node)
            if key in found:
                raise YamlError(f"the key '{key_node.value}' appears twice in one map", line)
            below = f"{path}.{key_node.value}" if path else str(key_node.value)
            self.lines[below] = line
            found[key] = self.value(value_node, below, depth + 1)
        return {**merged, **found} if merged else found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        build = _SCALARS.get(node.tag)
        if node.tag == "tag:yaml.org,2002:timestamp" and not self.dates:
            build = str
        line = node.start_mark.line + 1
        if build is None:
            raise YamlError(f"the tag {node.tag!r} is not allowed", line)
        try:
            return build(node.value)
        except ValueError as error:
            raise YamlError(f"{node.value!r} is not a valid value: {error}", line) from None

    def _merged(self, node: yaml.Node, path: str, depth: int) -> dict[Any, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[Any, Any] = {}
        for part in parts:
            value = self.value(part, path, depth + 1)
            if not isinstance(value, dict):
                raise YamlError("'<<' merges maps only", part.start_mark.line + 1)
            merged = {**value, **merged}
        return merged


def _int(text: str) -> int:
    """As YAML 1.2 has it: a leading zero is nothing special, octal is 0o."""
    text = text.replace("_", "")
    digits = text.lstrip("+-")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
    number = int(digits if base == 10 else digits[2:], base)
    return -number if text.startswith("-") else number


def _time(text: str) -> datetime.date:
    """A day, or a moment with the zone it was written in."""
    if (match := re.fullmatch(_MOMENT, text)) is None:
        return datetime.date.fromisoformat(text)
    year, month, day = map(int, match["day"].split("-"))
    hour, minute, second = map(int, match["clock"].split(":"))
    micro = int(((match["fraction"] or "") + "000000")[:6])
    return datetime.datetime(year, month, day, hour, minute, second, micro, tzinfo=_zone(match["zone"]))


def _zone(text: str | None) -> datetime.timezone | None:
    if not text:
        return None
    hours, _, minutes = text.lstrip("+-").partition(":")
    shift = datetime.timedelta() if text == "Z" else datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
    return datetime.timezone(-shift if text.startswith("-") else shift)


def _float(text: str) -> float:
    text = text.replace("_", "").lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": _int,
    "tag:yaml.org,2002:float": _float,
    "tag:yaml.org,2002:timestamp": _time,
    "tag:yaml.org,2002:str": str,
}
