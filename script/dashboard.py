"""Write the Grafana dashboard that `mlops-ci monitor init` copies, from Grafana's own types.

One board for all models and environments: they are chosen at its top. `--check` only says whether it is current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.builders import heatmap, prometheus, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import StackingConfig
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DynamicConfigValue,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TARGET = Path(__file__).parents[1] / "mlops_ci" / "stages" / "monitor" / "files" / "dashboard.json"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
CHOSEN = 'model=~"$model", environment=~"$environment"'
WATCHED = 'model=~"$model"'
EACH = "{{model}} {{environment}}"
WIDE, HALF, THIRD, HEIGHT = 24, 12, 8, 8
DAY_AND_MORE = "now-7d"
INFO = f"max by (model, environment, version, digest) (mlops_model_info{{{CHOSEN}}})"
EARLIER = f"max by (model, environment, version, digest) (max_over_time(mlops_model_info{{{CHOSEN}}}[10m] offset 2m))"


def query(expr: str, legend: str, letter: str = "A") -> prometheus.Dataquery:
    """One query over the chosen time."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).range().ref_id(letter)


def lines(
    title: str, said: str, *queries: tuple[str, str], unit: str = units.Short, width: int = HALF
) -> timeseries.Panel:
    """Curves over time; each query is an expression and a legend."""
    panel = timeseries.Panel().title(title).description(said).unit(unit).datasource(SOURCE)
    panel = panel.span(width).height(HEIGHT).min(0) if unit != units.Short else panel.span(width).height(HEIGHT)
    for letter, (expr, legend) in zip("ABCD", queries, strict=False):
        panel = panel.with_target(query(expr, legend, letter))
    return panel


