"""A drift result as one HTML page: columns then and now, and the trend over the windows."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mlops_ci import __version__
from mlops_ci.records.codec import decode
from mlops_ci.records.drift import ColumnDrift, DriftDetails, WindowResult
from mlops_ci.records.evaluation import Chart, Curve
from mlops_ci.records.results import StageResult
from mlops_ci.report import charts
from mlops_ci.report.drift_markdown import ordered
from mlops_ci.report.drift_text import BANDS, last, short
from mlops_ci.report.html import WORDS, check_state, templates
from mlops_ci.report.numbers import interval, number, share

MOST_CHARTS = 24


def render(result: StageResult) -> str:
    """The page. Same result, same bytes."""
    environment = templates()
    environment.filters.update(
        number=number, interval=interval, share=share, short=short, change=lambda value: interval(value, signed=True)
    )
    details = decode(DriftDetails, result.details)
    newest = last(details)
    page: str = environment.get_template("drift.html.j2").render(
        result=result,
        state=WORDS[result.status],
        checks=[(check_state(check), check) for check in ordered(result)],
        details=details,
        newest=newest,
        bands=BANDS,
        charts=[_drawn(chart, place) for place, chart in enumerate(_charts(details, newest))],
        version=__version__,
    )
    return page


def _drawn(chart: Chart, place: int) -> tuple[Chart, Markup]:
    return chart, Markup(charts.svg(chart, identifier=f"c{place}"))  # noqa: S704 - our own drawing


def _charts(details: DriftDetails, newest: WindowResult | None) -> list[Chart]:
    found = [_trend(details)] if len(details.windows) > 1 else []
    if newest is not None:
        drawn = [item for item in (*newest.predictions, *newest.columns) if item.shares is not None]
        found += [_distribution(item) for item in drawn[:MOST_CHARTS]]
    return found


def _trend(details: DriftDetails) -> Chart:
    places = tuple(float(place + 1) for place in range(len(details.windows)))
    shares = tuple(item.share for item in details.windows)
    return Chart(
        kind="trend",
        title="Share of the columns that drifted",
        x_label="window",
        y_label="share",
        curves=(Curve(name="window", x=places, y=shares),),
        text=f"From {100 * min(shares):.3g} % to {100 * max(shares):.3g} % over {len(shares)} windows.",
    )


def _distribution(item: ColumnDrift) -> Chart:
    assert item.shares is not None
    places = tuple(float(place + 1) for place in range(len(item.shares.names)))
    changes = [(now - then, name) for name, then, now in zip(*_parts(item), strict=True)]
    most = max(changes, key=lambda pair: abs(pair[0]))
    value = "–" if item.value is None else f"{item.value:.3g}"
    return Chart(
        kind="distribution",
        title=f"{item.name}: {item.method} {value}",
        x_label=f"{item.shares.names[0]} … {item.shares.names[-1]}",
        y_label="share of the values",
        curves=(
            Curve(name="reference", x=places, y=item.shares.reference),
            Curve(name="window", x=places, y=item.shares.current),
        ),
        text=f"The largest change is {100 * most[0]:+.3g} points in {most[1]}.",
    )


def _parts(item: ColumnDrift) -> Any:
    assert item.shares is not None
    return item.shares.names, item.shares.reference, item.shares.current
