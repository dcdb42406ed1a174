"""The circle: a year of flights arrives, drift is answered by one pull request, and the model it brings is served."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from playing import commands
from playing.pulls import MLOPS
from playing.repository import MODEL, Demo
from playing.screen import BAD, GOOD, PLAIN, DemoFailed, title, typed

BRANCH = f"mlops-ci/retrain/{MODEL}"
STEPS = r"^  [✓✗!] "  # a stage each, without its checks


def play(demo: Demo) -> None:
    """April to December; January to March have trained what serves."""
    title("(7) A year goes by: each month's flights arrive with what production answered, and drift is looked for")
    heading()
    for month, state, code in ((4, "fine", 0), (5, "fine", 0), (6, "1 of 2", 0), (7, "2 of 2", 10)):
        arrives(demo, month, state=state, expect=code)
    number = retrain(demo)
    show(demo, number)
    print("\nAugust drifts, too: the same pull request, with newer data", flush=True)
    heading()
    arrives(demo, 8, state="3 in a row", expect=10)
    if retrain(demo) != number:
        raise DemoFailed("a second pull request was opened")
    digest = merge(demo, number)
    title("(9) The year goes on with the new model")
    heading()
    for month in (9, 10, 11, 12):
        arrives(demo, month, state="fine", expect=0, answered=digest)
    demo.keep_report("9-drift.html", f"{MODEL}-drift.html")
    audit(demo)


def folder(demo: Demo) -> Path:
    """Where production's flights lie: `PRODUCTION` of the example."""
    return demo.home.parent / "production"


def arrives(demo: Demo, month: int, *, state: str, expect: int, answered: str = "") -> None:
    """A month's flights, what the model that serves in production said of them, and whether they left late."""
    import pandas

    flights = pandas.read_parquet(demo.home / "data/features.parquet", filters=[("month", "==", month)])
    names = demo.question()["dataframe_split"]["columns"]
    rows = flights[names].to_numpy(dtype=object).tolist()
    said, digest = demo.answers("production", {"dataframe_split": {"columns": names, "data": rows}})
    if answered not in ("", digest):
        raise DemoFailed(f"{digest[:12]} answered in month {month}; {answered[:12]} was expected")
    for place in range(len(said[0])):
        flights[f"mlops_prediction_{place}"] = [row[place] for row in said]
    flights["mlops_model_digest"] = digest
    folder(demo).mkdir(exist_ok=True)
    flights.to_parquet(folder(demo) / f"2013-{month:02}.parquet", index=False)
    watch(demo, state=state, expect=expect)


def heading() -> None:
    """Of the table that `watch` fills row by row."""
    typed("mlops-ci drift")
    print(f"  {'window':<9}{'flights':>9}  {'answers moved':<15}{'ROC AUC':<9}in a row", flush=True)


def watch(demo: Demo, *, state: str, expect: int) -> None:
    """One scheduled run, told as one row."""
    code, said = commands.run([*MLOPS, "drift"], folder=demo.home, quiet=True, environ=demo.at.environ)
    if code != expect:
        raise DemoFailed(f"drift ended with exit {code}; {expect} was expected\n{said}")
    details = demo.result("drift")["details"]
    newest, signal = details["windows"][-1], details["signal"]
    count, needed = signal["consecutive"], signal["needed"]
    breaches = f"{count} of {needed}" if count <= needed else f"{count} in a row"
    found = breaches if newest["state"] == "breach" else newest["state"]
    print(f"  {row(newest)}{BAD if signal['breach'] else GOOD}{found}{PLAIN}{exit_of(code)}", flush=True)
    if found != state:
        raise DemoFailed(f"the window is '{found}'; '{state}' was expected")


def row(window: dict[str, Any]) -> str:
    """A window's name, rows, the distance of its answers from those on the training data, and its metric."""
    worst = max(window["predictions"], key=lambda item: item["value"])
    moved = f"{worst['value']:.3f}{' > ' if worst['drifted'] else ' < '}{worst['threshold']:g}"
    name = window["window"]["name"].rpartition("/")[2].removesuffix(".parquet")
    return f"{name:<9}{window['rows']:>9,}  {moved:<15}{window['decay']['current']['value']:<9.3f}"


def exit_of(code: int) -> str:
    return f"  exit {code}" if code else ""


def retrain(demo: Demo) -> int:
    """What the schedule runs next. The number of the pull request."""
    started = time.monotonic()
    demo.told("retrain", lines=r"^flight-delay: |^  >")
    demo.seen.append(("Retrain on newer flights", 0, time.monotonic() - started))
    return demo.at.number(BRANCH)


def show(demo: Demo, number: int) -> None:
    """The beginning of what a reviewer reads; the whole of it is kept with the reports."""
    text = demo.at.text(number)
    demo.reports.mkdir(exist_ok=True)
    (demo.reports / "7-retraining.md").write_text(text, "utf-8")
    wanted = ("Verdict:", "| windows that breach", "| severity", "| roc", "### ")
    for line in text.partition("### Checks")[0].replace("\\", "").splitlines():
        if line.startswith(wanted):
            print(f"  {line.replace(f'{folder(demo)}/', '')}", flush=True)
    print(f"  … and so on: {demo.reports / '7-retraining.md'}", flush=True)


def merge(demo: Demo, number: int) -> str:
    """Judged as any other, merged, registered, served, promoted; the digest of what serves in production then."""
    title("(8) Merge it: what was judged is registered and served, and nothing is trained again")
    typed(f"git switch --detach {BRANCH}")
    demo.git("clean", "-fq", "dvc.lock", "metrics.json")  # what earlier trainings left; this branch brings its own
    demo.git("checkout", "-q", "--detach", demo.at.fetched(BRANCH))
    demo.told("pull-request", *demo.at.publish, lines=r"^flight-delay: |^  model ")
    demo.at.judged(BRANCH)
    demo.git("checkout", "-qf", "main")  # DVC wrote dvc.lock anew
    demo.at.merge(number)
    demo.told("merge", lines=STEPS)
    digest: str = demo.result("register")["details"]["model_digest"]
    demo.ask("staging", expect=digest)
    promotion = demo.at.number(f"mlops-ci/promote/{MODEL}/production")
    demo.at.approve(promotion)
    demo.at.merge(promotion)
    demo.told("merge", lines=STEPS)
    demo.ask("production", expect=digest)
    return digest


def audit(demo: Demo) -> None:
    """From what serves back to the data, and who brought it."""
    title("What serves in production, from what, and since when")
    said = demo.told("audit", "--at", time.strftime("%Y-%m-%d", time.gmtime()), "-e", "production", lines=r"\S")
    code = re.search(r"^  code +([0-9a-f]{40})$", said, re.MULTILINE)
    if code is None:
        raise DemoFailed("the audit does not know the code")
    typed(f"git log -1 --format=%B {code[1][:12]}")
    print(demo.git("log", "-1", "--format=%B", code[1]), flush=True)
