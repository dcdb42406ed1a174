"""`mlops-ci init` in repositories of five kinds, and what `check` says afterwards."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlops_ci.cli.main import run
from mlops_ci.stages.init.workflows import USES

PIN = "a" * 40
SAVING = """\
import json
from pathlib import Path

import mlflow.sklearn
import pandas as pd
from sklearn.linear_model import LogisticRegression

data = pd.read_csv("data/train.csv")
model = LogisticRegression().fit(data[["a"]], data["churned"])
Path("metrics.json").write_text(json.dumps({"rows": len(data)}))
mlflow.sklearn.save_model(model, "model")
"""
DUMPING = """\
import pickle, sys
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from features import table

model = RandomForestRegressor()
model.fit(table(pd.read_csv("data/rows.csv")), 1)
pickle.dump(model, open("model.pkl", "wb"))
"""
ROWS = "a,b,churned\n" + "".join(f"{n},{n % 7},{n % 2}\n" for n in range(40))
PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, raw.csv]
    outs: [data/train.csv, data/holdout.csv]
  fit-model:
    cmd: python train.py
    deps: [train.py, data/train.csv]
    params: [depth]
    outs: [model]
    metrics: [{metrics.json: {cache: false}}]
"""


class Repository:
    """A real repository, and the command line in it."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.capsys = capsys
        self.monkeypatch = monkeypatch
        home.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.home, check=True, capture_output=True, text=True).stdout

    def start(self, **files: str) -> None:
        for path, text in files.items():
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "Start")

    def mlops(self, *words: str, expect: int = 0, below: str = ".") -> str:
        self.monkeypatch.chdir(self.home / below)
        code = run(words)
        said = self.capsys.readouterr()
        assert code == expect, said
        return said.out + said.err

    def text(self, path: str) -> str:
        return (self.home / path).read_text()

    def config(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = yaml.safe_load(self.text("mlops.yaml"))["models"]
        return found

    def state(self) -> dict[str, str]:
        """Every file but git's, so that nothing is changed unseen."""
        paths = [path for path in self.home.rglob("*") if path.is_file() and ".git" not in path.parts]
        return {path.relative_to(self.home).as_posix(): path.read_text() for path in sorted(paths)}


@pytest.fixture
def repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Repository]:
    def make(**files: str) -> Repository:
        made = Repository(tmp_path / "churn", capsys, monkeypatch)
        made.start(**files)
        return made

    return make


Make = Callable[..., Repository]
PLAIN = {"train.py": SAVING, "data/train.csv": ROWS, "data/test.csv": ROWS, "requirements.txt": "mlflow==3\n"}


def test_a_plain_script(repository: Make) -> None:
    made = repository(**PLAIN, **{".gitignore": "*.log"})
    before = made.state()
    assert " files would be written" in made.mlops("init", "--dry-run")
    assert made.state() == before
    said = made.mlops("init", "--yes", "--pin", PIN, "--owner", "@acme/ml")
    assert "+++ b/mlops.yaml" in said
    assert "saves no MLflow" not in said
    model = made.config()["churn"]
    assert model["evaluate"] == {
        "holdout": "data/test.csv",
        "label": "churned",
        "metrics": ["roc_auc", "log_loss"],
        "gates": [
            {"metric": "roc_auc", "min": 0.5},
            {"metric": "roc_auc", "against": "production", "margin": 0.005, "require": "non-inferior"},
        ],
        "first_model": "allow",
    }
    assert model["validate"] == [{"data": "data/train.csv", "suite": "expectations/train.json"}]
    (stage,) = yaml.safe_load(made.text("dvc.yaml"))["stages"].values()
    assert stage["deps"] == ["data/train.csv", "train.py"]
    assert stage["outs"] == ["model"]
    assert stage["metrics"] == [{"metrics.json": {"cache": False}}]
    assert made.text(".gitignore") == "*.log\n.mlops/\n/model\n"
    assert made.text(".github/CODEOWNERS").endswith("/.github/workflows/ @acme/ml\n")
    assert made.text("mlops.yaml").startswith("# yaml-language-server: $schema=https://")
    assert {path: text for path, text in made.state().items() if path in before and path != ".gitignore"} == {
        path: text for path, text in before.items() if path != ".gitignore"
    }
    assert "0 wrong" in made.mlops("check")


def test_a_second_run_writes_nothing(repository: Make) -> None:
    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--pin", PIN)
    before = made.state()
    assert "everything is in place; nothing was written" in made.mlops("init", "--yes", "--pin", PIN)
    assert made.state() == before


