"""mlops.yaml: what is accepted, and one clear error for everything that is not."""

from __future__ import annotations

import os
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
SECRET = "hunter2-secret"


def read(text: str | bytes, **environ: str) -> Config:
    content = text.encode() if isinstance(text, str) else text
    return load_bytes(content, path=Path("mlops.yaml"), root=Path("/repository"), environ=environ)


def refused(text: str | bytes, **environ: str) -> str:
    """The whole error as a person reads it."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    assert caught.value.exit_code == 2
    return f"{caught.value}\n{caught.value.hint}"


def model(text: str) -> str:
    """A config of one model, `text` being the inside of its map."""
    return f"version: 1\nmodels: {{a: {{{text}}}}}\n"


def test_the_design_example_in_short() -> None:
    config = read(GOOD)
    model = config.models["flight-delay"]
    assert model.evaluate is not None
    assert model.evaluate.gates[0].min == 0.6
    assert model.train.target == "train"
    assert model.champion_environment == "production"
    assert config.where("models.flight-delay.evaluate.gates[0].metric") == "mlops.yaml:9"


def test_a_byte_order_mark_changes_nothing() -> None:
    assert read(b"\xef\xbb\xbf" + GOOD.encode()) == read(GOOD)


def test_an_unknown_key_names_line_nearest_key_and_meaning_once() -> None:
    said = refused(GOOD.replace("label:", "lable:"))
    assert said.splitlines() == [
        "mlops.yaml:6: models.flight-delay.evaluate has no key 'lable'",
        "did you mean 'label'?  (the column with the truth)",
    ]


def test_every_problem_of_a_file_is_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace("label: delayed", "lable: delayed").replace("min: 0.6", "min: high")
    text += "  other: {evaluate: {holdout: h.csv, label: y, metrics: [f1], gates: [{metric: f1, min: 60}]}}\n"
    said = refused(text).splitlines()
    assert said[0].startswith("mlops.yaml:6: models.flight-delay.evaluate has no key 'lable'")
    assert said[2].startswith("and mlops.yaml:9: models.flight-delay.evaluate.gates[0].min must be a number")
    assert said[4] == "and mlops.yaml:10: models.other.evaluate.gates[0].min: 'f1' lies between 0 and 1"


def test_hundreds_of_problems_are_counted_not_listed() -> None:
    said = refused("version: 1\nmodels:\n" + "".join(f"  m{i}: {{nonsense: 1}}\n" for i in range(300)))
    assert said.splitlines()[-1] == "and 279 more"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1", "version: 2", "mlops.yaml:1: version must be 1"),
        ("version: 1", "version: '1'", "version must be 1"),
        ("version: 1", "version: true", "version must be 1"),
        ("version: 1\n", "", "mlops.yaml: the file lacks 'version'"),
        ("models:", "modles:", "did you mean 'models'?"),
        ("[roc_auc]", "[rocauc]", "did you mean 'roc_auc'?"),
        ("[roc_auc]", "[rmse]", "'rmse' does not fit the task 'classification'"),
        ("[roc_auc]", "[roc_auc, roc_auc]", "'roc_auc' is there already"),
        ("[roc_auc]", "roc_auc", "must be a list, but is text"),
        ("[roc_auc]", "[{name: profit, function: 'm:f'}]", "does not say which way is better"),
        ("[roc_auc]", "[{name: roc_auc, function: 'm:f', direction: higher}]", "cannot be your own function"),
        ("[roc_auc]", "[{name: roc_auc, direction: lower}]", "of 'roc_auc', higher is better"),
        ("[roc_auc]", "[{name: roc_auc, options: {k: 3}}]", "'roc_auc' has no option 'k'"),
        (
            "[roc_auc]",
            "[{name: p, function: 'm:f', direction: lower, options: {k: 3}}]",
            "options are for known",
        ),
        ("[roc_auc]", "[{name: p, function: 'm.f', direction: lower}]", "function does not have the form it needs"),
        ("{metric: roc_auc, min: 0.6}", "{metric: f1, min: 0.6}", "'f1' is not among the metrics"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc}", "needs 'min', 'max' or 'against'"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 0.6, max: 0.5}", "nothing can pass"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 60}", "write 60 % as 0.6"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 0.6, margin: 0.1}", "'margin' needs 'against'"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 0.6, against: production}", "write two gates"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, against: moon}", "no environment 'moon'"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, against: ''}", "'against' is empty"),
        ("{metric: roc_auc, min: 0.6}", "{metric: roc_auc, min: 0.6, severity: Warn}", "did you mean 'warn'?"),
        ("min: 0.6", "min: high", "must be a number, but is text"),
        ("min: 0.6", "min: true", "must be a number, but is true or false"),
        ("min: 0.6", "min: .nan", "must be a finite number"),
        ("min: 0.6", "min: " + "9" * 400, "must be a finite number"),
        ("data/holdout.parquet", "/data/holdout.parquet", "must be a relative path"),
        ("data/holdout.parquet", "'C:\\h.parquet'", "must be a relative path"),
        ("data/holdout.parquet", "../../holdout.parquet", "leads out of the repository"),
        ("data/holdout.parquet", '"data/\\0.parquet"', "holds a control character"),
        ("flight-delay:", "Flight Delay:", "did you mean 'flight-delay'?"),
        ("flight-delay:", "..:", "has a name that is not allowed: '..'"),
        ("flight-delay:", "a/b:", "has a name that is not allowed: 'a/b'"),
        ("flight-delay:", ".hidden:", "has a name that is not allowed"),
        ("flight-delay:", "1:", "has a key that is not text: 1"),
        ("flight-delay:", "true:", "has a key that is not text: true"),
        ("flight-delay:", '"a\\n":', "has a key with a control character: 'a\\n'"),
        ("holdout: data", "holdout: ${DATA}", "uses the variable 'DATA', which is not set"),
        ("holdout: data", "holdout: ${my-data}", "'${my-data}', which names no variable"),
        ("holdout: data", "holdout: ${DATA", "has a '${' that is not closed"),
        ("holdout: data", "holdout: ${DATA:-${HOME}}", "has a variable within the default of 'DATA'"),
        ("min: 0.6", "min: ${LEAST}", 'e.g. "${NAME}"'),
        ("label: delayed", "label: delayed\n      group: delayed", "group is the label"),
    ],
)
def test_one_clear_error_each(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    said = refused(GOOD.replace(old, new))
    assert expected in said
    assert said.startswith("mlops.yaml:")


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("train: ", "train must be a map, but is empty"),
        ("environments: {p: }", "write '{}' for all defaults"),
        ("environments: {p: {canary: {steps: [50, 10]}}}", "steps must ascend"),
        ("environments: {p: {canary: {window: 5 min}}}", "window does not have the form it needs"),
        ("environments: {p: {canary: {window: 2h}}}", "the deadline of a step is before the end of its window"),
        ("environments: {p: {canary: {}}}", "no 'prometheus' is named"),
        ("environments: {p: {prometheus: localhost:9090}}", "prometheus does not have the form it needs"),
        ("environments: {p: {target: Kserve}}", "did you mean 'kserve'?"),
        ("environments: {p: {target: docker}}", "target 'docker' needs an image, and 'build.image' names none"),
        ("environments: {p: {target: kserve}}", "or serve the stored files with build: {mode: none}"),
        ("build: {mode: none}, environments: {p: {target: docker}}", "target 'docker' needs an image"),
        ("build: {base: 'python:3.12-slim'}", "models.a.build names no image"),
        ("build: {image: 'ghcr.io/acme/churn:latest'}", "image does not have the form it needs"),
        ("build: {image: 'ghcr.io/Acme/churn'}", "image does not have the form it needs"),
        ("environments: {p: {target: kserve}}", "serves in a namespace of the cluster, and none is named"),
        ("environments: {p: {target: kserve, namespace: n, canary: {}}}", "splits no traffic in Standard mode"),
        ("environments: {p: {resources: {limits: {memory: lots}}}}", "memory does not have the form it needs"),
        ("environments: {p: {requires: {verified_in: q}}}", "no environment 'q' comes before it"),
        ("validate: [{data: 'sqlite:///x.db', suite: s.json}]", "either 'table' or 'query'"),
        ("validate: [{data: x.csv, suite: s.json, table: t}]", "has a 'table', but its data is a file"),
        ("train: {environment: ../../r.txt}", "leads out of the repository"),
        ("train: {data: [./h.csv]}, evaluate: {holdout: h.csv, label: y}", "is also training data"),
        ("task: regression, evaluate: {holdout: h.csv, label: y, positive: x}", "no meaning for the task"),
        ("overrides: [{gate: g, reason: why, author: me, expires: 2026-02-30}]", "not a day of the calendar"),
        ("train: {model: out}}, b: {train: {model: ./out}", "models.b writes its model to './out', the same directory"),
        ("train: {model: out}}, b: {train: {model: out/b}", "into or around that of models.a"),
    ],
)
def test_what_a_model_may_not_say(inside: str, expected: str) -> None:
    assert expected in refused(model(inside))


@pytest.mark.parametrize(
    "inside",
    [
        "build: {image: 'ghcr.io/acme/churn'}, environments: {p: {target: kserve, namespace: n}, q: {target: docker}}",
        "build: {image: '127.0.0.1:5000/churn'}",
        "build: {image: 'localhost:5000/a/b_c/d-e.f'}",
        "build: {mode: none}, environments: {p: {target: kserve, namespace: n}}",
        "build: {}",
    ],
)
def test_what_a_model_may_say_of_its_image(inside: str) -> None:
    assert read(model(inside)).models["a"].build is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "the file is empty"),
        (b"# nothing yet\n", "the file is empty"),
        (b"- a\n- b\n", "the file is not a map"),
        (b"version: 1\nmodels: []\n", "models must be a map, but is a list"),
        (b"version: 1\nmodels:\n", "models must be a map, but is empty"),
        (b"version: 1\nmodels: {}\n", "models must not be empty"),
        (b"version: 1\n\tmodels: {}\n", "tab"),
        (b"version: 1\nversion: 1\nmodels: {}\n", "twice"),
        (b"version: 1\nmodels: {a: \xff}\n", "not UTF-8"),
        (GOOD.encode("utf-16"), "not UTF-8"),
        (b"version: 1\x00\n", "control character"),
        (b"a: 1\n---\nb: 2\n", "more than one document"),
        (b"version: 1\nmodels: {a: {path: !!python/name:os.system x}}\n", "tag"),
        (b"x: " + b"y" * (1 << 20), "1 MiB"),
        (b"x: " + b"[" * 5000 + b"]" * 5000, "levels deep"),
        (b"a: &a {b: *a}\n", "contains itself"),
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
    assert type(read(text, STORE="http://mlflow").tracking.uri) is str
    assert read(text).tracking.artifacts == "${HOME}"


def test_a_variable_may_bring_a_number() -> None:
    evaluate = read(GOOD.replace("min: 0.6", "min: '${LEAST}'"), LEAST="0.7").models["flight-delay"].evaluate
    assert evaluate is not None
    assert evaluate.gates[0].min == 0.7


def test_a_variable_that_looks_like_a_number_stays_text_where_text_belongs() -> None:
    evaluate = read(GOOD.replace("label: delayed", "label: ${LABEL}"), LABEL="2024").models["flight-delay"].evaluate
    assert evaluate is not None
    assert evaluate.label == "2024"


def test_keys_are_never_replaced() -> None:
    assert "has no key '${KEY}'" in refused(GOOD.replace("label:", "${KEY}: 1\n      label:"), KEY="group")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min: 0.6", "min: '${TOKEN}'"),
        ("version: 1", "version: ${TOKEN}"),
        ("data/holdout.parquet", "/x/${TOKEN}"),
        ("[roc_auc]", "['${TOKEN}']"),
        ("[roc_auc]", "[{name: '${TOKEN}'}]"),
        ("metric: roc_auc", "metric: '${TOKEN}'"),
        ("min: 0.6", "against: '${TOKEN}'"),
        ("min: 0.6", "min: 0.6, severity: '${TOKEN}'"),
        ("holdout: data/holdout.parquet", "holdout: ${TOKEN}\n      lable: x"),
    ],
)
def test_a_secret_from_the_environment_is_never_told(old: str, new: str) -> None:
    assert SECRET not in refused(GOOD.replace(old, new), TOKEN=SECRET)


def test_a_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no") as caught:
        load(tmp_path / "mlops.yaml", {})
    assert "--config" in caught.value.hint
    assert caught.value.docs == "configuration.md#a-complete-example"


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    for path, expected in (
        (tmp_path, "is a folder"),
        (tmp_path / "link", "link to nothing"),
        (tmp_path / "pipe", "no regular"),
    ):
        with pytest.raises(ConfigError, match=expected):
            load(path, {})
