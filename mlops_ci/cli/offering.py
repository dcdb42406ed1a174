"""Files that a command would write: shown as a difference, asked about, written together, and what is left to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mlops_ci.cli.console import Console
from mlops_ci.cli.init_text import diff, document, left_to_do, outcome, standing
from mlops_ci.errors import RepositoryError
from mlops_ci.records.setting_up import Setup


def read_text(root: Path, path: str) -> str | None:
    """A file below `root`; None where there is none. Raises RepositoryError for what is no text."""
    try:
        return (root / path).read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError):
        raise RepositoryError(
            f"{path} is there and can't be read as text", hint="move it away, then run again"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Offering:
    """Files below `root`; `asking` lets a person refuse them."""

    root: Path
    console: Console
    asking: bool = False

    def finish(
        self, setup: Setup, *, write: bool, conflicts: Mapping[str, Sequence[int]] | None = None, then: str = ""
    ) -> int:
        """Show, ask once more, write, and say what is left."""
        from mlops_ci.io.many_files import write_all

        for line in (*diff(setup.drafts), *standing(setup)):
            self.console.show(line)
        if write and setup.drafts and self.asking and not click.confirm("Write this?", default=True, err=True):
            self.console.show("nothing was written")
            return 0
        if write and setup.drafts:
            write_all(
                self.root,
                {
                    draft.path: (None if draft.before is None else draft.before.encode(), draft.text.encode())
                    for draft in setup.drafts
                },
            )
        if self.console.json:
            self.console.document(document(setup, written=write, conflicts=conflicts or {}))
        for line in (
            outcome(setup, write=write),
            *left_to_do(setup.advice, width=self.console.width),
            *([then] if then and write else []),
        ):
            self.console.show(line)
        return 0
