"""Curves as at most 200 points each: what every chart is drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlops_ci.evaluation.problem import Floats
from mlops_ci.records.evaluation import Chart, Curve

POINTS = 200
BINS = 40
PARTS = 10


def thinned(name: str, x: Any, y: Any) -> Curve:
    """A line of at most 200 of its points, the first and the last among them."""
    keep = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    return Curve(name=name, x=tuple(map(float, x[keep])), y=tuple(map(float, y[keep])))


def calibration(name: str, order: Any, predicted: Any, happened: Any) -> Curve:
    """A reliability curve in ten bins of equally many rows. `order` (n,): rows by what was `predicted` (n,), the lowest
    first; `happened` (n,). Murphy & Winkler (1977), J. R. Statist. Soc. C 26:41, for the diagram."""
    parts = [part for part in np.array_split(order, PARTS) if len(part)]
    x = [float(predicted[part].mean()) for part in parts]
    y = [float(happened[part].mean()) for part in parts]
    return Curve(name=name, x=tuple(x), y=tuple(y))


def differences(kind: str, title: str, label: str, values: Floats) -> Chart:
    """How the differences (n,) of two models' answers are spread."""
    changed = float((values != 0).mean())
    return Chart(
        kind=kind,
        title=title,
        x_label=label,
        y_label="share of rows",
        curves=(histogram("difference", values, edges_of(values)),),
        text=f"How far the two models' answers lie apart; {100 * changed:.1f} % of the rows differ at all.",
    )


def edges_of(values: Floats) -> Floats:
    """The edges (41,) of forty bins over all but the outermost hundredth of the values."""
    low, high = np.quantile(values, [0.005, 0.995])
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def histogram(name: str, values: Floats, edges: Floats) -> Curve:
    """The share of the values in each bin; what lies outside is counted in the outermost bins."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    middles = (edges[1:] + edges[:-1]) / 2
    return Curve(name=name, x=tuple(middles.tolist()), y=tuple((counts / len(values)).tolist()))
