"""A report as one JSON document."""

from __future__ import annotations

import json

from mlops_ci.records.codec import encode
from mlops_ci.report.collect import Report
from mlops_ci.report.headline import headline


def render(report: Report) -> str:
    """`{"models": [{model, headline, notes, results}]}`, the results as they are stored."""
    models = [
        {
            "model": item.model,
            "headline": headline(item.results),
            "notes": list(item.notes),
            "results": [encode(result) for result in item.results],
        }
        for item in report.models
    ]
    return json.dumps({"version": 1, "models": models}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