def test_every_workflow_is_pinned_by_commit(repository: Make) -> None:
    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--pin", PIN)
    flows = sorted((made.home / ".github/workflows").glob("*.yml"))
    assert any(path.name == "pull-request.yml" for path in flows)
    for path in flows:
        used = [found["ref"] for found in USES.finditer(path.read_text())]
        assert all(len(ref) == 40 for ref in used), path
        assert yaml.safe_load(path.read_text())["jobs"]


def test_a_script_that_saves_no_mlflow_model(repository: Make) -> None:
    """The code stays as it is; the lines to add are told. What it imports is a dependency."""
    made = repository(**{"src/train.py": DUMPING, "src/features.py": "def table(d): return d\n", "data/rows.csv": ROWS})
    said = made.mlops("init", "--yes", "--pin", PIN)
    assert "after line 8:" in " ".join(said.split())
    assert '\n    import mlflow.sklearn\n    mlflow.sklearn.save_model(model, "model")\n' in said
    assert "churn has no holdout" in said
    assert "to be pinned: mlflow-skinny, pandas, pyarrow, scikit-learn, 'protobuf<7', 'python-dateutil<3'" in " ".join(
        said.split()
    )
    (stage,) = yaml.safe_load(made.text("dvc.yaml"))["stages"].values()
    assert stage["cmd"] == "python src/train.py"
    assert stage["deps"] == ["data/rows.csv", "src/features.py", "src/train.py"]
    assert "evaluate" not in made.config()["churn"]
    assert "0 wrong" in made.mlops("check")
    assert made.text("src/train.py") == DUMPING


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "mlflow-skinny==3\npandas>2\n"}, "requirements.txt lacks pyarrow, which"),
        (
            {
                "requirements.txt": "-r more.in\n",
                "more.in": "MLflow [extras]>=3\nprotobuf==6.33.6\npython-dateutil<3\n",
            },
            "",
        ),
        ({"requirements.txt": "mlflow-skinny\npandas\npyarrow\nprotobuf\npython-dateutil\n"}, ""),
        ({"requirements.txt": "mlflow\nprotobuf\n"}, "should hold 'python-dateutil<3': kserve"),
        ({"pyproject.toml": '[project]\ndependencies = ["mlflow>=3"]\n'}, "pyproject.toml has no uv.lock beside it"),
        (
            {"environment.yml": "dependencies: [mlflow]\n"},
            "environment.yml can't be built here: write requirements.txt",
        ),
    ],
)
def test_packages_that_are_missing(repository: Make, files: dict[str, str], said: str) -> None:
    made = repository(**{**PLAIN, "requirements.txt": "", **files})
    if "requirements.txt" not in files:
        made.git("rm", "-q", "requirements.txt")
    left = " ".join(
        made.mlops("init", "--dry-run", "--pin", PIN, "--train", "train.py").partition("left to do")[2].split()
    )
    assert said in left
    assert said or not any(word in left for word in ("lacks", "uv.lock", "requirements.txt", "kserve"))


def test_a_dvc_pipeline_with_parameters(repository: Make) -> None:
    made = repository(
        **{"dvc.yaml": PIPELINE, "params.yaml": "depth: 3\n", ".dvc/config": "[core]\n    remote = store\n"},
        **{"train.py": SAVING, "prepare.py": "", "raw.csv": ROWS},
    )
    said = made.mlops("init", "--yes", "--pin", PIN)
    assert "no DVC remote" not in said
    assert "suggest-suite data/train.csv" in " ".join(said.split())
    model = made.config()["churn"]
    assert model["train"] == {"target": "fit-model", "data": ["data/train.csv"]}
    assert model["evaluate"]["holdout"] == "data/holdout.csv"  # type: ignore[index]
    assert model["evaluate"]["label"] == "churned"  # type: ignore[index]
    assert made.text("dvc.yaml") == PIPELINE
    assert "0 wrong" in made.mlops("check")


