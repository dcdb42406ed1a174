"""A drift result as lines for a terminal: the windows, and the columns that matter most."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.records.drift import ColumnDrift, DriftDetails, WindowResult
from mlops_ci.report.clean import plain
from mlops_ci.report.numbers import number, share

MOST = 8
BANDS = ("", "low", "medium", "high")


def lines(details: DriftDetails) -> Iterator[str]:
    """Without the checks, which are told like those of any stage."""
    newest = last(details)
    if newest is not None:
        rows = f"all {newest.rows:,} rows"
        judged = f"Evidently on {newest.sampled:,} of {newest.rows:,} rows" if newest.sampled else f"DuckDB on {rows}"
        against = f"{details.reference_sample:,} of {details.reference_rows:,} training rows"
        yield f"{plain(short(newest.window.name))} against {against}; {judged}"
        yield f"{'column':<24}{'distance':>9}{'limit':>8}{'all rows':>10}{'importance':>12}  method"
        shown = [*newest.predictions, *newest.columns]
        yield from map(column, shown[: MOST + len(newest.predictions)])
        if len(newest.columns) > MOST:
            yield f"… and {len(newest.columns) - MOST:,} more in the report"
    if details.windows:
        yield f"{'window':<36}{'rows':>12}{'drifted':>9}  state"
        yield from map(window, details.windows)
    yield from (f"note: {plain(note)}" for note in details.notes)


def last(details: DriftDetails) -> WindowResult | None:
    """The newest window that was judged."""
    return next((item for item in reversed(details.windows) if item.state != "unjudged"), None)


def column(item: ColumnDrift) -> str:
    """One column's distance, or why it has none."""
    name = f"{plain(item.name)[:22]:<24}"
    if item.value is None:
        return f"{name}{'–':>9}  {plain(item.reason)}"
    mark = "  drifted" if item.drifted else ""
    return (
        f"{name}{number(item.value):>9}{number(item.threshold):>8}{number(item.full):>10}{share(item.importance):>12}"
        f"  {item.method}{mark}"
    )


def window(item: WindowResult) -> str:
    """One window's line of the trend."""
    band = f" ({BANDS[item.band]})" if item.band else ""
    return f"{plain(short(item.window.name))[:34]:<36}{item.rows:>12,}{share(item.share):>9}  {item.state}{band}"


def short(name: str) -> str:
    """A window's name as it is written on the command line: a file's without its folder."""
    return name.rpartition("/")[2]
