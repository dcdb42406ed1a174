"""The quick yes: never given where jsonschema says no, and given to every plain config."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator

from mlops_ci import yaml12
from mlops_ci.config import plainly
from mlops_ci.config.problems import schema
from mlops_ci.config.substitute import substitute

EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/mlops*.yaml"))
VALIDATOR = Draft202012Validator(schema())
ODD: list[Any] = [None, True, 0, -1, 1.0, 0.5, 1e9, "", "x", "fail", "5m", "a\n", [], ["x"], [1], {}, {"x": 1}, {1: 2}]


def example(path: Path) -> Any:
    """An example as it is where no variable is set."""
    return substitute(yaml12.load(path.read_bytes()).value, {}, lambda *why: pytest.fail(str(why)))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_are_accepted_without_jsonschema(path: Path) -> None:
    assert plainly.valid(example(path), schema())


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, item in items for place in [(value, key), *places(item)]]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_single_mutation_of_an_example_is_judged_alike(path: Path) -> None:
    document = example(path)
    for index in range(len(places(document))):
        for odd in [*ODD, "remove", "rename"]:
            changed = copy.deepcopy(document)
            container, key = places(changed)[index]
            if odd == "remove":
                del container[key]
            elif odd == "rename" and isinstance(container, dict):
                container[f"{key}x"] = container.pop(key)
            else:
                container[key] = odd
            if plainly.valid(changed, schema()):
                assert VALIDATOR.is_valid(changed), (key, odd)


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_documents_made_from_the_schema_are_judged_alike(seed: int) -> None:
    document = made(schema(), random.Random(seed))
    if plainly.valid(document, schema()):
        assert VALIDATOR.is_valid(document)


def made(node: dict[str, Any], rng: random.Random) -> Any:
    """Something like what a schema asks for, now and then something else."""
    if rng.random() < 0.01:
        return rng.choice(ODD)
    if "anyOf" in node and "type" not in node:
        return made(rng.choice(node["anyOf"]), rng)
    if "const" in node or "enum" in node:
        return node.get("const") or rng.choice(node["enum"])
    if node["type"] == "object":
        found = {
            key: made(below, rng)
            for key, below in node.get("properties", {}).items()
            if key in node.get("required", []) or rng.random() < 0.4
        }
        rest = node.get("additionalProperties")
        return found | ({f"a{index}": made(rest, rng) for index in range(2)} if isinstance(rest, dict) else {})
    if node["type"] == "array":
        return [made(node["items"], rng) for _ in range(rng.randrange(3))]
    low, high = node.get("minimum", 0), node.get("maximum", 3)
    plain = {
        "string": "a",
        "boolean": True,
        "integer": rng.choice([low, high]),
        "number": rng.choice([low, 0.75, high]),
    }
    return plain[node["type"]]


def test_type_is_asked_before_what_needs_it() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict) and "type" in node and isinstance(node["type"], str):
            told = [key for key in node if key not in plainly.NOTES]
            assert told[0] == "type", node
        for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            walk(item)

    walk(schema())


def test_what_it_does_not_know_it_leaves_to_jsonschema() -> None:
    assert not plainly.valid("x", {"type": "string", "format": "date"})
    assert not plainly.valid("x", {"not": {"type": "string"}})
    assert not plainly.valid("x", {})
    assert not plainly.valid({"a": 1}, {"type": "object", "propertyNames": {"pattern": "a", "minLength": 1}})