def test_parquet_numbers_and_files_that_dvc_keeps(repository: Make) -> None:
    import pyarrow
    from pyarrow import parquet

    made = repository(**{"train.py": SAVING.replace("read_csv", "read_parquet").replace("train.csv", "train.parquet")})
    table = pyarrow.table({"a": [1.5, 2.5, 3.0], "price": [100.5, 200.25, 400.75]})
    parquet.write_table(table, made.home / "train.parquet")
    parquet.write_table(table, made.home / "holdout.parquet")
    record = "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  hash: md5\n  path: {0}.parquet\n"
    made.start(
        **{".dvc/config": "", ".gitignore": "*.parquet\n"},
        **{f"{name}.parquet.dvc": record.format(name) for name in ("train", "holdout")},
        **{"train.py": 'import pandas\nd = pandas.read_parquet("train.parquet")\ny = d["price"]\nLinear().fit(d, y)\n'},
    )
    made.mlops("init", "--yes", "--pin", PIN)
    model = made.config()["churn"]
    assert model["task"] == "regression"
    assert model["evaluate"]["metrics"] == ["rmse", "mae"]  # type: ignore[index]
    assert model["evaluate"]["gates"][0]["margin"] == 1.2  # type: ignore[index]
    said = made.mlops("check")
    assert "tracked by DVC" in said
    assert "0 wrong" in said


def test_two_models_in_their_folders(repository: Make) -> None:
    files = {f"models/{name}/{path}": text for name in ("cut", "price") for path, text in PLAIN.items()}
    made = repository(**files)
    made.mlops("init", "--yes", "--pin", PIN)
    assert set(made.config()) == {"cut", "price"}
    assert made.config()["cut"]["path"] == "models/cut"
    assert yaml.safe_load(made.text("models/price/dvc.yaml"))["stages"]["train"]["cmd"] == "python train.py"
    assert made.text(".gitignore").splitlines() == [".mlops/", "/models/cut/model", "/models/price/model"]
    assert "0 wrong" in made.mlops("check")


def test_below_a_folder_only_that_is_looked_at(repository: Make) -> None:
    files = {f"models/{name}/{path}": text for name in ("cut", "price") for path, text in PLAIN.items()}
    made = repository(**files)
    made.mlops("init", "--yes", "--pin", PIN, below="models/cut")
    assert set(made.config()) == {"churn"}
    assert made.config()["churn"]["path"] == "models/cut"
    assert (made.home / ".github/workflows/pull-request.yml").exists()


def test_nothing_but_code(repository: Make) -> None:
    made = repository(**{"app/main.py": "print(1)\n", "tests/test_train.py": "model.fit(1)\n"})
    said = made.mlops("init", "--yes", expect=2)
    assert "nothing to train was found" in said
    assert "--train path/to/script.py" in said
    assert sorted(made.state()) == ["app/main.py", "tests/test_train.py"]
    made.mlops("init", "--yes", "--train", "app/main.py", "--pin", PIN)
    assert "0 wrong" in made.mlops("check")


def test_what_is_there_is_never_written_over(repository: Make) -> None:
    mine = {".github/workflows/pull-request.yml": "on: push\n", ".dvcignore": "# mine\n", "CODEOWNERS": "* @me\n"}
    made = repository(**PLAIN, **mine)
    said = made.mlops("init", "--yes", "--pin", PIN, "--owner", "@acme/ml")
    assert {path: made.text(path) for path in mine} == mine
    assert ".dvcignore: it is there, and was left as it is" in said
    assert not (made.home / ".github/CODEOWNERS").exists()
    assert "mlops-ci/mlops-ci@" in made.text(".github/workflows/models-pull-request.yml")
    assert "nothing was written" in made.mlops("init", "--yes", "--pin", PIN)


def test_a_config_that_lies_elsewhere(repository: Make) -> None:
    made = repository(**PLAIN, **{"models/churn/mlops.yaml": "version: 1\n"})
    said = made.mlops("init", "--yes", expect=2)
    assert "there is a mlops.yaml in models/churn" in said
    assert not (made.home / "dvc.yaml").exists()


def test_odd_names(repository: Make) -> None:
    made = repository(**{"my train.py": SAVING.replace("train.csv", "it's: #1.csv"), "data/it's: #1.csv": ROWS})
    made.mlops("init", "--yes", "--pin", PIN)
    (stage,) = yaml.safe_load(made.text("dvc.yaml"))["stages"].values()
    assert stage["cmd"] == "python 'my train.py'"
    assert "my train.py" in stage["deps"]
    assert "0 wrong" in made.mlops("check")


