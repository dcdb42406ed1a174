"""The user's own metrics: what they are called with, and resamples that pair both models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops_ci.backends.scoring import score_script

score_script.beside("row_hash")
metrics = score_script.beside("metric_script")
ROWS = 300
MODULE = """\
calls = []

def seen(y_true, y_score):
    calls.append((y_true, y_score))
    return float(len(y_true))

def cost(y_true, y_score, rows):
    return float(rows["amount"].to_numpy().mean())

def error(y_true, y_score):
    return float(((y_true - y_score) ** 2).mean())

def words(y_true, y_score):
    return "high"

def nothing(y_true, y_score):
    return float("nan")

number = 3
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """A measuring job on a small holdout with two models."""
    random = np.random.default_rng(5)
    truth = random.choice(["no", "yes"], ROWS)
    frame = pd.DataFrame({"y": truth, "amount": np.arange(ROWS), "who": random.integers(0, 30, ROWS)})
    frame.to_parquet(tmp_path / "h.parquet")
    for role in ("candidate", "production"):
        p = random.random(ROWS)
        table = pa.table({"prediction": pa.array(np.where(p > 0.5, "yes", "no")), "p0": 1 - p, "p1": p})
        table = table.replace_schema_metadata({"mlops_ci.classes": json.dumps(["no", "yes"])})
        parquet.write_table(table, tmp_path / f"{role}.parquet")
    name = f"own_metrics_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    def build(*functions: str, **others: Any) -> dict[str, Any]:
        ours = {
            "data": str(tmp_path / "h.parquet"),
            "label": "y",
            "group": "",
            "task": "classification",
            "classes": ["no", "yes"],
            "positive": "yes",
            "functions": {function: f"{name}:{function}" for function in functions},
            "predictions": {role: str(tmp_path / f"{role}.parquet") for role in ("candidate", "production")},
            "seed": 0,
            "replicates": 50,
        }
        return {**ours, **others}

    return build


def test_two_classes_are_ones_and_probabilities(job: Callable[..., dict[str, Any]]) -> None:
    asked = job("seen", replicates=0)
    assert metrics.measure(asked) == {"seen": {"candidate": [300.0], "production": [300.0]}}
    truth, scores = metrics.resolve(asked["functions"]["seen"]).__globals__["calls"][0]
    assert set(truth.tolist()) == {0, 1}
    assert 0 < scores.min() < scores.max() < 1
    turned = {**asked, "positive": "no"}
    metrics.measure(turned)
    other, others = metrics.resolve(asked["functions"]["seen"]).__globals__["calls"][-2]
    assert (other == 1 - truth).all()
    assert others == pytest.approx(1 - scores)


def test_more_classes_are_labels(job: Callable[..., dict[str, Any]]) -> None:
    asked = job("seen", positive="", replicates=0)
    metrics.measure(asked)
    truth, predicted = metrics.resolve(asked["functions"]["seen"]).__globals__["calls"][0]
    assert set(truth) == set(predicted) == {"no", "yes"}


def test_resamples_are_the_same_for_both_models_and_every_run(job: Callable[..., dict[str, Any]]) -> None:
    found = metrics.measure(job("cost", "error"))
    assert found["cost"]["candidate"] == found["cost"]["production"], "the rows are the same, so is what they cost"
    assert len(set(found["cost"]["candidate"])) > 40
    assert found == metrics.measure(job("cost", "error"))
    assert found != metrics.measure(job("cost", "error", seed=1))
    assert found["error"]["candidate"] != found["error"]["production"]


def test_rows_of_one_group_move_together(job: Callable[..., dict[str, Any]]) -> None:
    groups = metrics.group_codes(job("seen", group="who"))
    whole = np.bincount(groups)
    for _, rows in metrics.resamples(np.random.default_rng(0), ROWS, groups, 20):
        drawn = np.bincount(groups[rows], minlength=len(whole))
        assert (drawn[whole > 0] % whole[whole > 0] == 0).all()


def test_a_large_holdout_has_small_resamples_with_the_same_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=40_000)
    spread = {}
    for largest in (100_000, 4_000):
        monkeypatch.setattr(metrics, "LARGEST", largest)
        found = [values.mean()]
        for scale, rows in metrics.resamples(np.random.default_rng(1), len(values), None, 400):
            found.append(metrics.scaled(values[rows].mean(), found, scale))
            assert len(rows) == min(largest, len(values))
        spread[largest] = float(np.std(found[1:]))
    assert spread[4_000] == pytest.approx(spread[100_000], rel=0.15)
    assert spread[4_000] == pytest.approx(1 / np.sqrt(40_000), rel=0.15)


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (("words",), "a metric gave str and not a number"),
        (("number",), "has no function 'number'"),
        (("gone",), "has no function 'gone'"),
    ],
)
def test_what_is_no_metric_is_refused(
    job: Callable[..., dict[str, Any]], functions: tuple[str, ...], words: str
) -> None:
    with pytest.raises(metrics.Refused, match=words):
        metrics.measure(job(*functions))


def test_a_module_that_is_not_there_is_named(job: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(metrics.Refused, match="no module 'no_such_module'"):
        metrics.measure(job(functions={"x": "no_such_module:f"}))


def test_nan_is_none(job: Callable[..., dict[str, Any]]) -> None:
    assert metrics.measure(job("nothing", replicates=2))["nothing"]["candidate"] == [None, None, None]
