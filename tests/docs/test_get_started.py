"""What the page for newcomers shows is what they see, and what the page of troubles quotes is said."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mlops_ci.cli.main import run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/get-started-github.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(PAGE) if kind == language]


def test_the_page_shows_what_init_and_check_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "churn"
    (home / "data").mkdir(parents=True)
    rows = "usage,age,churned\n" + "".join(f"{n / 7:.3f},{n / 3:.3f},{n % 2}\n" for n in range(40))
    (script,) = blocks("python")
    files = {
        "train.py": script,
        "data/train.csv": rows,
        "data/test.csv": rows,
        "requirements.txt": "mlflow==3\nprotobuf<7\npython-dateutil<3\n",
    }
    for path, text in files.items():
        (home / path).write_text(text)
    remote = ("remote", "add", "origin", "git@github.com:acme/churn.git")
    for words in (("init", "-q"), remote, ("add", "-A"), ("commit", "-qm", "Start")):
        subprocess.run(["git", *words], cwd=home, check=True)
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "100")

    assert run(["init", "--yes", "--pin", "a" * 40]) == 0
    said = capsys.readouterr().out
    left, checked, *_ = blocks("text")
    assert said.endswith(left)
    config, pipeline = blocks("yaml")
    assert (home / "mlops.yaml").read_text().endswith(config)
    assert yaml.safe_load((home / "dvc.yaml").read_text()) == yaml.safe_load(pipeline)

    assert run(["check"]) == 0
    found = capsys.readouterr().out
    assert without_digests(found) == without_digests(checked)


def without_digests(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", text)


def test_what_is_quoted_of_errors_is_said() -> None:
    """Each piece between dots of a message in the first column stands in the code."""
    places = [*(ROOT / "mlops_ci").rglob("*.py"), ROOT / "actions/setup/install.py"]
    code = "".join(path.read_text("utf-8") for path in places)
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a text of two lines
    rows = re.findall(r"^\| `([^|]+)` \|", (ROOT / "docs/troubleshooting.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 30
    pieces = [piece.strip(" ,:;'") for row in rows for piece in row.split("…")]
    assert [piece for piece in pieces if len(piece) > 5 and piece not in code] == []
