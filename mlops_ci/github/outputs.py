"""A step's outputs, as lines of the file that GITHUB_OUTPUT names."""

from __future__ import annotations

import secrets
from collections.abc import Mapping


def render(outputs: Mapping[str, str]) -> str:
    """The lines. A value of any text stays one value: its end is marked by a word that nobody can know before."""
    lines = []
    for name, value in outputs.items():
        end = f"mlops-ci-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{end}\n{value}\n{end}\n")
    return "".join(lines)