def test_a_name_like_a_template_is_a_name(repository: Make) -> None:
    """In mlops.yaml, where variables are replaced, and in dvc.yaml, where DVC replaces its own."""
    made = repository(**{"train ${z}.py": SAVING, "data/train.csv": ROWS, "data/test ${{ x }}.csv": ROWS})
    made.mlops("init", "--yes", "--pin", PIN)
    (model,) = made.config().values()
    assert model["evaluate"]["holdout"] == "data/test $${{ x }}.csv"  # type: ignore[index]
    (stage,) = yaml.safe_load(made.text("dvc.yaml"))["stages"].values()
    assert stage["cmd"] == "python 'train \\${z}.py'"
    assert "train \\${z}.py" in stage["deps"]
    assert "0 wrong" in made.mlops("check")


@pytest.mark.parametrize("label", ["a\nb", "\x1b[31mred", "\u2028"])
def test_a_column_that_no_config_can_name_is_not_taken(repository: Make, label: str) -> None:
    rows = ROWS.replace("churned", f'"{label}"')
    made = repository(**{**PLAIN, "data/train.csv": rows, "data/test.csv": rows, "train.py": "print(model.fit(1))\n"})
    said = made.mlops("init", "--yes", "--train", "train.py")
    assert "0 wrong" in made.mlops("check")
    assert label not in said
    assert "is trained and not judged" in said
    assert "has a control character" in made.mlops("init", "--yes", "--label", label, expect=2)


def test_what_can_t_be_seen_is_written_out(repository: Make) -> None:
    """And no text from outside makes a line of its own, or turns one around."""
    label = "\u202e::error::hi"
    rows = ROWS.replace("churned", label)
    made = repository(**{**PLAIN, "data/train.csv": rows, "data/test.csv": rows, "train.py": "print(model.fit(1))\n"})
    said = made.mlops("init", "--yes", "--train", "train.py")
    assert "'::error::hi' was taken for the label" in said
    assert "\u202e" not in said
    (model,) = made.config().values()
    assert model["evaluate"]["label"] == label  # type: ignore[index]
    assert "0 wrong" in made.mlops("check")


def test_what_a_person_reads_first_is_shown_first(repository: Make) -> None:
    said = repository(**PLAIN).mlops("init", "--dry-run")
    paths = [line.removeprefix("+++ b/") for line in said.splitlines() if line.startswith("+++ ")]
    assert paths[:2] == ["mlops.yaml", "dvc.yaml"]
    assert paths[-1].startswith((".github/workflows/", ".github/mlops-ci/"))


def test_what_is_left_to_do_before_the_repository_has_a_home(repository: Make) -> None:
    """The workflows are written, and will need it once they run."""
    made = repository(**{**PLAIN, "train.py": DUMPING.replace("from features import table", "table = str")})
    said = " ".join(made.mlops("init", "--yes").split())
    assert "set the repository's variable MLFLOW_TRACKING_URI" in said
    assert "require the check 'Models are judged'" in said
    assert '  metrics: ""  # the pipeline writes none\n' in made.text("mlops.yaml")


@pytest.mark.parametrize("owner", ["@a", "@org/team", "a.b@example.org", "@a @org/b"])
def test_who_approves_is_written_into_codeowners(repository: Make, owner: str) -> None:
    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--owner", owner)
    assert f"/mlops.yaml {owner}\n" in made.text(".github/CODEOWNERS")


def test_without_a_terminal_nobody_is_asked_and_nothing_written(repository: Make) -> None:
    made = repository(**PLAIN)
    before = made.state()
    made.monkeypatch.setattr("sys.stdin", io.StringIO())
    assert "there is no terminal to ask on\n  --yes takes" in made.mlops("init", expect=2)
    assert made.state() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pin", "v1"), "not the 40 digits of a commit"),
        (("--label", "churn"), "did you mean 'churned'?"),
        (("--owner", "ml"), "name a person (@name)"),
        (("--owner", "@a b\n* @evil"), "--owner is '@a b * @evil'"),
        (("--owner", "@a\n"), "name a person (@name)"),
        (("--owner", "@a # all"), "name a person (@name)"),
        (("--train", "nowhere.py"), "there is no 'nowhere.py'"),
        (("--conflicts",), "--conflicts goes with --upgrade"),
        (("--upgrade",), "there are no workflows of mlops-ci here"),
    ],
)
def test_wishes_that_can_not_be(repository: Make, words: tuple[str, ...], said: str) -> None:
    made = repository(**PLAIN)
    before = made.state()
    assert said in made.mlops("init", "--yes", *words, expect=2)
    assert made.state() == before


