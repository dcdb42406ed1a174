"""Markdown as GitHub shows it: by GitHub's own parser, read back as tags, words and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

VOID = ("br", "hr", "img", "input")
KNOWN = {
    *("h2", "h3", "h4", "p", "a", "strong", "em", "code", "pre", "ul", "li", "blockquote", "br", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
QUIET = ("code", "pre")  # GitHub looks for no mention in them


@dataclass
class Rendered(HTMLParser):
    """`tags` are all there are, `words` the text in which GitHub would look for mentions, `tables` rows of cells."""

    tags: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    words: str = ""
    every_word: str = ""
    tables: list[list[int]] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets.update(value or "" for name, value in attrs if name in ("href", "src"))
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.inside.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("td", "th"):
            self.tables[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.inside.pop() == tag, f"{tag} is closed, and was not open"

    def handle_data(self, data: str) -> None:
        self.every_word += data
        if not set(self.inside).intersection(QUIET):
            self.words += data


def rendered(text: str) -> Rendered:
    """The page that a text makes. AssertionError where a tag is left open."""
    found = Rendered()
    html = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)
    found.feed(html)
    found.close()
    assert not found.inside, f"left open: {found.inside}"
    return found


def harmless(text: str, *, links: str = "") -> Rendered:
    """The page, which holds nothing but what we write: no markup, mention, reference or link from outside."""
    page = rendered(text)
    assert page.tags.issubset(KNOWN)
    assert all(target.startswith(links) for target in page.targets if links)
    assert not page.targets or links
    assert not re.search(r"@[a-zA-Z0-9]", page.words), "a mention"
    assert not re.search(r"(?<![\w&])#\d|\bGH-\d", page.words), "a reference"
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x1b]", text), "direction marks, escape codes"
    assert not re.search(r"^::|^##\[", text, re.MULTILINE), "a workflow command"
    for rows in page.tables:
        assert len(set(rows)) == 1, "a table's row has other cells than its head"
    return page
