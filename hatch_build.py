"""What the package carries beside its modules: the workflow templates, and the commit it was built from."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMIT = "mlops_ci/commit"


class Carry(BuildHookInterface):
    """`mlops-ci init` copies the templates and pins them to the commit; an editable install has both beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if self.target_name == "wheel":
            build_data["force_include"][str(Path(self.root, "workflows"))] = "mlops_ci/workflows"
        if commit := self._commit():
            self.folder = tempfile.TemporaryDirectory()
            written = Path(self.folder.name, "commit")
            written.write_text(f"{commit}\n", "ascii")
            build_data["force_include"][str(written)] = COMMIT

    def _commit(self) -> str:
        """The commit of a checkout without changes. A source distribution has it in a file already."""
        if not Path(self.root, ".git").exists():
            return ""
        changed = self._git("status", "--porcelain", "--untracked-files=no")
        return "" if changed is None or changed else self._git("rev-parse", "HEAD") or ""

    def _git(self, *words: str) -> str | None:
        try:
            return subprocess.run(
                ["git", *words], cwd=self.root, check=True, capture_output=True, text=True
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None
