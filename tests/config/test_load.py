"""mlops.yaml: what is accepted, and one clear error for everything that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.config.load import load, load_bytes
from mlops_ci.config.types import Config
from mlops_ci.errors import ConfigError

GOOD = """\
version: 1
models:
  flight-delay:
    evaluate:
      holdout: data/holdout.parquet
      label: delayed
      metrics: [roc_auc]
      gates:
        - {metric: roc_auc, min: 0.6}
"""


def read(text: str | bytes, **environ: str) -> Config:
    content = text.encode() if isinstance(text, str) else text
    return load_bytes(content, path=Path("mlops.yaml"), root=Path("/repository"), environ=environ)


def refused(text: str | bytes, **environ: str) -> str:
    """The whole error as a person reads it."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    assert caught.value.exit_code == 2
    return f"{caught.value}\n{caught.value.hint}"


def test_the_design_example_in_short() -> None:
    config = read(GOOD)
    model = config.models["flight-delay"]
    assert model.evaluate is not None
    assert model.evaluate.gates[0].min == 0.6
    assert model.train.target == "train"
    assert model.champion_environment == "production"
    assert config.where("models.flight-delay.evaluate.gates[0].metric") == "mlops.yaml:9"


def test_an_unknown_key_names_line_nearest_key_and_meaning() -> None:
    said = refused(GOOD.replace("label:", "lable:"))
    assert said.startswith("mlops.yaml:6: models.flight-delay.evaluate has no key 'lable'")
    assert "did you mean 'label'?" in said
    assert "lacks 'label'" in said, "every problem of a file is told at once"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1", "version: 2", "version must be 1"),
        ("models:", "modles:", "did you mean 'models'?"),
        ("[roc_auc]", "[rocauc]", "did you mean 'roc_auc'?"),
        ("[roc_auc]", "[rmse]", "'rmse' does not fit the task 'classification'"),
        ("[roc_auc]", "roc_auc", "must be a list, but is text"),
        ("[roc_auc]", "[{name: profit, function: 'm:f'}]", "does not say which way is better"),
        ("{metric: roc_auc, min: 0.6}", "{metric: f1, min: 0.6}", "'f1' is not among the metrics"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc}", "needs 'min', 'max' or 'against'"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 0.6, max: 0.5}", "nothing can pass"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, against: moon}", "no environment 'moon'"),
        ("min: 0.6", "min: high", "must be a number, but is text"),
        ("data/holdout.parquet", "/data/holdout.parquet", "must be a relative path"),
        ("data/holdout.parquet", "../../holdout.parquet", "leads out of the repository"),
        ("flight-delay:", "Flight Delay:", "has a name that is not allowed"),
        ("flight-delay:", "..:", "has a name that is not allowed"),
        ("holdout: data", "holdout: ${DATA}", "uses the variable 'DATA', which is not set"),
    ],
)
def test_one_clear_error_each(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert expected in refused(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "the file is empty"),
        (b"- a\n- b\n", "the file is not a map"),
        (b"version: 1\nmodels: []\n", "models must be a map, but is a list"),
        (b"version: 1\n\tmodels: {}\n", "tab"),
        (b"version: 1\nversion: 1\nmodels: {}\n", "twice"),
        (b"version: 1\nmodels: {a: \xff}\n", "not UTF-8"),
        (b"a: 1\n---\nb: 2\n", "more than one document"),
        (b"version: 1\nmodels: {a: {path: !!python/name:os.system x}}\n", "tag"),
        (b"x: " + b"y" * (1 << 20), "1 MiB"),
    ],
)
def test_documents_that_are_no_config(text: bytes, expected: str) -> None:
    assert expected in refused(text)


def test_an_anchor_bomb_is_defused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "values" in refused("\n".join(lines))


def test_variables_are_replaced_in_values_and_escaped_by_a_dollar() -> None:
    text = GOOD + "tracking: {uri: '${STORE:-sqlite:///x.db}', artifacts: '$${HOME}'}\n"
    assert read(text).tracking.uri == "sqlite:///x.db"
    assert read(text, STORE="http://mlflow").tracking.uri == "http://mlflow"
    assert read(text).tracking.artifacts == "${HOME}"


def test_a_secret_from_the_environment_is_never_told() -> None:
    said = refused(GOOD.replace("min: 0.6", "min: '${TOKEN}'"), TOKEN="hunter2-secret")
    assert "hunter2" not in said


def test_two_models_that_write_one_directory() -> None:
    text = "version: 1\nmodels: {a: {train: {model: out}}, b: {train: {model: out}}}\n"
    assert "models.b writes 'out', and so does a" in refused(text)


def test_a_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no") as caught:
        load(tmp_path / "mlops.yaml", {})
    assert "--config" in caught.value.hint


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not readable"):
        load(tmp_path, {})
