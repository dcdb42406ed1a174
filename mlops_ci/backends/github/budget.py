"""What fits into a comment: the last line of defence, cut between sections, with nothing left open."""

from __future__ import annotations

import re

BUDGET = 60_000  # bytes; GitHub takes 65,536 characters
MORE = "\n\n_The rest did not fit; the full report has everything._"
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


def fit(text: str, budget: int = BUDGET) -> str:
    """The text, cut before a heading where it is too long; fences and folds that the cut leaves open are closed."""
    if len(text.encode("utf-8", "replace")) <= budget:
        return text
    room = budget - len(MORE.encode()) - 200
    head = text.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
    borders = [match.start() for match in re.finditer(r"\n(?=#{1,4} )", head)]
    half = len(head) // 2
    cut = borders[-1] if borders and borders[-1] > half else max(head.rfind("\n"), half)
    return _closed(head[:cut].rstrip()) + MORE


def _closed(text: str) -> str:
    opened = ""
    for match in _FENCE.finditer(text):
        mark = match[1]
        if not opened:
            opened = mark
        elif mark[0] == opened[0] and len(mark) >= len(opened):
            opened = ""
    folds = len(re.findall(r"<details\b", text)) - text.count("</details>")
    return text + (f"\n{opened}" if opened else "") + "\n\n</details>" * max(folds, 0)