def limit(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw what is called a limit in red and dashed."""
    dashed = {"fill": "dash", "dash": [10, 10]}
    return panel.override_by_regexp(
        "/limit/",
        [
            DynamicConfigValue(id_val="custom.lineStyle", value=dashed),
            DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": "red"}),
        ],
    )


def serving() -> Iterator[Any]:
    yield lines(
        "Requests",
        "Predictions asked for, by the class of their status. 4xx is the caller's doing, 5xx ours.",
        (f"mlops_ci:requests:rate5m{{{CHOSEN}}}", f"{EACH} {{{{status}}}}"),
        unit=units.RequestsPerSecond,
    )
    yield limit(
        lines(
            "Errors",
            "Share of the predictions that were answered with 5xx, over five minutes.",
            (f"mlops_ci:errors:share5m{{{CHOSEN}}}", EACH),
            (f"mlops_ci:errors:limit{{{CHOSEN}}}", f"limit of {EACH}"),
            unit=units.PercentUnit,
        )
    )
    yield limit(
        lines(
            "Latency",
            "From a request's head to its answer, of those that succeeded: half, and 99 in a hundred, are faster.",
            (f"mlops_ci:seconds:p50{{{CHOSEN}}}", f"p50 {EACH}"),
            (f"mlops_ci:seconds:p99{{{CHOSEN}}}", f"p99 {EACH}"),
            (f"mlops_ci:seconds:limit{{{CHOSEN}}}", f"limit of {EACH}"),
            unit=units.Seconds,
        )
    )
    yield lines(
        "Refusals",
        "Requests that were refused, by reason.",
        (f"sum by (reason) (rate(mlops_rejections_total{{{CHOSEN}}}[$__rate_interval]))", "{{reason}}"),
        unit=units.RequestsPerSecond,
    )
    yield (
        table.Panel()
        .title("What serves")
        .description("The model digests that servers report now. Two in one place: a canary, or a rollout under way.")
        .datasource(SOURCE)
        .span(WIDE)
        .height(6)
        .with_target(
            prometheus.Dataquery().expr(INFO).instant().format(PromQueryFormat.TABLE).ref_id("A").legend_format("")
        )
    )


def predictions() -> Iterator[Any]:
    share = f"sum by (model, environment, class) (rate(mlops_predicted_class_total{{{CHOSEN}}}[$__rate_interval]))"
    yield (
        heatmap.Panel()
        .title("Predicted numbers")
        .description("How many predictions fell into each bucket.")
        .datasource(SOURCE)
        .span(THIRD)
        .height(HEIGHT)
        .with_target(
            query(
                f"sum by (le) (increase(mlops_prediction_value_bucket{{{CHOSEN}}}[$__rate_interval]))", "{{le}}"
            ).format(PromQueryFormat.HEATMAP)
        )
    )
    yield (
        lines("Predicted classes", "Share of each class.", (share, f"{EACH} {{{{class}}}}"), width=THIRD)
        .fill_opacity(30)
        .stacking(StackingConfig().mode(common.StackingMode.PERCENT))
    )
    yield limit(
        lines(
            "Moved since a day ago",
            "Distance of six hours' predictions from those a day before: 0 the same, 1 nothing in common.",
            (f"mlops_ci:predictions:moved6h{{{CHOSEN}}}", EACH),
            (f"mlops_ci:predictions_moved:limit{{{CHOSEN}}}", f"limit of {EACH}"),
            unit=units.PercentUnit,
            width=THIRD,
        )
    )


def drift() -> Iterator[Any]:
    yield lines(
        "Drifted columns",
        "Share of the columns that drifted in the newest window.",
        (f"mlops_ci_drift_share{{{CHOSEN}}}", EACH),
        unit=units.PercentUnit,
    )
    yield (
        statetimeline.Panel()
        .title("Breach")
        .description("How bad it is: 0 no breach, 1 low, 2 medium, 3 high.")
        .datasource(SOURCE)
        .span(HALF)
        .height(HEIGHT)
        .with_target(query(f"mlops_ci_drift_band{{{CHOSEN}}}", EACH))
    )
    yield lines(
        "Columns",
        "Distance of the ten columns that moved most from what the champion learned from, by the method of each.",
        (f"topk(10, mlops_ci_drift_column{{{CHOSEN}}})", "{{column}} ({{method}})"),
    )
    yield lines(
        "Predictions",
        "Distance of the predictions from those on the training data.",
        (f"mlops_ci_drift_prediction{{{CHOSEN}}}", f"{EACH} {{{{column}}}} ({{{{method}}}})"),
    )
    yield lines(
        "Metric",
        "On the labelled rows of the newest window, with the ends of its interval.",
        (f"mlops_ci_drift_metric{{{CHOSEN}}}", f"{EACH} {{{{metric}}}}"),
        (f"mlops_ci_drift_metric_low{{{CHOSEN}}}", f"{EACH} {{{{metric}}}} low"),
        (f"mlops_ci_drift_metric_high{{{CHOSEN}}}", f"{EACH} {{{{metric}}}} high"),
    )
    yield limit(
        lines(
            "Age of the last answer",
            "How long ago the drift job gave an answer. It grows without end where the schedule is off.",
            (f"time() - max by (model) (mlops_ci_drift_last_run_seconds{{{WATCHED}}})", "{{model}}"),
            (f"mlops_ci:drift_age_seconds:limit{{{WATCHED}}}", "limit of {{model}}"),
            unit=units.Seconds,
        )
    )


def chosen(name: str, of: str) -> board.QueryVariable:
    """A choice at the top: several, or all."""
    made = board.QueryVariable(name).label(name).datasource(SOURCE).query(f"label_values({of}, {name})")
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    return made.multi(True).include_all(True).all_value(".*")


def made() -> dict[str, Any]:
    """The dashboard as plain JSON, panels numbered in their order."""
    found = (
        board.Dashboard("Models")
        .uid("mlops-ci-models")
        .description("What mlops-ci serves and watches.")
        .tags(["mlops-ci"])
        .timezone("utc")
        .time(DAY_AND_MORE, "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(chosen("model", "mlops_ci:errors:limit"))
        .with_variable(chosen("environment", "mlops_ci:errors:limit"))
        .annotation(
            board.AnnotationQuery()
            .name("Model changed")
            .datasource(SOURCE)
            .enable(True)
            .icon_color("blue")
            .expr(f"{INFO} unless {EARLIER}")
        )
        .annotation(
            board.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(False)
            .icon_color("red")
            .expr(f'ALERTS{{alertname=~"Mlops.*", alertstate="firing", {WATCHED}}}')
        )
    )
    for title, panels in (("Serving", serving()), ("Predictions", predictions()), ("Drift", drift())):
        found = found.with_row(board.Row(title))
        for panel in panels:
            found = found.with_panel(panel)
    document: dict[str, Any] = json.loads(json.dumps(found.build(), cls=JSONEncoder))
    for number, panel in enumerate(document["panels"], 1):
        panel["id"] = number
    # The types know no more of an annotation than its expression; these are the Prometheus data source's own.
    changed, alerts = document["annotations"]["list"]
    changed |= {"titleFormat": "{{model}} in {{environment}}", "textFormat": "version {{version}}, {{digest}}"}
    alerts |= {"titleFormat": "{{alertname}}", "textFormat": "{{model}} {{environment}}"}
    for item in (changed, alerts):
        item |= {"step": "120s", "tagKeys": "model,environment"}
    return document


def main() -> int:
    """Write it, or with --check exit 1 where it is not current."""
    text = json.dumps(made(), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(not TARGET.exists() or TARGET.read_text("utf-8") != text)
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
