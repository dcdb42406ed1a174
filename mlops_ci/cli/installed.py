"""What came with this mlops-ci: the workflow templates, and the commit that it is."""

from __future__ import annotations

import json
import re
from importlib import metadata, resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_ci.errors import MlopsError

SHA = re.compile(r"[0-9a-f]{40}")
PACKAGE = "mlops_ci"


def templates() -> dict[str, str]:
    """The workflows that `init` copies, by name: those in the package, or those of the checkout it runs from."""
    packed = Path(str(resources.files(PACKAGE).joinpath("workflows")))
    checkout = _checkout()
    folder = packed if packed.is_dir() or checkout is None else checkout / "workflows"
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.yml"))}


def own_commit() -> str:
    """The full SHA of mlops-ci's commit: written into the package when it was built, or recorded by pip, or of the
    checkout; '' where none of them knows. A checkout with changes is no commit."""
    packed = resources.files(PACKAGE).joinpath("commit")
    if packed.is_file() and SHA.fullmatch(found := packed.read_text("ascii").strip()):
        return found
    if SHA.fullmatch(found := _recorded()):
        return found
    checkout = _checkout()
    if checkout is None:
        return ""
    # Actions unpacks a pinned action, without its .git, into a folder that is named by the pin.
    return checkout.name if SHA.fullmatch(checkout.name) else _head(checkout)


def _checkout() -> Path | None:
    """The folder of the repository that we run from; None for an installed package."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "action.yml").is_file() else None


def _recorded() -> str:
    """The commit that pip installed from, as it records it (PEP 610)."""
    try:
        text = metadata.distribution("mlops-ci").read_text("direct_url.json")
        document = json.loads(text or "{}")
        return str(document.get("vcs_info", {}).get("commit_id", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return ""


def _head(checkout: Path) -> str:
    from mlops_ci.io.git import Git

    try:
        git = Git.open(checkout)
        return git.head() if git.root == checkout and not git.dirty() else ""
    except MlopsError:
        return ""


def github_name(url: str, folder: Path) -> str:
    """`acme/churn` of a clone from GitHub, as GITHUB_REPOSITORY has it; else `OWNER/churn`."""
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    found = path.strip("/").removesuffix(".git")
    if "github" in url and re.fullmatch(r"[\w.-]+/[\w.-]+", found, re.ASCII):
        return found
    # It stands in a command to copy.
    return "OWNER/" + re.sub(r"[^\w.-]", "-", repository_name(url, folder), flags=re.ASCII)


def repository_name(url: str, folder: Path) -> str:
    """`churn` of git@github.com:acme/churn.git; without a remote, the folder's name."""
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    return unquote(path).rstrip("/").rpartition("/")[2].removesuffix(".git") or folder.name