def test_outside_of_git(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--yes"]) == 2
    assert "is not inside a git repository" in capsys.readouterr().err


def test_newer_workflows_are_merged(repository: Make) -> None:
    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--pin", PIN)
    flow = ".github/workflows/pull-request.yml"
    (made.home / flow).write_text(made.text(flow).replace("timeout-minutes: 360", "timeout-minutes: 90"))
    said = made.mlops("init", "--yes", "--pin", "b" * 40)
    assert "'mlops-ci init --upgrade' merges" in said
    made.mlops("init", "--upgrade", "--pin", "b" * 40)
    text = made.text(flow)
    assert "timeout-minutes: 90" in text
    assert "b" * 40 in text
    assert PIN not in text
    assert "nothing was written" in made.mlops("init", "--upgrade", "--pin", "b" * 40)


def test_a_pin_is_never_taken_back(repository: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing tells the installed commit, the pin that is there stays, and an upgrade asks for one."""
    from mlops_ci.cli import installed

    monkeypatch.setattr(installed, "own_commit", lambda: "")
    made = repository(**PLAIN)
    assert "the workflows name mlops-ci by its tag" in " ".join(made.mlops("init", "--dry-run").split())
    made.mlops("init", "--yes", "--pin", PIN)
    before = made.state()
    assert "nothing was written" in made.mlops("init", "--yes")
    assert "--pin SHA names the commit" in made.mlops("init", "--upgrade", expect=2)
    assert made.state() == before


def test_conflicts_are_written_only_where_they_are_wanted(repository: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_ci.cli import installed

    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--pin", PIN)
    flow = ".github/workflows/pull-request.yml"
    edited = made.text(flow).replace("timeout-minutes: 360", "timeout-minutes: 90")
    (made.home / flow).write_text(edited)
    newer = {
        name: text.replace("timeout-minutes: 360", "timeout-minutes: 30")
        for name, text in installed.templates().items()
    }
    monkeypatch.setattr(installed, "templates", lambda: newer)
    before = made.state()
    said = made.mlops("init", "--upgrade", "--pin", PIN, expect=2)
    assert "1 place, from line" in said
    assert made.state() == before
    made.mlops("init", "--upgrade", "--conflicts", "--pin", PIN, expect=10)
    assert "<<<<<<< yours\n    timeout-minutes: 90\n=======\n    timeout-minutes: 30\n>>>>>>>" in made.text(flow)


def test_what_the_config_asks_for_later_is_brought(repository: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_ci.cli import installed

    every = dict.fromkeys(
        ("merge.yml", "promote.yml", "reconcile.yml", "drift.yml"), "on: push\njobs: {}\n# mlops-ci\n"
    )
    monkeypatch.setattr(installed, "templates", lambda: every)
    made = repository(**PLAIN)
    made.mlops("init", "--yes", "--pin", PIN)
    assert {path.name for path in (made.home / ".github/workflows").iterdir()} == {"merge.yml"}
    text = made.text("mlops.yaml")
    later = "staging: {target: local}\n      production: {target: docker}\n    build: {image: ghcr.io/acme/churn}"
    (made.home / "mlops.yaml").write_text(text.replace("production: {target: local}", later))
    made.mlops("init", "--yes", "--pin", PIN)
    found = {path.name for path in (made.home / ".github/workflows").iterdir()}
    assert found == {"merge.yml", "promote.yml", "reconcile.yml"}


def test_the_document(repository: Make) -> None:
    made = repository(**PLAIN)
    made.monkeypatch.chdir(made.home)
    assert run(["init", "--dry-run", "--json", "--pin", PIN]) == 0
    found = json.loads(made.capsys.readouterr().out)
    assert not found["written"]
    assert {"path": "mlops.yaml", "change": "new"} in found["files"]


def test_at_most_five_questions_on_a_terminal(repository: Make) -> None:
    made = repository(**PLAIN, **{"train_old.py": SAVING, "data/rows.csv": ROWS})
    answers = ["train_old.py", "", "b", "@acme/ml", "n"]
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "dumb"}
    words = [sys.executable, "-m", "mlops_ci", "init", "--pin", PIN]
    with subprocess.Popen(words, cwd=made.home, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # how Linux tells that the other side is closed
            pass
        assert child.wait(60) == 0
    text = said.decode().replace("\r", "")
    assert "Which script trains the model?\n  found: train.py, train_old.py" in text
    assert "cmd: python train_old.py" in text
    assert "+      label: b" in text
    assert "+/releases/ @acme/ml" in text
    assert text.count("?") == len(answers), text
    assert text.rstrip().endswith("nothing was written")
    assert not (made.home / "mlops.yaml").exists()
