"""Sections of a pull request's text, in which everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.markdown import table


def section(
    heading: str, lines: Sequence[str] = (), *, head: Sequence[str] = (), rows: Sequence[Sequence[str]] = ()
) -> str:
    """A heading, paragraphs and a table, shown as they are: no markup, mention or table break of their own."""
    parts = [f"### {clean(heading)}", *(clean(line) for line in lines)]
    if rows:
        parts.append(table([clean(word) for word in head], [[clean(cell) for cell in row] for row in rows]))
    return "\n\n".join(parts)
