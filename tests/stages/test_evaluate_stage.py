"""Judging candidates against champions, with real models, real scoring and a real MLflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.config.types import Environment, Gate, MetricSpec, Override, Serving, Slice
from mlops_ci.errors import ConfigError, DataError, StageFailed
from mlops_ci.ports.scoring import ScoringJob
from mlops_ci.records.models import Candidate
from mlops_ci.records.plans import Action
from mlops_ci.records.results import Severity, Status, Verdict
from mlops_ci.records.showing import About
from mlops_ci.report import comment, html, markdown, terminal
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.headline import headline
from mlops_ci.stages.judged import moved_champion
from mlops_ci.stages.plan import evaluate_step
from tests.stages.judging import PYTHON, Lab, checks, details, rows

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FIRST: dict[str, Any] = {"first_model": "allow"}
OWN = """\
def miss(y_true, y_score):
    return float(((y_true - y_score) ** 2).mean())

def fixed(y_true, y_score):
    return 1.0 if len(set(y_score[:5].tolist())) else 0.0

def rare(y_true, y_score, rows):
    return float("nan") if rows["a"].duplicated().any() else 0.5
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Models `weak` (a), `strong` (a, b), `kinds` (three classes), `minutes` (a regression), scored once; `signed` and
    `renamed` are the first two with signatures."""
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    home = tmp_path_factory.mktemp("lab")
    (home / "data").mkdir()
    train, holdout = rows(1), rows(2)
    train.to_parquet(home / "data/train.parquet")
    holdout.to_parquet(home / "data/holdout.parquet")
    (home / "own_lab_metrics.py").write_text(OWN)
    saved: dict[str, Any] = {
        "weak": LogisticRegression().fit(train[["a"]], train["label"]),
        "strong": LogisticRegression().fit(train[["a", "b"]], train["label"]),
        "kinds": LogisticRegression().fit(train[["a", "b"]], train["kind"]),
        "minutes": LinearRegression().fit(train[["a", "b"]], train["minutes"]),
    }
    options: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
    (home / "predictions").mkdir()
    (home / "empty").mkdir()
    for name, model in saved.items():
        mlflow.sklearn.save_model(model, home / "models" / name, **options)
    for name, same_as, columns, answer in (("signed", "weak", "a", "label"), ("renamed", "strong", "ab", "answer")):
        inputs, outputs = Schema([ColSpec("double", column) for column in columns]), Schema([ColSpec("long", answer)])
        signature = ModelSignature(inputs=inputs, outputs=outputs)
        mlflow.sklearn.save_model(saved[same_as], home / "models" / name, signature=signature, **options)
    for name in ("weak", "strong"):
        job = ScoringJob(
            model_directory=home / "models" / name,
            data=home / "data/holdout.parquet",
            label="label",
            group="",
            task="classification",
            classes=("0", "1"),
            positive="1",
            predictions=home / "predictions" / f"{name}.parquet",
            smoke=home / "predictions" / f"{name}.smoke.json",
        )
        SubprocessScorer(environ=os.environ).score(
            job, interpreter=PYTHON, cwd=home / "empty", log=home / "log", timeout=120
        )
    for name, same_as in (("signed", "weak"), ("renamed", "strong")):
        copyfile(home / "predictions" / f"{same_as}.parquet", home / "predictions" / f"{name}.parquet")
    yield Lab(root=home)


def test_the_first_model(lab: Lab) -> None:
    candidate = lab.train("first", "weak", stored=False)
    result = lab.judge(lab.model("first", **FIRST), candidate)
    assert result.status is Status.PASSED
    assert details(result).verdict is Verdict.FIRST
    assert checks(result)["roc_auc vs production"].status is Status.SKIPPED
    assert checks(result)["champion"].message.startswith("there is none in production yet")
    judged = lab.tracker.load(candidate.run_id).judgement
    assert judged is not None
    assert (judged.verdict, judged.passed, judged.digest) == (Verdict.FIRST, True, "rules")
    assert lab.scored() == ["candidate"]
    lab.judge(lab.model("first", **FIRST), candidate)
    assert lab.scored() == [], "its predictions were kept with the judgement"


def test_no_champion_is_red_unless_allowed(lab: Lab) -> None:
    candidate = lab.train("lonely", "weak")
    result = lab.judge(lab.model("lonely"), candidate)
    assert result.status is Status.FAILED
    assert result.exit_code == 10
    assert [check.name for check in result.checks if check.red] == ["champion"]
    assert "first_model: allow" in checks(result)["champion"].message
    assert details(result).verdict is None
    judged = lab.tracker.load(candidate.run_id).judgement
    assert judged is not None
    assert not judged.passed


def test_no_champion_is_red_without_any_gate(lab: Lab) -> None:
    result = lab.judge(lab.model("gateless", gates=()), lab.train("gateless", "weak"))
    assert [check.name for check in result.checks if check.red] == ["champion"]
    assert checks(result)["gates"].severity is Severity.WARN, "and nothing was decided"


def test_better_and_worse(lab: Lab) -> None:
    weak, strong = lab.train("pair", "weak"), lab.train("pair", "strong")
    model = lab.model("pair", slices=(Slice(by="c", metric="roc_auc", max_drop=0.05),))
    lab.crown(weak)
    better = lab.judge(model, strong)
    assert better.status is Status.PASSED
    found = details(better)
    assert found.verdict is Verdict.BETTER
    assert found.champion_version == "1"
    assert found.champion_predictions == "stored"
    assert lab.scored() == [], "both have their predictions under the holdout's hash"
    assert [(item.name, item.old, item.new) for item in found.param_changes] == [("saved", "weak", "strong")]
    assert found.flips is not None
    assert found.flips.mended > found.flips.broken
    assert sum(item.mended for item in found.flips_by_slice.values()) == found.flips.mended
    assert {chart.kind for chart in found.charts} >= {"roc", "calibration", "score-differences"}
    lab.crown(strong)
    worse = lab.judge(model, weak)
    assert worse.status is Status.FAILED
    assert details(worse).verdict is Verdict.WORSE
    assert {"roc_auc vs production", "roc_auc by c"} <= {check.name for check in worse.checks if check.red}
    assert checks(worse)["roc_auc >= 0.6"].status is Status.PASSED
    assert checks(worse)["roc_auc vs production"].where == "mlops.yaml: models.pair.evaluate.gates[1]"
    mirrored = details(worse).metrics[0].difference
    assert mirrored is not None
    assert found.metrics[0].difference is not None
    assert mirrored.value == pytest.approx(-(found.metrics[0].difference.value or 0))


def test_every_champion_that_was_met_is_kept_and_one_that_moves_is_noticed(lab: Lab) -> None:
    against = tuple(Gate(metric="roc_auc", against=name, margin=0.5) for name in ("production", "staging"))
    weak, strong = lab.train("many", "weak"), lab.train("many", "strong")
    model = lab.model("many", gates=against, **FIRST)
    lab.crown(weak)

    def judged() -> Candidate:
        lab.judge(model, strong)
        return lab.tracker.load(strong.run_id)

    found = judged()
    assert found.judgement is not None
    assert found.judgement.champion == weak.model_digest
    assert found.judgement.champions == {"production": weak.model_digest, "staging": ""}
    assert moved_champion(model, found, lab.registry) == ""
    old = replace(found, judgement=replace(found.judgement, champions={}))
    lab.crown(weak, "staging")
    assert moved_champion(model, found, lab.registry) == "staging"
    assert moved_champion(model, old, lab.registry) == "", "it knows of the first alone"
    again = judged()
    assert moved_champion(model, again, lab.registry) == ""
    lab.crown(strong, "staging")
    assert moved_champion(model, again, lab.registry) == "", "the candidate itself may lead"


def test_only_what_decides_has_a_verdict(lab: Lab) -> None:
    lab.crown(lab.train("decides", "weak"))
    strong = lab.train("decides", "strong")
    found = details(lab.judge(lab.model("decides"), strong))
    assert [item.verdict for item in found.metrics] == [Verdict.BETTER, None]
    found = details(lab.judge(lab.model("decides", gates=()), strong))
    assert [item.verdict for item in found.metrics] == [Verdict.BETTER, None], "the first metric, where no gate asks"


def test_the_champions_own_model(lab: Lab) -> None:
    lab.crown(lab.train("same", "weak"))
    again = lab.train("same", "weak", inputs_digest="other inputs, same model")
    gates = (
        Gate(metric="log_loss", against="production"),
        Gate(metric="log_loss", against="production", require="better"),
    )
    result = lab.judge(
        lab.model("same", gates=gates, metrics=(MetricSpec(name="log_loss"), MetricSpec(name="accuracy"))), again
    )
    found = details(result)
    assert found.verdict is Verdict.NON_INFERIOR
    assert found.verdict_reason == "this is the champion's own model"
    assert [(item.difference and item.difference.low) for item in found.metrics] == [0.0, 0.0]
    assert checks(result)["log_loss vs production"].status is Status.PASSED
    assert checks(result)["log_loss better than production"].red


def test_a_champion_is_scored_again_in_its_own_environment(lab: Lab) -> None:
    weak, strong = lab.train("again", "weak", stored=False), lab.train("again", "strong")
    lab.crown(weak)
    result = lab.judge(lab.model("again"), strong)
    assert details(result).champion_predictions == "scored"
    assert lab.scored() == ["champion-production"]
    assert any("was scored in its own Python 3." in note for note in details(result).notes)
    again = lab.judge(lab.model("again"), strong)
    assert lab.scored() == [], "tomorrow it needs no scoring"
    assert details(again).metrics == details(result).metrics


def test_predictions_of_other_rows_are_not_believed(lab: Lab, tmp_path: Path) -> None:
    strong = lab.train("shuffled", "strong")
    stored = pd.read_parquet(lab.root / "predictions/strong.parquet")
    stored["p1"] = stored["p1"].to_numpy()[::-1]
    stored["hash"] = stored["hash"].to_numpy()[::-1]
    stored.to_parquet(tmp_path / "p.parquet")
    lab.tracker.store(strong.run_id, f"predictions/{lab.holdout_digest}.parquet", tmp_path / "p.parquet")
    result = lab.judge(lab.model("shuffled", **FIRST), strong)
    assert any("are not used: the predictions belong to other rows" in line for line in lab.said)
    assert lab.scored() == ["candidate"]
    assert (details(result).metrics[0].candidate.value or 0) > 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_digest": "0" * 64}, "holds another model than the one it was registered with"),
        ({"files": {}}, "kept no environment"),
    ],
)
def test_a_champion_that_cannot_be_scored_is_red(lab: Lab, changes: dict[str, Any], words: str) -> None:
    name = f"lost{len(words)}"
    lab.crown(lab.train(name, "weak", stored=False, **changes))
    slices = (Slice(by="c", metric="roc_auc", max_drop=0.05),)
    result = lab.judge(lab.model(name, slices=slices), lab.train(name, "strong"))
    assert result.status is Status.FAILED
    assert details(result).verdict is None
    for gate in ("champion", "roc_auc vs production", "roc_auc by c"):
        assert checks(result)[gate].red
        assert words in checks(result)[gate].message
    assert checks(result)["roc_auc >= 0.6"].status is Status.PASSED
    gateless = lab.judge(lab.model(name, gates=()), lab.train(name, "strong"))
    assert gateless.status is Status.FAILED, "a champion is needed even where no gate names it"


@pytest.mark.parametrize(
    ("frame", "task", "label", "words"),
    [
        (rows(3).head(0), "classification", "label", "the holdout has no rows"),
        (rows(3).assign(label=1), "classification", "label", "the label holds one class only ('1')"),
        (rows(3).assign(label=[np.nan, *([0, 1] * 749), 1]), "classification", "label", "missing in 1 of 1,500 rows"),
        (
            rows(3),
            "classification",
            "minutes",
            "the label has 1,500 classes; if it is a number, set 'task: regression'",
        ),
        (rows(3).assign(minutes=2.5), "regression", "minutes", "the label is constant (2.5)"),
        (
            rows(3).assign(minutes=[np.nan, *range(1499)]),
            "regression",
            "minutes",
            "missing or infinite in 1 of 1,500 rows",
        ),
    ],
)
def test_a_holdout_that_nothing_can_be_judged_on(
    lab: Lab, frame: pd.DataFrame, task: str, label: str, words: str
) -> None:
    frame.to_parquet(lab.root / "data/bad.parquet")
    metric = "roc_auc" if task == "classification" else "rmse"
    model = lab.model(
        f"bad-{task}",
        task=task,
        holdout="data/bad.parquet",
        label=label,
        metrics=(MetricSpec(name=metric),),
        gates=(Gate(metric=metric, min=0.0),),
        slices=(Slice(by="c", metric=metric, max_drop=1.0),),
        serving=Serving(size_mb=100),
        **FIRST,
    )
    candidate = lab.train(f"bad-{task}", "weak")
    result = lab.judge(model, candidate)
    assert result.status is Status.FAILED
    assert words in checks(result)["holdout"].message
    assert all(check.red for check in result.checks)
    assert len(result.checks) == 4
    judged = lab.tracker.load(candidate.run_id).judgement
    assert judged is not None
    assert not judged.passed


def test_what_the_config_gets_wrong(lab: Lab) -> None:
    candidate = lab.train("wrong", "weak")
    with pytest.raises(ConfigError, match="no column 'lable'"):
        lab.judge(lab.model("wrong", label="lable"), candidate)
    with pytest.raises(DataError, match="there is no holdout at 'gone"):
        lab.judge(lab.model("wrong", holdout="data/gone.parquet"), candidate)
    with pytest.raises(ConfigError, match=r"evaluate\.positive is 'maybe', but the classes of 'label' are 0, 1"):
        lab.judge(lab.model("wrong", positive="maybe"), candidate)
    with pytest.raises(ConfigError, match="'kind' has 3 classes"):
        lab.judge(lab.model("wrong", label="kind", positive="low"), candidate)
    with pytest.raises(ConfigError, match="1,500 values; 1,000 are the most"):
        lab.judge(lab.model("wrong", slices=(Slice(by="a", metric="roc_auc", max_drop=0.1),)), candidate)
    own = (MetricSpec(name="miss", function="own_lab_metrics:miss", direction="lower"),)
    with pytest.raises(ConfigError, match="can't be measured in slices"):
        lab.judge(
            lab.model("wrong", metrics=own, gates=(), slices=(Slice(by="c", metric="miss", max_drop=1),)), candidate
        )


def test_training_rows_in_the_holdout(lab: Lab) -> None:
    pd.concat([rows(1), rows(2).iloc[:7]]).to_parquet(lab.root / "data/leaky.parquet")
    candidate = lab.train("leaky", "weak")
    leaky: dict[str, Any] = {"train_data": ("data/leaky.parquet",), **FIRST}
    result = lab.judge(lab.model("leaky", **leaky), candidate)
    check = checks(result)["no training rows in the holdout"]
    assert check.red
    assert check.message.startswith("7 holdout rows are in leaky.parquet too")
    assert details(result).overlap == 7
    result = lab.judge(lab.model("leaky", allow_overlap=True, **leaky), candidate)
    assert result.status is Status.PASSED
    assert checks(result)["no training rows in the holdout"].severity is Severity.WARN
    result = lab.judge(lab.model("leaky", train_data=("data/nothing*.parquet",), **FIRST), candidate)
    assert checks(result)["no training rows in the holdout"].red, "named, and not there to be compared"
    partly = ("data/train.parquet", "data/gone.parquet")
    result = lab.judge(lab.model("leaky", train_data=partly, **FIRST), candidate)
    check = checks(result)["no training rows in the holdout"]
    assert check.red, "one of two was never looked into"
    assert "gone.parquet" in check.message


def test_a_plan_says_whom_the_candidate_would_meet(lab: Lab) -> None:
    gates = (Gate(metric="roc_auc", against="staging"),)
    step = evaluate_step(lab.model("planned", gates=gates), registry=lab.registry)
    assert (step.action, step.exit_code) == (Action.BLOCKED, 10)
    assert "no champion in staging" in step.what
    step = evaluate_step(lab.model("planned", gates=gates, first_model="allow"), registry=lab.registry)
    assert (step.action, step.what) == (Action.DO, "judge alone, as the first model, on data/holdout.parquet")
    lab.crown(lab.train("planned", "weak"), "staging")
    step = evaluate_step(lab.model("planned", gates=gates), registry=lab.registry)
    assert step.what == "compare with staging's version 1, on data/holdout.parquet"


def test_own_metrics(lab: Lab) -> None:
    lab.crown(lab.train("own", "weak"))
    names = {"miss": "lower", "fixed": "higher", "rare": "higher"}
    model = lab.model(
        "own",
        metrics=tuple(MetricSpec(name=n, function=f"own_lab_metrics:{n}", direction=d) for n, d in names.items()),
        gates=(
            Gate(metric="miss", max=0.2),
            Gate(metric="miss", against="production", require="better"),
            Gate(metric="fixed", against="production"),
            Gate(metric="rare", against="production"),
        ),
    )
    result = lab.judge(model, lab.train("own", "strong"))
    found = details(result)
    miss = found.metrics[0]
    assert miss.verdict is Verdict.BETTER
    assert miss.difference is not None
    assert (miss.difference.high or 0) < 0
    truth, strong = rows(2)["label"], pd.read_parquet(lab.root / "predictions/strong.parquet")["p1"]
    assert miss.candidate.value == pytest.approx(float(((truth - strong) ** 2).mean()))
    assert checks(result)["miss better than production"].status is Status.PASSED
    assert checks(result)["fixed vs production"].status is Status.PASSED
    assert "no interval" in checks(result)["rare vs production"].message
    assert checks(result)["rare vs production"].red


def test_overrides(lab: Lab) -> None:
    lab.crown(lab.train("waived", "strong"))
    weak = lab.train("waived", "weak")
    gate = "roc_auc vs production"
    override = Override(gate=gate, reason="a holiday", author="ada", expires="2026-03-01")
    result = lab.judge(lab.model("waived", overrides=(override,)), weak)
    assert result.status is Status.PASSED
    assert checks(result)[gate].override == "a holiday (ada, until 2026-03-01)"
    assert details(result).verdict is Verdict.WORSE, "an override changes no verdict"
    with pytest.raises(ConfigError, match="expired on 2026-03-01") as caught:
        lab.judge(lab.model("waived", overrides=(override,)), weak, today=date(2026, 3, 2))
    assert caught.value.where == "mlops.yaml: models.waived.overrides[0]"
    with pytest.raises(ConfigError, match="names no gate: 'roc_auc vs prod'") as caught:
        lab.judge(lab.model("waived", overrides=(replace(override, gate="roc_auc vs prod"),)), weak)
    assert caught.value.hint == f"did you mean '{gate}'?"


def test_serving_limits(lab: Lab) -> None:
    """The real server is started and asked; what it costs is held against the limits."""
    candidate = lab.train("served", "weak", stored=False)
    limits = Serving(size_mb=0.001, p99_ms=10_000, memory_mb=10_000)
    result = lab.judge(lab.model("served", serving=limits, **FIRST), candidate)
    assert checks(result)["serving size_mb <= 0.001"].red
    facts = details(result).serving
    assert facts is not None
    assert facts.requests == 500
    assert 0 < facts.p50_ms <= facts.p99_ms < 10_000
    assert facts.memory_mb > 50
    assert checks(result)["serving p99_ms <= 10000"].status is Status.PASSED
    waived = (Override(gate="serving size_mb <= 0.001", reason="known", author="ada", expires="2027-01-01"),)
    result = lab.judge(lab.model("served", serving=limits, overrides=waived, **FIRST), candidate)
    assert result.status is Status.PASSED


def test_a_format_that_the_server_would_refuse_is_red_here(lab: Lab) -> None:
    """Told from the files, without a server; and what no server would load is neither scored nor measured."""
    candidate = lab.train("pickled", "weak")
    result = lab.judge(lab.model("pickled", served={"formats": ["skops"]}, **FIRST), candidate)
    found = checks(result)["serving formats"]
    assert found.red
    assert found.message.startswith("model.pkl is a pickle file, which is not allowed here; allowed formats: skops")
    assert "save the model in one of them, or add 'pickle'" in found.message
    assert found.where == "mlops.yaml: models.pickled.serving.formats"
    limits = Serving(p99_ms=10_000)
    result = lab.judge(lab.model("pickled", served={"formats": ["skops"]}, serving=limits, **FIRST), candidate)
    assert checks(result)["serving p99_ms <= 10000"].message == "not checked: the candidate was not loaded"
    assert "serving it for a moment, to measure" not in lab.said
    result = lab.judge(lab.model("pickled", served={"formats": ["pickle"]}, **FIRST), candidate)
    assert checks(result)["serving formats"].status is Status.PASSED
    assert result.status is Status.PASSED


def test_what_may_not_be_loaded_is_not_scored(lab: Lab) -> None:
    candidate = lab.train("unloaded", "weak", stored=False)
    strict = {"formats": ["skops"]}
    result = lab.judge(lab.model("unloaded", served=strict, **FIRST), candidate)
    assert lab.scored() == []
    assert [check.name for check in result.checks if check.status is Status.FAILED] == ["serving formats"]
    assert checks(result)["roc_auc >= 0.6"].message == "not checked: the candidate was not loaded"
    assert result.reason.startswith("the candidate was not loaded: model.pkl is a pickle file")
    waived = (Override(gate="serving formats", reason="known", author="ada", expires="2027-01-01"),)
    result = lab.judge(lab.model("unloaded", served=strict, overrides=waived, **FIRST), candidate)
    assert lab.scored() == ["candidate"], "who waives the gate has it loaded"
    assert (result.status, checks(result)["serving formats"].status) == (Status.PASSED, Status.FAILED)


def test_the_signature_is_compared_with_the_champions(lab: Lab) -> None:
    """No limit is set and no server runs: two MLmodel files tell it. What every report shows of it is red, too."""
    champion = lab.train("signed", "signed")
    lab.crown(champion)
    gates: Any = {"gates": (Gate(metric="roc_auc", min=0.6),)}
    renamed = lab.train("signed", "renamed")
    result = lab.judge(lab.model("signed", **gates), renamed)
    assert result.status is Status.PASSED, "a warning, unless the config says more"
    assert (checks(result)["signature"].status, checks(result)["signature"].severity) == (Status.FAILED, Severity.WARN)
    asked = lab.model("signed", serving=Serving(signature="compatible"), **gates)
    result = lab.judge(asked, renamed)
    found = checks(result)["signature"]
    words = "input b is new; output label is gone; output answer is new"
    assert (result.status, found.red, found.message) == (Status.FAILED, True, words)
    report = Report(models=(ModelReport(model=asked.name, results=(result,)),))
    about = About(head="a" * 40, pull=3, expected=(asked.name,), commits=("a" * 40,), run_url="")
    assert headline([result]) == f"RED at evaluate: signature: {words}"
    assert words in terminal.render([result], width=200)
    for text in (markdown.render(report), html.render(report), comment.render(report, about)):
        assert words in text
    same = checks(lab.judge(asked, champion))["signature"]
    assert (same.status, same.message) == (Status.PASSED, "nothing that a client of the champion would notice")
    bare = checks(lab.judge(asked, lab.train("signed", "strong")))["signature"]
    assert bare.red
    assert bare.message.startswith("it has no signature")


def test_slices_that_cannot_be_measured_are_red(lab: Lab) -> None:
    frame = rows(2).assign(part=np.where(rows(2)["label"] == 1, "late", "on time"))
    frame.to_parquet(lab.root / "data/parts.parquet")
    lab.crown(lab.train("parts", "weak", stored=False))
    model = lab.model(
        "parts",
        holdout="data/parts.parquet",
        slices=(
            Slice(by="part", metric="roc_auc", max_drop=0.5),
            Slice(by="c", metric="roc_auc", max_drop=0.5, min_rows=1400),
            Slice(by="a", metric="log_loss", max_drop=0.5, quantiles=4),
        ),
        redact=("a",),
    )
    result = lab.judge(model, lab.train("parts", "strong"))
    assert "roc_auc has no value in 2 slices that are large enough" in checks(result)["roc_auc by part"].message
    assert checks(result)["roc_auc by part"].red
    assert "no slice has 1,400 rows" in checks(result)["roc_auc by c"].message
    assert checks(result)["roc_auc by c"].red
    assert checks(result)["log_loss by a in 4 parts"].status is Status.PASSED
    shown = {item.value for item in details(result).slices if item.by == "a in 4 parts"}
    assert shown == {f"value {place} (redacted)" for place in range(1, 5)}


def test_a_handful_of_groups_proves_nothing(lab: Lab) -> None:
    """Three groups: the difference has no interval, the gate and the slices are red, and the report says why."""
    lab.crown(lab.train("grouped", "weak"))
    cut = Slice(by="kind", metric="roc_auc", max_drop=0.5, min_rows=50)
    model = lab.model("grouped", group="kind", slices=(cut,))
    result = lab.judge(model, lab.train("grouped", "strong"))
    reason = "an interval needs 10 independent groups, and there are 3"
    assert result.status is Status.FAILED
    for name in ("roc_auc vs production", "roc_auc by kind"):
        assert checks(result)[name].status is Status.ERROR
    assert reason in checks(result)["roc_auc vs production"].message
    assert "and there are 1" in checks(result)["roc_auc by kind"].message
    found = details(result)
    assert found.verdict is None
    assert found.verdict_reason == f"roc_auc has no interval: {reason}"
    assert f"roc_auc has no interval: {reason}" in found.notes
    assert "and there are 1" in found.slices[0].reason


def test_champions_of_two_environments(lab: Lab) -> None:
    lab.crown(lab.train("two", "weak"), "staging")
    strong = lab.train("two", "strong")
    lab.crown(strong, "production")
    gates = tuple(Gate(metric="roc_auc", against=name) for name in ("staging", "production", "elsewhere"))
    named = tuple(Environment(name=gate.against) for gate in gates)
    result = lab.judge(lab.model("two", gates=gates, environments=named), strong)
    assert checks(result)["roc_auc vs staging"].message.startswith("better")
    assert checks(result)["roc_auc vs production"].message.startswith("non-inferior")
    assert checks(result)["champion"].red, "there is none elsewhere"


def test_three_classes(lab: Lab) -> None:
    metrics = ("roc_auc", "log_loss", "accuracy", "f1", "top_k_accuracy")
    model = lab.model(
        "kinds",
        label="kind",
        metrics=tuple(MetricSpec(name=name, options={"k": 2} if "k" in name else {}) for name in metrics),
        gates=(Gate(metric="roc_auc", min=0.8), Gate(metric="top_k_accuracy", min=0.5, max=1.0)),
        **FIRST,
    )
    result = lab.judge(model, lab.train("kinds", "kinds", stored=False))
    assert result.status is Status.PASSED, result
    assert details(result).classes == ("high", "low", "middle")
    assert checks(result)["0.5 <= top_k_accuracy <= 1"].status is Status.PASSED
    assert [chart.kind for chart in details(result).charts] == ["roc", "pr", "calibration"]


def test_a_regression(lab: Lab) -> None:
    model = lab.model(
        "minutes",
        task="regression",
        label="minutes",
        metrics=tuple(MetricSpec(name=name) for name in ("rmse", "r2", "mape")),
        gates=(Gate(metric="rmse", max=1.2),),
        **FIRST,
    )
    result = lab.judge(model, lab.train("minutes", "minutes", stored=False))
    assert result.status is Status.PASSED
    assert details(result).metrics[1].candidate.value == pytest.approx(5 / 6, abs=0.05)


def test_a_candidate_that_cannot_be_scored_is_an_error(lab: Lab) -> None:
    candidate = lab.train("other-task", "kinds", stored=False)
    model = lab.model("other-task", task="regression", label="minutes", metrics=(), gates=(), **FIRST)
    with pytest.raises(StageFailed, match="a regression needs numbers"):
        lab.judge(model, candidate)
    assert lab.tracker.load(candidate.run_id).judgement is None
