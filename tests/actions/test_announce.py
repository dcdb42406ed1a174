"""What a workflow is told: outputs, annotations, summary. Text from outside stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mlops_ci.cli import announce
from mlops_ci.cli.main import run
from mlops_ci.github.commands import Annotation, annotate
from mlops_ci.github.outputs import render
from mlops_ci.records.results import Check, Failure, Severity, StageResult, Status
from tests.digests.repository import Repository

HOSTILE = "a\nb=c\n::error::x\r\n%0A${{ github.token }}"
LINES = re.compile(r"(?P<name>[\w-]+)<<(?P<end>[\w-]+)\n(?P<value>.*?)\n(?P=end)\n", re.DOTALL)


def parsed(text: str) -> dict[str, str]:
    """A file of outputs, read as the runner reads it."""
    return {found["name"]: found["value"] for found in LINES.finditer(text)}


def test_any_value_is_one_value() -> None:
    assert parsed(render({"one": HOSTILE, "two": ""})) == {"one": HOSTILE, "two": ""}
    assert render({"a": "x"}) != render({"a": "x"}), "nobody knows the end before"


def test_an_annotation_is_one_command() -> None:
    command = Annotation(level="error", title=HOSTILE, message=HOSTILE, file="a,b:c.yaml", line=3).command()
    assert command.startswith("::error file=a%2Cb%3Ac.yaml,line=3,title=a%0Ab=c%0A%3A%3Aerror")
    assert "\n" not in command
    assert "\r" not in command


def test_of_many_annotations_nine_are_shown_and_the_rest_counted() -> None:
    found = [Annotation(level="error", title="t", message=str(number)) for number in range(30)]
    lines = list(annotate([*found, Annotation(level="warning", title="t", message="w")]))
    assert len(lines) == 11
    assert lines[9] == "::error title=mlops-ci::21 more are in the report"
    assert len(list(annotate(found[:10]))) == 10


def test_findings_point_at_their_line() -> None:
    result = StageResult(
        stage="evaluate",
        model="toy",
        status=Status.FAILED,
        failure=Failure(message="no such column", hint="did you mean 'label'?", where="mlops.yaml:14"),
        checks=(
            Check(name="auc", status=Status.FAILED, message="0.5 < 0.6", where="mlops.yaml:20"),
            Check(name="size", status=Status.FAILED, severity=Severity.WARN, message="large", where="dvc.yaml"),
            Check(name="waived", status=Status.FAILED, override="until Friday"),
            Check(name="fine", status=Status.PASSED),
            Check(name="stage", status=Status.FAILED, where="models/dvc.yaml:3"),
        ),
    )
    lines = list(annotate(list(announce.findings(result, "models/"))))
    assert lines == [
        "::error file=models/mlops.yaml,line=14,title=evaluate toy::no such column%0Adid you mean 'label'?",
        "::error file=models/mlops.yaml,line=20,title=evaluate toy::auc: 0.5 < 0.6",
        "::error file=models/dvc.yaml,line=3,title=evaluate toy::stage: failed",
        "::warning file=models/dvc.yaml,title=evaluate toy::size: large",
        "::warning title=evaluate toy::waived: failed",
    ]


def test_a_summary_is_added_and_never_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    announce.summarise("first")
    announce.summarise("é" * 600_000)
    text = path.read_bytes()
    assert text.startswith(b"first\n")
    assert len(text) < 1_000_000
    assert text.endswith(b"_The full report has everything._\n\n")


@pytest.fixture
def outputs(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose model is affected, under a workflow."""
    repository.pipeline()
    repository.write("mlops.yaml", "version: 1\nmodels:\n  toy: {}\n")
    repository.commit("A model")
    path = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(path))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.chdir(repository.root)
    return path


def test_the_models_of_a_pull_request_are_a_matrix(outputs: Path, repository: Repository) -> None:
    assert run(["affected"]) == 0
    found = parsed(outputs.read_text())
    assert set(found) == set(announce.OUTPUTS)
    assert json.loads(found["models"]) == ["toy"]
    assert (found["passed"], found["skipped"]) == ("true", "false")


def test_an_empty_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([""]) == 2
    assert "no command is named; of an action, set 'run' or 'stage'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("work/models/mlops.yaml", "file=models/mlops.yaml,line=2,"),
        ("work/mlops.yaml", "file=mlops.yaml,line=2,"),
        ("elsewhere/mlops.yaml", ""),
    ],
)
def test_an_error_before_any_result_points_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: str, place: str
) -> None:
    """Wherever in the checkout the config is; and no file is named that is not of the checkout."""
    for folder in ("work/models", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / config).write_text("version: 1\nmodles: {}\n")
    monkeypatch.chdir(tmp_path / "work/models")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "work"))
    assert run(["check", "--config", f"../../{config}"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("::error")]
    assert line.startswith(f"::error {place}title=mlops-ci::")
    assert "modles" in line


def test_a_command_that_an_error_ended_has_not_passed(
    outputs: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step's output says so, and the summary has the error as text, whatever is in it."""
    summary = outputs.with_name("summary")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    repository.write("mlops.yaml", "version: 1\nmodels:\n  toy: {tarin: '```x'}\n")
    assert run(["affected"]) == 2
    assert parsed(outputs.read_text()) == {"passed": "false"}
    text = summary.read_text()
    assert text.startswith("```text\nerror: mlops.yaml:3: ")
    assert "tarin" in text
    assert text.count("```") == 2


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["deploy"], {}, "Missing option '--environment'."),
        (["affected"], {"MLOPS_CI_ALL": "maybe"}, "Invalid value for '--all': 'maybe' is not a valid boolean"),
        (["::error::x"], {}, "no command '::error::x'; see --help"),
        ([], {}, "no command is named"),
    ],
)
def test_an_error_of_usage_is_annotated_too(
    words: list[str],
    variables: dict[str, str],
    said: str,
    outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("::")]
    assert line.startswith(f"::error title=mlops-ci::{said}")
    assert parsed(outputs.read_text()) == {"passed": "false"}
