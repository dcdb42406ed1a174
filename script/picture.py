"""The comment of a real run as GitHub would show it: the body of script/picture.

Judges two branches of the flight-delay example in a temporary repository, renders the second's comment by GitHub's own
Markdown parser and Mermaid in a real browser, and writes docs/images/comment.png and the text it was made from.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import cmarkgfm
import demo
from cmarkgfm.cmark import Options
from playing import edits
from playing.repository import IDENTITY, MODEL, Demo
from playwright.sync_api import sync_playwright

from mlops_ci.cli.surroundings import settle
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.showing import About
from mlops_ci.report import comment
from mlops_ci.report.collect import Report, collect

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "comment.png"
MERMAID = "11.12.0"
RUN = "https://github.com/acme/flights/actions/runs/1"
CHART = re.compile(r'<pre lang="mermaid"><code>(.*?)</code></pre>', re.DOTALL)
MOST = 150_000  # bytes of the picture
WIDTH = 830  # pixels, as wide as a comment is
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
STYLE = """
body { margin: 0; padding: 16px; background: #fff; color: #1f2328; font: 14px/1.5 system-ui, sans-serif; }
main { border: 1px solid #d0d7de; border-radius: 6px; overflow: hidden; }
header { background: #f6f8fa; border-bottom: 1px solid #d0d7de; padding: 8px 16px; color: #59636e; }
header b { color: #1f2328; }
header i { font-style: normal; border: 1px solid #d0d7de; border-radius: 2em; padding: 0 7px; }
article { padding: 16px; }
h2 { font-size: 1.5em; margin: 0 0 16px; padding-bottom: .3em; border-bottom: 1px solid #d1d9e0b3; }
p, table, details, pre { margin: 0 0 16px; }
table { border-collapse: collapse; display: block; overflow: auto; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; } tr:nth-child(2n) td { background: #f6f8fa; }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; font: 85% ui-monospace, monospace; }
a { color: #0969da; } summary { cursor: pointer; } details { margin-bottom: 4px; }
.mermaid { text-align: center; } .mermaid svg { max-height: 260px; }
"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A comment</title><style>{style}</style>
<main><header><b>github-actions</b> <i>bot</i> commented</header><article>{body}</article></main>"""


def judged(home: Path) -> None:
    """The demo's first two pull requests: a first model, merged, and a better one on top of it."""
    played = Demo(home)
    try:
        demo.begin(played)
        played.pull_request(1, "Bring the first model", "first-model", edits.bring_the_example, expect=0)
        played.merge("first-model")
        played.promote()
        played.pull_request(2, "Let the trees grow", "grow", edits.params(iterations=40, leaves=15), expect=0)
    finally:
        played.stop()


def comment_of(home: Path) -> str:
    """The comment on what was judged last in a repository."""
    (model,) = collect(Workspace(home), [MODEL]).models
    about = About(head=model.results[0].origin.commit, pull=2, expected=(MODEL,), run_url=RUN)
    return comment.render(Report(models=(model,)), about)


def page(text: str) -> str:
    """The comment as HTML, by GitHub's parser; its charts are for Mermaid to draw."""
    body = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)
    return PAGE.format(style=STYLE, body=CHART.sub(r'<div class="mermaid">\1</div>', body))


def mermaid(into: Path) -> Path:
    """Mermaid's own script, fetched from npm. Raises CalledProcessError where that can't be had."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(into), f"mermaid@{MERMAID}"]
    subprocess.run(command, cwd=into, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(into / f"mermaid-{MERMAID}.tgz") as archive:
        script = archive.extractfile("package/dist/mermaid.min.js")
        assert script is not None
        (into / "mermaid.js").write_bytes(script.read())
    return into / "mermaid.js"


def draw(text: str, into: Path, picture: Path) -> None:
    """Open the page in Chromium, let Mermaid draw, and keep what is to be seen. Raises where a chart can't be drawn."""
    source = into / "comment.html"
    source.write_text(page(text), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        shown = browser.new_page(viewport={"width": WIDTH, "height": 600})
        shown.goto(source.as_uri())
        shown.add_script_tag(path=mermaid(into))
        shown.evaluate("mermaid.initialize({startOnLoad: false}); mermaid.run({querySelector: '.mermaid'})")
        shown.screenshot(path=picture, full_page=True)
        browser.close()
    if (size := picture.stat().st_size) > MOST:
        raise SystemExit(f"{picture} has {size:,} bytes; at most {MOST:,} are wanted")


def main() -> int:
    """`picture.py [REPOSITORY [PICTURE]]`: of a repository that was judged already, or of the demo's second request."""
    os.environ.update(IDENTITY)
    settle(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(sys.argv[1]) if sys.argv[1:] else Path(folder, MODEL)
        if not sys.argv[1:]:
            home.mkdir()
            judged(home)
        picture = Path(sys.argv[2]) if sys.argv[2:] else PICTURE
        text = comment_of(home)
        draw(text, Path(folder), picture)
        picture.with_suffix(".md").write_text(text, "utf-8")
        print(f"{picture} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
