"""Everything that came from outside, made harmless for where it is shown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#!$])")


def plain(text: str, *, longest: int = LONGEST) -> str:
    """One line without control characters, escape codes or direction overrides, cut to `longest` characters."""
    text = ESCAPES.sub("", str(text))
    text = "".join(" " if c in "\r\n\t" else c for c in text if c in "\r\n\t" or unicodedata.category(c)[0] != "C")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def markdown(text: str, *, longest: int = LONGEST) -> str:
    """Text that Markdown renders as it is: no markup, no table break, no mention, no link of its own making."""
    cleaned = MARKDOWN.sub(r"\\\1", plain(text, longest=longest))
    return cleaned.replace("@", "@\u2060").replace("://", ":\u2060//").replace("www.", "www\u2060.")
