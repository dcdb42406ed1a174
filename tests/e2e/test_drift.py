"""`mlops-ci drift` at the command line: a reference is kept, windows are watched, and a quiet run costs nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.e2e.person import Person
from tests.e2e.toy import config, crowned

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
DRIFT = "    drift: {current: 'production/*.csv', min_rows: 100, history: 4}\n"
HEAVY = ("mlflow", "pandas", "scipy", "duckdb", "evidently", "sqlalchemy")


def window(count: int, seed: int, shift: float = 0.0) -> str:
    """Rows and a model's answers, in CSV; answers move with `a`, which is all that the model looks at."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=count) + shift, random.normal(size=count)
    c = random.integers(0, 3, count)
    lines = [f"{a[i]:.6f},{b[i]:.6f},{c[i]},{int(a[i] > 0)}" for i in range(count)]
    return "\n".join(["a,b,c,prediction", *lines, ""])


def files(person: Person) -> dict[str, int]:
    """Everything below the checkout, by time of change."""
    return {str(path): path.stat().st_mtime_ns for path in person.home.rglob("*") if ".git/" not in str(path)}


def test_production_is_watched(toy: Person) -> None:
    toy.write("mlops.yaml", config(sys.executable) + DRIFT)
    toy.write(".gitignore", "/model\n/production\n/drift.prom\n")
    toy.commit("Watch production")
    toy.write("production/2026-01.csv", window(600, 3))
    toy.write("production/2026-02.csv", window(600, 4))
    assert "nothing is released in production" in toy.mlops("drift")

    toy.mlops("train", "--model", "toy")
    toy.mlops("evaluate", "--model", "toy")
    crowned(toy, "toy")
    kept = {check["name"]: check for check in toy.result("toy", "register")["checks"]}["drift reference"]
    assert (kept["status"], kept["message"]) == ("passed", "was kept before"), "evaluate made it"

    said = toy.mlops("drift", "--metrics-file", "drift.prom")
    assert "2026-02.csv: 600 rows, 0 % of the columns drifted; no breach" in " ".join(said.split())
    assert (
        'mlops_ci_drift_breach{model="toy",environment="production",version="1"} 0.0'
        in (toy.home / "drift.prom").read_text()
    )
    details = toy.result("toy", "drift")["details"]
    assert details["importance"] == {"a": 1.0}
    assert details["windows"][-1]["engine"] == "evidently"
    (found,) = details["windows"][-1]["columns"]
    assert found["full"] == pytest.approx(found["sampled"], abs=2e-3), "Evidently saw the same rows"

    quietly(toy)

    toy.write("production/2026-03.csv", window(600, 5, 1.5))
    said = " ".join(toy.mlops("drift").split())
    assert "1 of 2 windows in a row breach, the newest production/2026-03.csv: a, prediction" in said
    toy.write("production/2026-04.csv", window(600, 6, 1.5))
    toy.mlops("drift", expect=10)
    result = toy.result("toy", "drift")
    signal = result["details"]["signal"]
    assert (signal["breach"], signal["consecutive"], signal["columns"]) == (True, 2, ["a", "prediction"])
    assert signal["windows"] == ["production/2026-03.csv", "production/2026-04.csv"]
    assert (toy.home / ".mlops/reports/toy-drift.html").read_text().count("<svg") >= 3
    assert "DRIFT" in (toy.home / ".mlops/reports/toy-drift.md").read_text()
    toy.mlops("drift", expect=10)
    assert toy.result("toy", "drift") == result, "a breach that stays is told again, and nothing is computed"
    assert "2026-02.csv: 600 rows" in toy.mlops("drift", "--window", "2026-02")
    assert "the newest ones" in toy.mlops("drift", "--window", "2027", expect=2)

    without_reference(toy)


def quietly(toy: Person) -> None:
    """Nothing new: at once, without a library, and without a write."""
    before = files(toy)
    started = time.monotonic()
    said = toy.mlops("drift")
    assert time.monotonic() - started < 4  # two on a machine of its own
    assert "nothing has changed since the last run" in said
    assert files(toy) == before
    found = f"[n for n in {HEAVY} if n in sys.modules]"
    code = f"import sys; from mlops_ci.cli.main import run; run(['drift']); print({found})"
    done = subprocess.run([sys.executable, "-c", code], cwd=toy.home, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def without_reference(toy: Person) -> None:
    """The message names the cure, and the cure works."""
    for folder in (toy.home / ".mlops/artifacts").rglob("drift"):
        shutil.rmtree(folder)
    shutil.rmtree(toy.home / ".mlops/scratch")
    toy.write("production/2026-05.csv", window(600, 4))
    said = toy.mlops("drift", expect=3)
    assert "keeps no reference" in said
    assert "mlops-ci drift reference --model toy" in said
    toy.mlops("drift", "reference", "--model", "toy")
    toy.mlops("drift")
    assert json.loads((toy.home / ".mlops/results/toy/drift.json").read_text())["details"]["signal"]["breach"] is False
