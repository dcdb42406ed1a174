"""The comment that stands where results were refused: why, and none of their numbers."""

from __future__ import annotations

from mlops_ci.records.showing import About
from mlops_ci.report.clean import code
from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.comment import url


def render(reason: str, about: About) -> str:
    """`reason` may hold names from the archive."""
    parts = [f"Commit {code(about.head[:12])}"]
    if link := url(about.run_url):
        parts.append(f"[the run]({link})")
    return "\n\n".join(
        (
            "## ❌ The results of this run were refused",
            " · ".join(parts),
            f"> {clean(reason)}",
            "They come from a run of the fork, and nothing of them is shown.\n",
        )
    )
