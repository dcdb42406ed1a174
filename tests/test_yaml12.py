"""Our YAML reads as DVC's does (ruamel, YAML 1.2), and takes no harm from hostile documents."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_ci import yaml12

SCALARS = """
010 0b11 0o17 -0o17 0O17 1_000 1e3 1e-3 .5e3 .5e+3 -.5 1. 0x_1 -0x1F 2024-01-02 2024-01-02T03:04:05Z
2024-01-02T03:04:05.5+01:00 2024-1-2 2024-01-02t1:04:05 ~ Null NULL yes On no off y n 1:30 .inf -.INF .NaN 0777 08
1__0 _1 0.1_0 1e 1E5 +.inf true True TRUE tRue false null nULL '1' "1" 'on' 0 -0 +0 1.5 -1.5e-3 0x 0o8 0b2 a-b +
1e400 123456789012345678901234567890 1.2.3 12e03 +12 --1 ... 0.0 -0.0
"""


def reference(text: str) -> Any:
    """What DVC's reader makes of it."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)


def same(ours: Any, theirs: Any) -> bool:
    """Equal in value and type; NaN equals NaN."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [(type(k), k) for k in ours] == [(type(k), k) for k in theirs] or ours.keys() == theirs.keys()
        return keys and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float) and math.isnan(ours):
        return math.isnan(theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


def value(text: str | bytes) -> Any:
    return yaml12.load(text.encode() if isinstance(text, str) else text).value


@pytest.mark.parametrize("text", SCALARS.split())
def test_scalars_read_as_in_dvc(text: str) -> None:
    assert same(value(f"a: {text}"), reference(f"a: {text}"))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789+-._eExXobBTtrufalsnyNZ:", min_size=1, max_size=12))
@example("0o_")
def test_any_plain_word_reads_as_in_dvc(text: str) -> None:
    try:
        theirs = reference(f"a: {text}\n")
    except Exception:
        return  # what DVC cannot read it cannot run
    try:
        ours = value(f"a: {text}\n")
    except yaml12.YamlError:
        pytest.fail(f"DVC reads {text!r} as {theirs!r}")
    assert same(ours, theirs)


@pytest.mark.parametrize(
    "text",
    [
        "x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}",
        "x: &x {a: 1}\nz: &z {a: 2, c: 1}\ny: {<<: [*x, *z]}",
        "y: {a: 0, <<: {a: 1, b: 2}}",
        "1: a\n'1': b\n~: c\n2.5: d",
        "a: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
        "a: 'it''s'\nb: \"tab\\t\\u00e9\"\n",
        "- 1\n- [2, {x: on}]\n",
        "",
        "# only a comment\n",
        "a: !!str 1\nb: !!int '3'\nc: !!float 3\n",
        "%YAML 1.2\n---\na: on\n",
        "\ufeffa: 1\n",
        "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
    ],
)
def test_documents_read_as_in_dvc(text: str) -> None:
    theirs = reference(text.removeprefix("\ufeff"))
    assert same(value(text), theirs)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        (BOMB.encode(), "values once its anchors are expanded", None),
        (b"a: &a [1, *a]\n", "an anchor that contains itself", None),
        (b"[" * 100_000, "nested more than 60 levels deep", 1),
        (b"- " * 100_000 + b"x", "nested more than 60 levels deep", 1),
        (b"".join(b" " * i + b"a:\n" for i in range(200)), "nested more than 60 levels deep", 61),
        (b"{a: " * 70 + b"1" + b"}" * 70, "nested more than", None),
        (b"a:\n\t- b\n", "a tab indents this line", 2),
        (b"a: 1\nb: 2\na: 3\n", "the key 'a' appears twice", 3),
        (b"a: caf\xe9\n", "not UTF-8: byte 0xe9", 1),
        (b"\xff\xfea\x00:\x00 \x001\x00", "not UTF-8", 1),
        (b"a: '" + b"x" * yaml12.MAX_BYTES + b"'", "the limit is 1,048,576", 0),
        (b"a: 1\n---\nb: 2\n", "more than one document", 2),
        (b"a: [1, 2\nb: 3\n", "not valid YAML", None),
        (b"a: *nowhere\n", "not valid YAML", 1),
        (b"a: !!python/object/apply:os.system [x]\n", "is not allowed", 1),
        (b"a: !custom 1\n", "the tag '!custom' is not allowed", 1),
        (b"[1, 2]: x\n", "a key must be plain text", 1),
        (b"a: \x00\n", "control character", None),
        (b"a: 2024-13-45\n", "not a valid value", 1),
        (b"a: " + b"9" * 5000, "not a valid value", 1),
        (b"# old\n%YAML 1.1\n---\na: on\n", "remove the %YAML line", 2),
        (b"a: {<<: 3}\n", "'<<' merges maps only", 1),
    ],
)
def test_hostile_documents_are_refused_with_the_line(content: bytes, says: str, line: int | None) -> None:
    with pytest.raises(yaml12.YamlError) as caught:
        yaml12.load(content)
    assert says in caught.value.message
    assert line is None or caught.value.line == line


def test_every_key_and_item_knows_its_line() -> None:
    document = yaml12.load(b"a:\n  b:\n    - x\n    - c: 1\n\n  d: 2\n")
    assert document.lines == {"a": 1, "a.b": 2, "a.b[0]": 3, "a.b[1]": 4, "a.b[1].c": 4, "a.d": 6}


def test_dates_may_stay_text() -> None:
    assert yaml12.load(b"expires: 2026-03-31\n", dates=False).value == {"expires": "2026-03-31"}
