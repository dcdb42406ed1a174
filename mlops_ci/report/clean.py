"""Everything that came from outside, made harmless for where it is shown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#!$])")


def plain(text: str, *, longest: int = LONGEST) -> str:
    """One line without control characters, escape codes or direction overrides, cut to `longest` characters."""
    text = str(text)
    if not text.isprintable():
        text = "".join(map(_harmless, ESCAPES.sub("", text)))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _harmless(character: str) -> str:
    if character in "\r\n\t":
        return " "
    return "" if unicodedata.category(character)[0] == "C" else character


def markdown(text: str, *, longest: int = LONGEST) -> str:
    """Text that Markdown renders as it is: no markup, no table break, no mention, no link of its own making."""
    cleaned = MARKDOWN.sub(r"\\\1", plain(text, longest=longest))
    return cleaned.replace("@", "@\u2060").replace("://", ":\u2060//").replace("www.", "www\u2060.")
