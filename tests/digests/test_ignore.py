"""`.dvcignore` is read by git's rules: git itself is asked."""

from __future__ import annotations

import pytest

from mlops_ci.digests.ignore import Ignored
from tests.digests.repository import Repository

FILES = (
    "a.md", "src/a.md", "src/b.py", "docs/x.txt", "src/docs/x.txt", "data/raw/1.csv", "data/raw/2.csv",
    "data/deep/er/3.csv", "src/keep.md", "foo bar.txt", "#hash", "!bang", "build/out/a.o", "a/b/c/d.txt", "x.log",
    "x.lo", "src/x.log", "ab.txt", "sub/only.txt", "sub/in/only.txt", "only.txt", "trailing ",
)  # fmt: skip
PATTERNS = (
    "*.md",
    "/*.md",
    "docs/",
    "/docs",
    "src/docs",
    "data/**",
    "data/**/3.csv",
    "**/only.txt",
    "a/**/d.txt",
    "*.lo[gx]",
    "x.lo?",
    "[!a]b.txt",
    "[^x]b.txt",
    "*.md\n!src/keep.md",
    "src/\n!src/keep.md",
    "\\#hash",
    "\\!bang",
    "foo\\ bar.txt",
    "*.txt   ",
    "# only a comment\n\n",
    "build/out/",
    "data/*/1.csv",
    "data/raw",
    "*",
    "*\n!*/\n!*.csv",
    "**",
    "a*b.txt",
    "/sub/*",
    "b",
)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("folder", ["", "src/", "sub/"])
def test_as_git_reads_it(repository: Repository, pattern: str, folder: str) -> None:
    for name in FILES:
        repository.write(name)
    repository.write(f"{folder}.dvcignore", pattern + "\n")
    ours = Ignored(repository.project().tree, [f"{folder}.dvcignore"])
    found = {name for name in FILES if name in ours}
    repository.write(f"{folder}.gitignore", pattern + "\n")
    seen = set(repository.git("ls-files", "-z", "--others", "--ignored", "--exclude-standard").split("\0"))
    assert found == seen & set(FILES)
