"""Charts as Mermaid, which GitHub draws itself."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mlops_ci.records.evaluation import SliceResult

FEWEST, MOST = 3, 12  # fewer say nothing that the table does not; more can't be read
CHARTS = 3
LONGEST = 16
_KEPT = re.compile(r"[^\w .:+-]", re.ASCII)


def drops(slices: Sequence[SliceResult]) -> list[str]:
    """Bars of what each slice lost of its metric, the worst first, with the line of what it may lose.

    One chart for the slices that share a metric and a limit, of a few such groups: first the one that lost most of what
    it may lose. None of a group with nothing to see: too few slices, or none that lost anything.
    """
    groups: dict[tuple[str, float], list[SliceResult]] = {}
    for item in slices:
        if item.tested and item.drop is not None:
            groups.setdefault((item.metric, item.max_drop), []).append(item)
    worst = {kind: max(item.drop or 0.0 for item in group) for kind, group in groups.items()}
    kinds = [kind for kind, group in groups.items() if len(group) >= FEWEST and worst[kind] > 0]
    kinds.sort(key=lambda kind: -worst[kind] / kind[1] if kind[1] else -math.inf)
    return [_bars(*kind, groups[kind]) for kind in kinds[:CHARTS]]


def _bars(metric: str, allowed: float, tested: Sequence[SliceResult]) -> str:
    shown = sorted(tested, key=lambda item: -(item.drop or 0.0))[:MOST]
    values = [(item.drop or 0.0) for item in shown]
    low, high = min(0.0, *values), max(allowed, *values)
    names = ", ".join(f'"{label(item)}"' for item in shown)
    lines = [
        "xychart-beta",
        f'    title "{word(metric)} lost by slice; the line is what it may lose"',
        f"    x-axis [{names}]",
        f"    y-axis {low:.4g} --> {high * 1.1 or 1:.4g}",
        f"    bar [{', '.join(f'{value:.4g}' for value in values)}]",
        f"    line [{', '.join([f'{allowed:.4g}'] * len(shown))}]",
    ]
    return "\n".join(["```mermaid", *lines, "```"])


def label(item: SliceResult) -> str:
    """A slice's name. Mermaid has a grammar of its own: what is not a plain word is left out."""
    return word(f"{item.by} {item.value}")


def word(text: str) -> str:
    """A text of plain characters alone."""
    kept = " ".join(_KEPT.sub("", text).split())
    return kept if len(kept) <= LONGEST else f"{kept[: LONGEST - 2]}.."
