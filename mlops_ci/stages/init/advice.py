"""What only a person can do: the lines to add to the training script, the packages, the holdout, the remote."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from mlops_ci.digests.environment import find_environment
from mlops_ci.digests.sources import Project
from mlops_ci.records.setting_up import Entry, Script
from mlops_ci.stages.init.config import evaluation
from mlops_ci.stages.init.pipeline import DATA

# Which of MLflow's ways to save a model goes with which library; the more special one first.
FLAVORS = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "pytorch_lightning": "pytorch",
    "lightning": "pytorch",
    "torch": "pytorch",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "statsmodels": "statsmodels",
    "prophet": "prophet",
    "spacy": "spacy",
    "transformers": "transformers",
    "sklearn": "sklearn",
}
# What our scorer uses in the user's environment; the whole of MLflow brings the others.
SCORING = ("mlflow-skinny", "pandas", "pyarrow")
# kserve 0.21, which serves the model together with these, does not take the newest of two that MLflow and pandas bring.
SERVING = ("protobuf<7", "python-dateutil<3")
CONDA = ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml")
LARGE = 20 * 1024 * 1024


def about(entry: Entry, project: Project, *, on_disk: Callable[[str], int]) -> Iterator[str]:
    """What is left to do for one model, in the order in which it is in the way.

    `on_disk` is a file's size, -1 where it is not there.
    """
    if entry.pipeline.script is not None:
        yield from _saving(entry, entry.pipeline.script)
    yield from _packages(entry, project)
    yield from _data(entry, project, on_disk)
    yield from _judging(entry)


def _saving(entry: Entry, script: Script) -> Iterator[str]:
    """The exact lines that make the script write an MLflow model directory."""
    if script.saves:
        return
    flavor = next((FLAVORS[name] for name in FLAVORS if name in script.imports), "pyfunc")
    variable = script.model or "model"
    place = f"after line {script.model_at}" if script.model_at else "at its end, where the model is trained"
    folder = posixpath.relpath(posixpath.join(entry.folder, entry.pipeline.model), entry.folder or ".")
    argument = f'python_model={variable}, path="{folder}"' if flavor == "pyfunc" else f'{variable}, "{folder}"'
    yield (
        f"{script.path} saves no MLflow model directory, which is what is judged and served. Add {place}:\n"
        f"    import mlflow.{flavor}\n"
        f"    mlflow.{flavor}.save_model({argument})"
    )


def _packages(entry: Entry, project: Project) -> Iterator[str]:
    """What training imports, and what scoring needs beside it, has to stand in files that name it."""
    found = find_environment(project.tree, entry.folder, entry.environment)
    if not found:
        if entry.environment:
            return
        folders = dict.fromkeys((entry.folder, ""))
        conda = next((path for path in _joined(folders, CONDA) if project.tree.exists(path)), "")
        because = f"{conda} can't be built here: " if conda else ""
        names = ", ".join([*sorted(_third_party(entry, project)), *(f"'{limit}'" for limit in SERVING)])
        yield f"{because}write requirements.txt, or nothing can be trained. What is imported, to be pinned: {names}"
        return
    if found[-1].endswith("pyproject.toml"):
        yield f"{found[-1]} has no uv.lock beside it, so nothing pins its packages: uv lock && git add uv.lock"
    text = "\n".join(project.tree.read(path).decode("utf-8", "replace") for path in found)
    missing = [name for name in SCORING if not _named(name, text)]
    if missing and not _named("mlflow", text):
        yield f"{found[0]} lacks {', '.join(missing)}, which save the model or score with it: add them, pinned"
    limits = [f"'{limit}'" for limit in SERVING if not _named(limit.partition("<")[0], text)]
    if limits and entry.judged.label:
        yield f"{found[0]} should hold {' and '.join(limits)}: kserve, which serves the model, takes no newer ones"


def _named(package: str, text: str) -> bool:
    """Whether a list of packages names one: at the start of a line, or quoted."""
    return re.search(rf"(?:^\s*|[\"']){re.escape(package)}(?![\w.-])", text, re.MULTILINE | re.IGNORECASE) is not None


def _joined(folders: Iterable[str], names: Iterable[str]) -> list[str]:
    names = tuple(names)
    return [posixpath.join(folder, name) for folder in folders for name in names]


def _third_party(entry: Entry, project: Project) -> set[str]:
    """The packages behind what the script imports, MLflow always: neither Python's own modules nor the repository's."""
    import sys

    imports = entry.pipeline.script.imports if entry.pipeline.script else frozenset()
    here = {word for path in project.tree.paths() if path.endswith(".py") for word in path[:-3].split("/")}
    spelled = {"sklearn": "scikit-learn", "yaml": "pyyaml", "cv2": "opencv-python", "PIL": "pillow"}
    others = imports - set(sys.stdlib_module_names) - here
    return {*SCORING, *(spelled.get(name, name) for name in others - {"mlflow"})}


def _data(entry: Entry, project: Project, on_disk: Callable[[str], int]) -> Iterator[str]:
    """Tables that nothing names the content of, that are too large for git, and a model that git keeps."""
    script = entry.pipeline.script
    if script is not None and entry.pipeline.text:
        known = {*entry.pipeline.files, *script.writes}
        for path in (_full(entry, name) for name in script.names if name.endswith(DATA) and name not in known):
            if on_disk(path) >= 0:
                yield f"{path} is on this disk only, ignored by git: dvc add {path}, and add it to the deps in dvc.yaml"
    for name in entry.pipeline.files:
        path = _full(entry, name)
        if project.tree.exists(path) and on_disk(path) > LARGE:
            yield f"{path} has {on_disk(path) / 1e6:,.0f} MB, much for git: git rm --cached {path} && dvc add {path}"
    for out in entry.pipeline.outs:
        path = posixpath.join(entry.folder, out)
        if project.tree.exists(path) or project.files.below(path):
            yield f"git keeps {path}, which the pipeline writes; DVC refuses that: git rm -r --cached {path}"


def _full(entry: Entry, name: str) -> str:
    return posixpath.normpath(posixpath.join(entry.folder, name))


def _judging(entry: Entry) -> Iterator[str]:
    """Without a holdout and a label models are trained and not judged: what is missing, and the lines to add."""
    found = entry.judged
    if found.holdout and found.label:
        if found.guessed:
            yield f"'{found.label}' was taken for the label of {entry.name} because it is {found.guessed}: is it?"
        return
    if found.holdout:
        why = f"{_full(entry, found.holdout)} is not here yet, so its columns are not known: name the label"
    else:
        example = _full(entry, "data/holdout.csv")
        why = f"{entry.name} has no holdout: keep rows that training never sees in a file, e.g. {example}"
    missing = replace(found, holdout=found.holdout or "data/holdout.csv", label=found.label or "LABEL")
    block = "\n".join(f"    {line}" for line in evaluation(missing))
    yield f"{why}. Until then {entry.name} is trained and not judged. Add below '{entry.name}:' in mlops.yaml:\n{block}"
