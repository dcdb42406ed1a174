"""Which commit an mlops-ci is, however it came here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.cli.installed import github_name, repository_name, templates

ROOT = Path(__file__).parents[2]
COMMIT = "c" * 40
ASK = "from mlops_ci.cli.installed import own_commit; print(own_commit())"


def asked(folder: Path) -> str:
    """What the package in a folder says of itself."""
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {ASK}"]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the modules alone, under the name of a commit."""
    folder = tmp_path / COMMIT
    shutil.copytree(ROOT / "mlops_ci", folder / "mlops_ci", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_written_into_the_package(package: Path) -> None:
    (package / "mlops_ci/commit").write_text("d" * 40 + "\n")
    assert asked(package) == "d" * 40


def test_recorded_by_pip(package: Path) -> None:
    info = package / "mlops_ci-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlops-ci\nVersion: 0.1.0\n")
    recorded = {"url": "https://example.com/x.git", "vcs_info": {"vcs": "git", "commit_id": "e" * 40}}
    (info / "direct_url.json").write_text(json.dumps(recorded))
    assert asked(package) == "e" * 40


def test_a_checkout_and_what_actions_unpacks(package: Path) -> None:
    assert asked(package) == "", "a package alone knows nothing"
    (package / "action.yml").write_text("")
    assert asked(package) == COMMIT, "Actions names the folder by the pin"
    checkout = package.rename(package.with_name("checkout"))
    assert asked(checkout) == ""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    (checkout / ".git/info/exclude").write_text("__pycache__\n")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True)
    assert asked(checkout) == head.stdout.strip()
    (checkout / "action.yml").write_text("changed\n")
    assert asked(checkout) == ""


def test_the_templates_are_found() -> None:
    assert templates().keys() == {path.name for path in (ROOT / "workflows").glob("*.yml")}


@pytest.mark.parametrize(
    "url", ["git@github.com:acme/churn.git", "https://github.com/acme/churn", "ssh://git@host/acme/churn.git/", ""]
)
def test_the_name_of_a_repository(url: str) -> None:
    assert repository_name(url, Path("/somewhere/churn")) == "churn"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:acme/nb.git", "acme/nb"),
        ("https://github.com/acme/nb", "acme/nb"),
        ("ssh://git@github.acme.org/acme/nb.git", "acme/nb"),
        ("https://github.com/acme/$(id)", "OWNER/--id-"),
        ("https://example.org/acme/nb", "OWNER/nb"),
        ("", "OWNER/churn"),
    ],
)
def test_the_name_of_a_repository_at_github(url: str, name: str) -> None:
    assert github_name(url, Path("/somewhere/churn")) == name
