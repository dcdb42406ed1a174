"""Labels from probabilities, and which models many threads may ask: the model's own `predict` is always right."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlops_ci.backends.scoring import score_script
from mlops_ci.backends.scoring.batch_input import pattern

score_script.beside("row_hash")
batch = score_script.beside("batch_model")
CLASSIFIERS = (
    LogisticRegression(),
    DecisionTreeClassifier(max_depth=3),
    RandomForestClassifier(8, random_state=0),
    HistGradientBoostingClassifier(max_iter=5),
    make_pipeline(StandardScaler(), LogisticRegression()),
)


def told(classes: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    values = np.round(random.normal(size=(2000, 2)))  # many rows are alike, so forests have ties
    return values, np.array(["no", "yes", "perhaps"])[np.clip(values.sum(axis=1).astype(int) + 1, 0, classes - 1)]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_labels_from_probabilities_are_those_of_predict(model: Any, classes: int) -> None:
    model.fit(*told(classes))
    assert batch.answers_once(model)
    assert batch.is_parallel(model)
    values = told(classes)[0]
    assert list(batch.most_probable(model, values, model.predict_proba(values))) == list(model.predict(values))


def test_of_classes_that_are_alike_the_model_decides() -> None:
    class Stubborn(LogisticRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            return np.array(["no"] * len(rows))

    model = Stubborn().fit(*told(2))
    shares = np.array([[0.5, 0.5], [0.1, 0.9], [np.nan, np.nan]])
    assert list(batch.most_probable(model, np.zeros((3, 2)), shares)) == ["no", "yes", "no"]
    assert not batch.answers_once(model), "a subclass may decide otherwise"
    assert not batch.is_parallel(model)


def test_what_decides_otherwise_or_calls_a_function_is_asked_in_turn() -> None:
    threshold = FixedThresholdClassifier(LogisticRegression(), threshold=0.9, response_method="predict_proba")
    assert not batch.answers_once(threshold.fit(*told(2)))
    own = make_pipeline(FunctionTransformer(np.negative), LogisticRegression()).fit(*told(2))
    assert not batch.is_parallel(own)


@pytest.mark.parametrize(
    ("text", "fits", "fails"),
    [
        ("b/*.parquet", "b/x.parquet", "b/c/x.parquet"),
        ("b/**/*.parquet", "b/c/d/x.parquet", "c/x.parquet"),
        ("b/**/*.parquet", "b/x.parquet", "b/x.parquets"),
        ("b/?[0-9].pq", "b/a1.pq", "b/a.pq"),
        ("b/[!a].pq", "b/b.pq", "b/a.pq"),
        ("b/a+(1).pq", "b/a+(1).pq", "b/aa1.pq"),
    ],
)
def test_a_pattern_of_keys_is_a_shells(text: str, fits: str, fails: str) -> None:
    assert pattern(text).match(fits)
    assert not re.match(pattern(text), fails)
