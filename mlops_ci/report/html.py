"""A report as one HTML page: nothing is loaded from anywhere, everything from outside is escaped."""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from mlops_ci import __version__
from mlops_ci.records.results import Check, Status
from mlops_ci.report import charts
from mlops_ci.report.clean import plain
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.headline import headline
from mlops_ci.report.numbers import duration, flipped, interval, number, reproduce, share, size
from mlops_ci.report.terminal import counts

MOST_ROWS = 500
WORDS = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.ERROR: "error",
    Status.STALE: "stale",
}


def templates() -> jinja2.Environment:
    """Our templates: all text from outside is escaped, and what is not there is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("mlops_ci.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
    )


def render(report: Report) -> str:
    """The page of one or several models. Same report, same bytes."""
    environment = templates()
    environment.filters.update(
        number=number,
        signed=lambda value: number(value, signed=True),
        interval=interval,
        change=lambda value: interval(value, signed=True),
        duration=duration,
        size=size,
        share=share,
        counts=counts,
        flipped=lambda part, details: flipped(details, part),
        most=lambda items: list(items)[:MOST_ROWS],
    )
    models = [_model(model, index) for index, model in enumerate(report.models)]
    page: str = environment.get_template("report.html.j2").render(models=models, version=__version__, most=MOST_ROWS)
    return page


def _finalize(value: Any) -> Any:
    """Everything that is printed is one clean line, unless we made it ourselves."""
    if value is None:
        return "–"
    return value if isinstance(value, Markup) else plain(str(value), longest=600)


def _model(model: ModelReport, index: int) -> dict[str, Any]:
    evaluated = model.stage("evaluate")
    checks = sorted(evaluated.checks if evaluated else (), key=lambda c: (not c.red, c.status is Status.PASSED))
    origin = next((result.origin for result in model.results if result.origin.commit), None)
    return {
        "name": model.model,
        "headline": headline(model.results),
        "state": WORDS[model.worst],
        "notes": model.notes,
        "results": model.results,
        "failures": [(result.stage, result.failure) for result in model.results if result.failure is not None],
        "checks": [(check_state(check), check) for check in checks],
        "affected": model.affected,
        "validation": model.validation,
        "training": model.training,
        "evaluation": model.evaluation,
        "registration": model.registration,
        "origin": origin,
        "reproduce": reproduce(origin, model.model) if origin else "",
        "warnings": [(check_state(check), check) for check in model.warnings],
        "words": WORDS,
        "charts": [
            (chart, Markup(charts.svg(chart, identifier=f"m{index}-{chart.kind}")))  # noqa: S704 - our own drawing
            for chart in (model.evaluation.charts if model.evaluation else ())
        ],
    }


def check_state(check: Check) -> str:
    """A check's state as the word that the page shows."""
    if check.status is Status.PASSED:
        return "passed"
    if check.override:
        return "overridden"
    return "failed" if check.red else "warned"
