"""What clients of a champion would notice of a candidate: MLflow's two signatures, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.errors import BackendError

# What a client may send to a column of the second type that it sent to one of the first.
WIDER = {"integer": ("long", "double"), "long": ("double",), "float": ("double",)}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An input, output or parameter: its type in words. `named` is false where its position is its name, `column` of a
    tensor."""

    kind: str
    required: bool = True
    named: bool = True
    column: bool = True


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference in words; `breaks` says whether a client of the champion may fail by it, or misread an answer."""

    text: str
    breaks: bool = True


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What comparing with the champion of an environment gave. `nothing` says why there was nothing to compare with,
    `unknown` why that could not be told."""

    environment: str
    changes: tuple[Change, ...] = ()
    nothing: str = ""
    unknown: str = ""


Side = Mapping[str, Entry]
Signature = Mapping[str, Side]  # by `inputs`, `outputs`, `params`; a side that is not described is not there


def read_signature(path: Path) -> Signature:
    """The signature in an MLmodel file, empty where it has none. Raises BackendError where it can't be read."""
    try:
        known = yaml12.load(path.read_bytes()).value.get("signature") or {}
        return {side: _side(json.loads(known[side])) for side in ("inputs", "outputs", "params") if known.get(side)}
    except (OSError, ValueError, AttributeError, TypeError, yaml12.YamlError):
        raise BackendError("its MLmodel file can't be read") from None


def _side(items: Sequence[Mapping[str, Any]]) -> dict[str, Entry]:
    return {
        str(item.get("name", place)): Entry(
            kind=_kind(item),
            required=bool(item.get("required", True)),
            named="name" in item,
            column=item.get("type") != "tensor",
        )
        for place, item in enumerate(items)
    }


def _kind(item: Mapping[str, Any]) -> str:
    """`double`, `float32 [-1, 3]` of a tensor, `double [-1]` of a list of parameters; JSON of what is nested."""
    if item.get("type") == "tensor":
        spec = item["tensor-spec"]
        return f"{spec['dtype']} {json.dumps(spec['shape'])}"
    rest = {key: value for key, value in item.items() if key not in ("name", "required", "default", "shape")}
    shape = f" {json.dumps(item['shape'])}" if item.get("shape") is not None else ""
    return (str(item["type"]) if list(rest) == ["type"] else json.dumps(rest, sort_keys=True)) + shape


def differences(before: Signature, after: Signature) -> tuple[Change, ...]:
    """Every difference, those that break clients first. `before` is the champion's; it has something to keep."""
    if not after:
        return (Change(text="it has no signature, so its server checks no input and promises no output"),)
    found = [*_inputs(before.get("inputs"), after.get("inputs"))]
    found += _outputs(before.get("outputs"), after.get("outputs"))
    found += _parameters(before.get("params", {}), after.get("params", {}))
    return tuple(sorted(found, key=lambda change: not change.breaks))


def _inputs(before: Side | None, after: Side | None) -> Iterator[Change]:
    """The server drops what it does not know by name, and reads rows that come as lists in the signature's order."""
    if before is None or after is None:
        yield from _undescribed("inputs", before, after)
        return
    for name, was in before.items():
        if name not in after:
            yield Change(text=f"input {name} is gone", breaks=not was.named)
            continue
        now = after[name]
        if was.kind != now.kind:
            yield Change(text=f"input {name}: {was.kind} → {now.kind}", breaks=now.kind not in WIDER.get(was.kind, ()))
        if was.required != now.required:
            word = "required" if now.required else "optional"
            yield Change(text=f"input {name} is {word} now", breaks=now.required)
    for name, now in after.items():
        if name not in before:
            word = "input" if now.required else "optional input"
            yield Change(text=f"{word} {name} is new", breaks=now.required)
    yield from _positions(before, after)


def _positions(before: Side, after: Side) -> Iterator[Change]:
    """Rows without names, as the champion's clients send them: all of its columns, in their order.

    They are read the same where those columns come first. What follows is told as new; the server lets optional columns
    at the end be left out. Tensors come by name.
    """
    old, new = list(before), list(after)
    if [name for name in old if name in after] != [name for name in new if name in before]:
        yield Change(text="the inputs are in another order, in which rows that come as lists are read")
        return
    columns = all(entry.column and entry.named for entry in (*before.values(), *after.values()))
    if not columns or new[: len(old)] == old:
        return
    row = f"a row of {len(old)} value{'s' if len(old) != 1 else ''} that comes as a list"
    least = max((place for place, entry in enumerate(after.values(), 1) if entry.required), default=1)
    if least <= len(old) <= len(new):
        was, now = next(pair for pair in zip(old, new, strict=False) if pair[0] != pair[1])
        yield Change(text=f"{row} is misread: its value for {was} is taken for {now}")
    else:
        count = f"{len(new)}" if least == len(new) else f"{least} to {len(new)}"
        yield Change(text=f"{row} is refused: it must have {count} now")


def _outputs(before: Side | None, after: Side | None) -> Iterator[Change]:
    """A second output makes an object of what was a plain answer."""
    if before is None or after is None:
        yield from _undescribed("outputs", before, after)
        return
    yield from _gone_or_retyped("output", before, after)
    for name in after:
        if name not in before:
            yield Change(text=f"output {name} is new", breaks=len(before) == 1)


def _parameters(before: Side, after: Side) -> Iterator[Change]:
    """Each has a default, so that a new one troubles nobody."""
    yield from _gone_or_retyped("parameter", before, after)
    for name in after:
        if name not in before:
            yield Change(text=f"parameter {name} is new", breaks=False)


def _gone_or_retyped(what: str, before: Side, after: Side) -> Iterator[Change]:
    for name, was in before.items():
        if name not in after:
            yield Change(text=f"{what} {name} is gone")
        elif was.kind != after[name].kind:
            yield Change(text=f"{what} {name}: {was.kind} → {after[name].kind}")


def _undescribed(side: str, before: Side | None, after: Side | None) -> Iterator[Change]:
    if before is not None:
        yield Change(text=f"the {side} are not described any more")
    elif after is not None:
        yield Change(text=f"the {side} are described now", breaks=side == "inputs")
