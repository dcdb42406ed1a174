"""What production is compared with: the champion's training data, sampled and summarised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NUMBER, CATEGORY, TIME, OTHER = "number", "category", "time", "other"
PREDICTED = "mlops_ci:"  # begins the names of answers in a sample, so that no feature has such a one
LIKELY = f"{PREDICTED}probability"  # of the positive class, in a sample, where the model tells it


@dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """One column over all rows. `kind`: number, category (text and booleans), time, or other (lists, and texts with so
    many values that their shares say nothing). Of a number `edges` (n + 1) and `counts` (n) are its deciles and the
    finite values between them, each bin without its upper edge but the last; of a category `values` maps the most
    frequent to their counts, and `rest` counts all others."""

    name: str
    kind: str
    dtype: str
    null_share: float
    infinite: int = 0
    distinct: int | None = None
    low: float | None = None
    high: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    values: Mapping[str, int] = field(default_factory=dict)
    rest: int = 0


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What shuffling one column costs: `loss` is the mean rise of the holdout's loss (log loss, squared error, or the
    share of wrong answers), `share` its part of all columns' rises, from 0 to 1; None where the time was up."""

    column: str
    loss: float | None
    share: float | None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Stored with a run. `columns` are the model's inputs (and the label), without those under `redact`; `predictions`
    the answers on the sample, by name. `sampled` is how many rows the sample has, of `rows`."""

    model: str
    model_digest: str
    version: int
    label: str
    data: tuple[str, ...]
    rows: int
    sampled: int
    seed: int
    duplicates: float
    columns: tuple[ColumnSummary, ...]
    predictions: tuple[str, ...]
    inputs: tuple[str, ...]
    importance: tuple[Importance, ...] = ()
    loss: float | None = None
    loss_name: str = ""
    notes: tuple[str, ...] = ()

    def importance_of(self, column: str) -> float | None:
        """The share of one column, None where it is not known."""
        return next((item.share for item in self.importance if item.column == column), None)
