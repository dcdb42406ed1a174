"""Charts as inline SVG by matplotlib, in the page's own colours, with a text alternative.

The figure is drawn in sentinel colours that no one else uses; in the SVG they become CSS variables, so that one
picture fits a light and a dark page. Same input, same bytes.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from mlops_ci.records.evaluation import Chart
from mlops_ci.report.clean import plain

COLORS = {
    "candidate": "#0000a1",
    "champion": "#0000a2",
    "difference": "#0000a1",
    "window": "#0000a1",
    "reference": "#0000a2",
}
INK, FAINT = "#0000a3", "#0000a4"
VARIABLES = {"#0000a1": "--candidate", "#0000a2": "--champion", INK: "--ink", FAINT: "--faint"}
STYLES = {"candidate": "-", "champion": "--", "difference": "-", "window": "-", "reference": "--"}
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def svg(chart: Chart, *, identifier: str) -> str:
    """One chart as an `<svg role="img">` element; `identifier` keeps its ids apart from other charts'."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": identifier}):
        figure = Figure(figsize=(4.6, 3.3), layout="constrained")
        axes = figure.add_subplot()
        for curve in chart.curves:
            _line(axes, chart.kind, curve.name, curve.x, curve.y)
        if chart.kind in ("roc", "calibration"):
            axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
        axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
        if len(chart.curves) > 1:
            axes.legend(frameon=False, labelcolor=INK)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _themed(buffer.getvalue(), chart, identifier)


def _line(axes: Any, kind: str, name: str, x: tuple[float, ...], y: tuple[float, ...]) -> None:
    color, style = COLORS.get(name, INK), STYLES.get(name, ":")
    if kind in ("residuals", "score-differences", "distribution"):
        axes.step(x, y, where="mid", color=color, linestyle=style, linewidth=1.6, label=name)
    else:
        marker = "o" if kind == "calibration" else ""
        axes.plot(x, y, color=color, linestyle=style, linewidth=1.6, marker=marker, markersize=4, label=name)


def _themed(text: str, chart: Chart, identifier: str) -> str:
    """The bare element: themed, named, described, scaling with its box."""
    text = text[text.index("<svg") :]
    for color, variable in VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )
    for name in ("figure_1", "axes_1", "patch_", "line2d_", "text_", "legend_", "matplotlib.axis_", "xtick_", "ytick_"):
        text = text.replace(f'id="{name}', f'id="{identifier}-{name}')
    label = f'role="img" aria-labelledby="{identifier}-title {identifier}-text"'
    described = f'<title id="{identifier}-title">{escape(plain(chart.title))}</title>'
    described += f'<desc id="{identifier}-text">{escape(plain(chart.text))}</desc>'
    head, rest = text.split(">", 1)
    return f"{head} {label}>{described}{rest}".strip()
