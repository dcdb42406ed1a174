"""What a training script says about itself, without being run."""

from __future__ import annotations

import pytest

from mlops_ci.stages.init.script import read_script


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ('mlflow.sklearn.save_model(model, "model")', "model"),
        ('mlflow.sklearn.save_model(model, path="out/model")', "out/model"),
        ('mlflow.pyfunc.save_model("wrapped", python_model=model)', "wrapped"),
        ('OUT = Path("artifacts") / "model"\nmlflow.xgboost.save_model(model, OUT)', "artifacts/model"),
        ('mlflow.sklearn.save_model(model, os.path.join("a", "b"))', "a/b"),
        ("mlflow.sklearn.save_model(model, sys.argv[1])", "model"),
        ('mlflow.sklearn.log_model(model, "model")', ""),
        ('model.save_model("model.json")', ""),
    ],
)
def test_where_the_model_is_saved(line: str, folder: str) -> None:
    assert read_script("train.py", line.encode()).saves == folder


def test_what_is_read_and_written() -> None:
    found = read_script(
        "train.py",
        b"""\
DATA = Path("data")
METRICS = "metrics.json"
train = pd.read_csv(DATA / "train.csv")
params = yaml.safe_load(open("params.yaml"))
train.to_csv("data/holdout.csv")
Path("scores.json").write_text("{}")
with open(METRICS, "w") as file:
    json.dump({}, file)
with Path("log.json").open(mode="a") as file:
    file.write(", ".join(["a.csv"]))
""",
    )
    assert {"data/train.csv", "params.yaml"} <= set(found.names)
    assert set(found.writes) == {"data/holdout.csv", "scores.json", "metrics.json", "log.json"}


@pytest.mark.parametrize(
    "line",
    [
        'y = data["churned"]',
        'y_train = train["churned"]',
        'target = data.pop("churned")',
        'X = data.drop(columns=["churned"])',
        'X = data.drop("churned", axis=1)',
        'model.fit(data[names], data["churned"])',
    ],
)
def test_the_label(line: str) -> None:
    assert read_script("train.py", line.encode()).labels == ("churned",)


@pytest.mark.parametrize(
    ("text", "variable", "line"),
    [
        ("a = 1\nmodel = LinearRegression().fit(\n    x,\n    y,\n)\n", "model", 4 + 1),
        ("clf = SVC()\nclf.fit(x, y)\nprint(1)\n", "clf", 2),
        ("clf = SVC()\nclf.fit(x, y)\njoblib.dump(clf, 'm.pkl')\n", "clf", 3),
        ("booster = xgb.train(params, data)\n", "booster", 1),
        ("json.dump(clf, file)\n", "", 0),
    ],
)
def test_where_the_model_is_at_hand(text: str, variable: str, line: int) -> None:
    found = read_script("train.py", text.encode())
    assert (found.model, found.model_at) == (variable, line)


def test_numbers_or_classes() -> None:
    assert read_script(
        "train.py", b"from sklearn.ensemble import RandomForestRegressor\nRandomForestRegressor()"
    ).regression
    assert not read_script("train.py", b"LogisticRegression().fit(x, y)").regression


@pytest.mark.parametrize("text", [b"def (", b"\x00", b"print 'two'", b"", b"\xff"])
def test_what_is_no_python_says_nothing(text: bytes) -> None:
    found = read_script("train.py", text)
    assert (found.saves, found.fits, found.names) == ("", False, ())
