"""Which models a branch changes, and the reasons it gives."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.config.load import load
from mlops_ci.errors import ConfigError, MlopsError, PipelineError
from mlops_ci.io.git import Git
from mlops_ci.records.affected import Affected
from mlops_ci.stages.affected import find_affected, find_base
from mlops_ci.stages.inputs import judgement_digest, model_inputs
from tests.digests.repository import Repository

CONFIG = """\
version: 1
models:
  toy:
    task: classification
    validate:
      - {data: data/raw.csv, suite: expectations/rows.json}
    train: {target: train}
    evaluate:
      holdout: data/holdout.csv
      label: y
      metrics: [roc_auc, {name: profit, function: "business.profit:compute", direction: higher}]
      gates:
        - {metric: roc_auc, min: 0.6}
      first_model: allow
    environments:
      production: {target: local}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A model on main, and a branch that is the same."""
    made = Repository.create(tmp_path / "repository")
    made.write("mlops.yaml", CONFIG)
    made.write("data/holdout.csv", "a,y\n1,1\n")
    made.write("expectations/rows.json", "{}")
    made.write("business/profit.py", "from business import rates\n")
    made.write("business/rates.py", "RATE = 1\n")
    made.pipeline()
    made.git("checkout", "-qb", "branch")
    return made


def all_affected(repository: Repository, base: str | None = None) -> dict[str, Affected]:
    config = load(repository.root / "mlops.yaml", {})
    git = Git.open(repository.root)
    since = git.merge_base() if base is None else base
    found = find_affected(config, list(config.models.values()), git=git, base=since, environ={})
    return {item.model: item for item in found}


def reasons(repository: Repository, base: str | None = None) -> list[str]:
    toy = all_affected(repository, base)["toy"]
    assert toy.affected == bool(toy.changes)
    return [change.sentence() for change in toy.changes]


def replaced(repository: Repository, path: str, old: str, new: str) -> None:
    text = (repository.root / path).read_text()
    assert old in text
    repository.write(path, text.replace(old, new))


def test_nothing_changed(repository: Repository) -> None:
    toy = all_affected(repository)["toy"]
    assert not toy.affected
    assert toy.inputs_digest == toy.base_inputs_digest
    assert toy.judgement_digest == toy.base_judgement_digest
    assert toy.base == repository.git("rev-parse", "main")


EDITS: dict[str, tuple[Callable[[Repository], None], list[str]]] = {
    "readme": (lambda r: r.write("README.md", "x"), []),
    "parameters": (
        lambda r: r.write("params.yaml", "depth: 5\nmodel: {rate: 0.1, unused: 3}\n"),
        ["stage train: parameter depth: 3 → 5"],
    ),
    "a parameter's type": (
        lambda r: r.write("params.yaml", "depth: '3'\nmodel: {rate: 0.1, unused: 1}\n"),
        ['stage train: parameter depth: 3 → "3"'],
    ),
    "script": (lambda r: r.write("train.py", "print(2)\n"), ["stage train: file train.py changed"]),
    "training data": (lambda r: r.write("data/raw.csv", "a,b\n9,9\n"), ["stage prepare: file data/raw.csv changed"]),
    "command": (
        lambda r: replaced(r, "dvc.yaml", "python train.py", "python -O train.py"),
        ["command train: python train.py → python -O train.py"],
    ),
    "environment": (
        lambda r: r.write("requirements.txt", "scikit-learn==1.6\n"),
        ["environment requirements.txt changed"],
    ),
    "a dependency more": (
        lambda r: replaced(r, "dvc.yaml", "[train.py, ", "[train.py, params.yaml, "),
        ["stage train: file params.yaml: (none) → there", "stage train: file params.yaml: no dependency → dependency"],
    ),
    "a stage less": (
        lambda r: replaced(r, "dvc.yaml", "deps: [train.py, data/clean.csv]", "deps: [train.py, data/raw.csv]"),
        [
            "stage prepare: needed → not needed",
            "stage train: file data/raw.csv: (none) → there",
            "stage train: file data/clean.csv: dependency → no dependency",
            "stage train: file data/raw.csv: no dependency → dependency",
        ],
    ),
    "gate": (
        lambda r: replaced(r, "mlops.yaml", "min: 0.6", "min: 0.7"),
        ["config evaluate.gates[0].min: 0.6 → 0.7"],
    ),
    "holdout": (lambda r: r.write("data/holdout.csv", "a,y\n2,1\n"), ["data data/holdout.csv changed"]),
    "suite": (lambda r: r.write("expectations/rows.json", "[]"), ["file expectations/rows.json changed"]),
    "own metric, behind an import": (
        lambda r: r.write("business/rates.py", "RATE = 2\n"),
        ["file business/rates.py changed"],
    ),
    "where the model is": (
        lambda r: replaced(r, "mlops.yaml", "train: {target: train}", "train: {target: train, model: model/best}"),
        ["config train.model: model → model/best"],
    ),
    "a time limit": (lambda r: replaced(r, "mlops.yaml", "label: y", "label: y\n      timeout: 60"), []),
    "formats, which a gate looks at": (
        lambda r: r.write("mlops.yaml", CONFIG + "    serving: {formats: [skops], threads: 2}\n"),
        ["config serving.formats[0]: (none) → skops"],
    ),
    "server settings that no gate looks at": (
        lambda r: r.write("mlops.yaml", CONFIG + "    serving: {threads: 2}\n"),
        [],
    ),
    "how a measured server is set up": (
        lambda r: r.write(
            "mlops.yaml",
            CONFIG.replace("      first_model", "      serving: {p99_ms: 9}\n      first_model")
            + "    serving: {threads: 2}\n",
        ),
        [
            "config evaluate.serving.p99_ms: (none) → 9.0",
            "config evaluate.serving.signature: (none) → warn",
            "config serving.threads: (none) → 2",
        ],
    ),
    "an override": (
        lambda r: r.write(
            "mlops.yaml", CONFIG + "    overrides: [{gate: roc_auc, reason: known, author: ann, expires: 2099-01-01}]\n"
        ),
        [
            "config overrides[0].author: (none) → ann",
            "config overrides[0].expires: (none) → 2099-01-01",
            "config overrides[0].gate: (none) → roc_auc",
            "config overrides[0].reason: (none) → known",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_every_change_is_told(repository: Repository, edit: str) -> None:
    change, expected = EDITS[edit]
    change(repository)
    assert reasons(repository) == expected
    repository.commit()
    assert reasons(repository) == expected
    repository.git("revert", "--no-edit", "HEAD")
    assert reasons(repository) == []


def test_judging_alone_leaves_the_training_digest(repository: Repository) -> None:
    replaced(repository, "mlops.yaml", "min: 0.6", "min: 0.7")
    toy = all_affected(repository)["toy"]
    assert toy.inputs_digest == toy.base_inputs_digest
    assert toy.judgement_digest != toy.base_judgement_digest


def test_the_first_commit_and_a_new_model(repository: Repository) -> None:
    assert reasons(repository, "") == ["model toy: there is no commit before this one → new"]
    text = (
        CONFIG.split("models:\n")[1].replace("  toy:", "  other:").replace("target: train", "target: train, model: m2")
    )
    repository.write("mlops.yaml", CONFIG + text)
    found = all_affected(repository)
    assert not found["toy"].affected
    assert [change.sentence() for change in found["other"].changes] == [
        "model other: 'other' is not in the base's config → new"
    ]


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("mlops.yaml", "version: 1\nmodels: {toy: {tain: 1}}\n", "not valid in the base: mlops.yaml:2: "),
        ("dvc.yaml", "stages: [\n", "not valid in the base: dvc.yaml:2: "),
        ("params.yaml", "depht: 1\n", "not valid in the base: dvc.yaml:6: stage 'train': params.yaml has no parameter"),
    ],
)
def test_a_base_that_was_broken(repository: Repository, path: str, content: str, says: str) -> None:
    good = (repository.root / path).read_text()
    repository.write(path, content)
    broken = repository.commit()
    repository.write(path, good)
    repository.commit()
    (reason,) = reasons(repository, broken)
    assert reason.startswith(f"model toy: {says}"[:80])
    assert reason.endswith("→ valid")


def test_a_base_without_config(repository: Repository) -> None:
    repository.git("rm", "-q", "mlops.yaml")
    without = repository.commit()
    repository.write("mlops.yaml", CONFIG)
    assert reasons(repository, without) == ["model toy: the base has no mlops.yaml → new"]


def test_several_models_are_affected_each_on_its_own(repository: Repository) -> None:
    for name in ("a", "b"):
        for file in ("dvc.yaml", "params.yaml", "prepare.py", "train.py", "data/raw.csv"):
            repository.write(f"models/{name}/{file}", (repository.root / file).read_text())
    entry = "  {0}: {{path: models/{0}, train: {{target: train}}}}\n"
    repository.write("mlops.yaml", CONFIG + entry.format("a") + entry.format("b"))
    base = repository.commit()
    repository.write("models/b/train.py", "print('b')\n")
    assert {name for name, item in all_affected(repository, base).items() if item.affected} == {"b"}
    repository.write("requirements.txt", "numpy\n")
    assert {name for name, item in all_affected(repository, base).items() if item.affected} == {"toy", "a", "b"}


def test_paths_that_are_no_utf8_can_be_shown(repository: Repository) -> None:
    replaced(repository, "dvc.yaml", "[train.py, ", "[train.py, src, ")
    repository.write("src/a.py")
    base = repository.commit()
    (repository.root / "src" / "odd-\udcff.py").write_text("x")
    (reason,) = reasons(repository, base)
    assert reason.encode("utf-8").decode() == "stage train: file src/odd-\ufffd.py: (none) → there"


def judged(repository: Repository, holdout: str) -> str:
    replaced(repository, "mlops.yaml", "holdout: data/holdout.csv", f'holdout: "{holdout}"')
    try:
        config = load(repository.root / "mlops.yaml", {})
        return judgement_digest(config.models["toy"], Git.open(repository.root).working_tree())
    finally:
        repository.write("mlops.yaml", CONFIG)


def test_a_holdout_the_pipeline_writes_is_named_by_its_recipe(repository: Repository) -> None:
    replaced(
        repository, "dvc.yaml", "stages:\n", "stages:\n  split: {cmd: split, deps: [split.py], outs: [data/test.csv]}\n"
    )
    repository.write("split.py", "1")
    before = judged(repository, "data/test.csv")
    repository.write("train.py", "print('other')\n")
    repository.write("data/test.csv", "an output that happens to lie here")
    assert judged(repository, "data/test.csv") == before
    repository.write("split.py", "2")
    assert judged(repository, "data/test.csv") != before


def test_a_holdout_of_dvcs_and_a_wildcard(repository: Repository) -> None:
    repository.write("held/all.dvc", "outs:\n- md5: aa.dir\n  path: all\n")
    inside, pattern = judged(repository, "held/all/test.parquet"), judged(repository, "held/all/*.parquet")
    plain = judged(repository, "data/*.csv")
    repository.write("held/all.dvc", "outs:\n- md5: bb.dir\n  path: all\n")
    assert judged(repository, "held/all/test.parquet") != inside
    assert judged(repository, "held/all/*.parquet") != pattern
    assert judged(repository, "data/*.csv") == plain
    repository.write("data/more.csv")
    assert judged(repository, "data/*.csv") != plain


@pytest.mark.parametrize(
    ("holdout", "says", "cure"),
    [
        ("data/holdout.cvs", "'data/holdout.cvs' is in neither git nor DVC", "did you mean 'data/holdout.csv'?"),
        ("none/*.csv", r"'none/\*.csv' is in neither git nor DVC", "dvc add"),
    ],
)
def test_a_holdout_nothing_names(repository: Repository, holdout: str, says: str, cure: str) -> None:
    with pytest.raises(PipelineError, match=f"models.toy.evaluate.holdout: .*{says}") as caught:
        judged(repository, holdout)
    assert cure in caught.value.hint


def test_a_database_is_named_without_its_password_or_place(repository: Repository) -> None:
    def digest(url: str) -> str:
        replaced(repository, "mlops.yaml", "data: data/raw.csv", f'table: t, data: "{url}"')
        try:
            config = load(repository.root / "mlops.yaml", {})
            return judgement_digest(config.models["toy"], Git.open(repository.root).working_tree())
        finally:
            repository.write("mlops.yaml", CONFIG)

    one = digest("postgresql://ann:secret@db.example.com/flights")
    assert one == digest("postgresql://bob:other@db.example.com/flights")
    assert one != digest("postgresql://ann:secret@db.example.com/other")
    assert digest("sqlite:////home/ann/flights.db") == digest("sqlite:////srv/flights.db")


def test_a_model_outside_of_the_repository(repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "mlops.yaml"
    outside.write_text(textwrap.dedent(CONFIG))
    config = load(outside, {})
    with pytest.raises(ConfigError, match="model 'toy' lies outside of the repository"):
        model_inputs(config.models["toy"], Git.open(repository.root).working_tree())


def test_a_pipeline_that_is_broken_now_is_an_error_not_a_pass(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages: [\n")
    with pytest.raises(MlopsError) as caught:
        all_affected(repository)
    assert caught.value.where == "dvc.yaml:2"


def test_what_a_training_leaves_behind_is_no_edit(repository: Repository) -> None:
    """On the default branch a second run is about the same commit as the first one."""
    repository.git("checkout", "-q", "main")
    start = repository.git("rev-parse", "HEAD")
    repository.write("train.py", "print('new')\n")
    repository.commit()

    def base() -> str:
        return find_base(load(repository.root / "mlops.yaml", {}), git=Git.open(repository.root))

    assert base() == start
    for path in ("dvc.lock", "metrics.json", ".gitignore", "model/MLmodel", "__pycache__/train.cpython-311.pyc"):
        repository.write(path, "written by a run\n")
    assert base() == start
    digest = all_affected(repository, start)["toy"].inputs_digest
    repository.write("params.yaml", "depth: 4\nmodel: {rate: 0.1}\n")
    assert base() == repository.git("rev-parse", "HEAD")
    assert all_affected(repository, start)["toy"].inputs_digest != digest
