"""The note above an older commit's verdict while a newer commit is judged."""

from __future__ import annotations

from mlops_ci.records.showing import About
from mlops_ci.report.clean import code
from mlops_ci.report.comment import url


def render(about: About) -> str:
    """It stays where the run is broken off, so it tells what has begun, not what goes on."""
    link = url(about.run_url)
    run = f"[Its run]({link})" if link else "Its run"
    return "\n\n".join(
        (
            f"## ⏳ Commit {code(about.head[:12])} has no verdict yet",
            f"{run} has begun. All that stands below is of the older commit that it names, and of no newer one.",
            "---",
        )
    )
