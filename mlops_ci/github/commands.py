"""Workflow commands, with everything that came from outside escaped as GitHub's runner expects."""

from __future__ import annotations


def group(title: str) -> str:
    """The command that opens a fold in the log."""
    return f"::group::{escape(title)}"


def end_group() -> str:
    """The command that closes it."""
    return "::endgroup::"


def escape(text: str) -> str:
    """Text as data of a workflow command: no line break can start another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
