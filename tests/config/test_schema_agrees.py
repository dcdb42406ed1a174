"""The schema, the dataclasses and the docs say the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.config import types
from mlops_ci.config.canary import policy
from mlops_ci.config.judging import KNOWN
from mlops_ci.config.problems import schema
from mlops_ci.evaluation.metrics import METRICS
from mlops_ci.records.codec import encode
from mlops_ci.serving.formats import KNOWN as FORMATS
from mlops_ci.stages.smoke import tolerance_of

MODEL = schema()["properties"]["models"]["additionalProperties"]["properties"]
EVALUATE = MODEL["evaluate"]["properties"]
PAIRS: list[tuple[dict[str, Any], type, set[str]]] = [
    (schema()["properties"]["tracking"]["properties"], types.Tracking, set()),
    (MODEL, types.Model, {"name", "root"}),
    (MODEL["train"]["properties"], types.Train, set()),
    (MODEL["validate"]["items"]["properties"], types.Dataset, set()),
    (MODEL["overrides"]["items"]["properties"], types.Override, set()),
    (MODEL["drift"]["properties"], types.Drift, set()),
    (MODEL["drift"]["properties"]["guards"]["properties"], types.Guards, set()),
    (MODEL["drift"]["properties"]["labels"]["properties"], types.Labels, set()),
    (EVALUATE, types.Evaluate, set()),
    (EVALUATE["gates"]["items"]["properties"], types.Gate, set()),
    (EVALUATE["slices"]["items"]["properties"], types.Slice, set()),
    (EVALUATE["serving"]["properties"], types.Serving, set()),
    (EVALUATE["metrics"]["items"]["anyOf"][1]["properties"], types.MetricSpec, set()),
]


@pytest.mark.parametrize(("properties", "kind", "ours"), PAIRS, ids=lambda item: getattr(item, "__name__", ""))
def test_keys_and_defaults_agree(properties: dict[str, Any], kind: type, ours: set[str]) -> None:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    assert set(properties) == set(fields) - ours
    for name, described in properties.items():
        default = fields[name].default
        if "default" in described and default is not dataclasses.MISSING and described["default"] not in ({}, []):
            assert encode(default) == described["default"], name


def walk(node: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every key of the schema with its description."""
    found = [(path, node)] if path else []
    for name, child in node.get("properties", {}).items():
        found += walk(child, f"{path}.{name}")
    for child in (node.get("additionalProperties"), node.get("items"), *node.get("anyOf", [])):
        if isinstance(child, dict) and child.keys() != {"required"}:
            found += walk(child, f"{path}.*")
    return found


def test_every_key_is_described() -> None:
    assert [path for path, node in walk(schema()) if not node.get("description")] == []


def test_every_optional_key_has_a_default_or_means_absence() -> None:
    absent = {"min", "max", "quantiles", "p99_ms", "memory_mb", "size_mb", "evaluate"}
    required = {name for _, node in [("", schema()), *walk(schema())] for name in node.get("required", [])}
    for path, node in walk(schema()):
        name = path.rpartition(".")[2]
        if name not in {"*", *absent, *required}:
            assert "default" in node, path


def test_what_a_canary_is_by_default() -> None:
    described = MODEL["environments"]["additionalProperties"]["properties"]["canary"]["properties"]
    said = {name: node["default"] for name, node in described.items() if name != "slo"}
    slo = {name: node["default"] for name, node in described["slo"]["properties"].items() if "default" in node}
    assert policy({}) == policy({**said, "slo": slo})


def test_metrics_of_schema_config_and_mathematics_agree() -> None:
    listed = set(EVALUATE["metrics"]["items"]["anyOf"][0]["enum"])
    assert listed == set(KNOWN) == set(METRICS)
    for name, direction in KNOWN.items():
        assert METRICS[name].higher_is_better == (direction == "higher")


def test_formats_of_schema_and_server_agree() -> None:
    assert MODEL["serving"]["properties"]["formats"]["items"]["enum"] == list(FORMATS)


def test_the_tolerance_of_schema_and_smoke_agree() -> None:
    smoke = MODEL["environments"]["additionalProperties"]["properties"]["smoke"]["properties"]
    assert smoke["tolerance"]["default"] == tolerance_of(types.Environment(name="production"))
    asked = types.Environment(name="production", options={"smoke": {"tolerance": 0.01}})
    assert tolerance_of(asked) == 0.01


def test_the_schema_is_a_valid_schema() -> None:
    from jsonschema.validators import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    assert json.loads((Path(types.__file__).parent / "schema.json").read_text()) == schema()
