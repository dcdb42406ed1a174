"""Evidently and DuckDB on the same rows: the same distances, whatever is missing or infinite in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mlops_ci.backends.watch.evidently_drift import Evidently
from mlops_ci.backends.watch.production_rows import open_production
from mlops_ci.ports.drift import Rules
from tests.stages.watching import NOW, Lookout, rows

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
METHODS = [("wasserstein", "jensenshannon"), ("psi", "psi"), ("jensenshannon", "jensenshannon")]


def test_the_same_numbers_on_the_same_rows(tmp_path: Path) -> None:
    training = rows(4000, 1)
    training["b"] = np.exp(2 * training["b"])
    training.loc[training.index[:300], "c"] = None
    lookout = Lookout(home=tmp_path, training=training)
    frame = rows(2500, 2, shift=0.2)
    frame["b"] = np.exp(1.8 * frame["b"])
    frame["n"] = frame["n"].astype(float)
    frame.loc[frame.index[:400], ["a", "c", "n"]] = None
    frame.loc[frame.index[5:9], "b"] = [np.inf, -np.inf, np.nan, 1e7]
    frame.loc[frame.index[450:470], "c"] = "new"
    lookout.put("w.parquet", frame)
    kept, production = lookout.kept(), open_production(lookout.model(), environ=os.environ, scratch=tmp_path)
    with production.open(kept.reference, kept.sample, now=NOW.timestamp(), say=lambda line: None) as watched:
        (window,) = watched.windows()
        for method, category in METHODS:
            rules = Rules(
                method=method, category_method=category, threshold=0.1, prediction_threshold=0.1, columns={"a": 0.01}
            )
            found = watched.compare(window, rules)
            ours = {item.name: item for item in (*found.columns, *found.predictions)}
            assert watched.sampled(window, tmp_path / "s", rows=10_000, seed=0) == 2500
            theirs = Evidently().compare(tmp_path / "s", list(ours.values()))
            assert set(theirs) == set(ours) == {"a", "b", "n", "c", "flag", "prediction"}
            for name, (value, drifted) in theirs.items():
                tolerance = 2e-3 if ours[name].method == "wasserstein" else 1e-9
                assert ours[name].value == pytest.approx(value, abs=tolerance), (method, name)
                assert ours[name].drifted == drifted, (method, name)


def test_a_sample_is_the_same_whenever_it_is_drawn(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path)
    lookout.put("w.parquet", rows(5000, 2))
    kept, production = lookout.kept(), open_production(lookout.model(), environ=os.environ, scratch=tmp_path)
    with production.open(kept.reference, kept.sample, now=NOW.timestamp(), say=lambda line: None) as watched:
        (window,) = watched.windows()
        drawn = []
        for place, seed in enumerate([0, 0, 1]):
            assert watched.sampled(window, tmp_path / str(place), rows=700, seed=seed) == 700
            drawn.append(sorted(np.asarray(_column(tmp_path / str(place)))))
    assert len(drawn[0]) == 700
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_column_without_values_stays_out(tmp_path: Path) -> None:
    """It would abort Evidently's whole report."""
    lookout = Lookout(home=tmp_path)
    lookout.put("w.parquet", rows(500, 2).assign(a=np.nan))
    kept, production = lookout.kept(), open_production(lookout.model(), environ=os.environ, scratch=tmp_path)
    with production.open(kept.reference, kept.sample, now=NOW.timestamp(), say=lambda line: None) as watched:
        (window,) = watched.windows()
        rules = Rules(method="psi", category_method="psi", threshold=0.1, prediction_threshold=0.1, columns={})
        found = watched.compare(window, rules)
        watched.sampled(window, tmp_path / "s", rows=1000, seed=0)
        theirs = Evidently().compare(tmp_path / "s", found.columns)
    assert "a" not in theirs
    assert "b" in theirs


def _column(folder: Path) -> list[float]:
    from pyarrow import parquet

    found: list[float] = parquet.read_table(folder / "window.parquet").column("a").to_pylist()
    return found
