"""What the demo prints, and the one way in which it fails."""

from __future__ import annotations

import os
import sys

TITLE, DIM, GOOD, BAD, PLAIN = (
    ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    else ("", "", "", "", "")
)


class DemoFailed(Exception):
    """Something did not go as announced."""


def title(text: str) -> None:
    """A new act."""
    print(f"\n{TITLE}{text}{PLAIN}", flush=True)


def typed(command: str) -> None:
    """What a user would type."""
    print(f"{DIM}$ {command}{PLAIN}", flush=True)


def ended(code: int, seconds: float) -> None:
    """How a command ended."""
    print(f"{GOOD if code == 0 else BAD}exit {code}{PLAIN} after {seconds:.1f} s", flush=True)
