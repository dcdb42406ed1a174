"""How a model is trained: the stage that is there, or one that is written around a script."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from mlops_ci.config.sane import nameable
from mlops_ci.digests.commands import scripts
from mlops_ci.digests.imports import closure
from mlops_ci.digests.sources import TABLES, Project
from mlops_ci.digests.stages import Stage
from mlops_ci.records.setting_up import Found, Pipeline, Script
from mlops_ci.stages.init.look import TRAINING
from mlops_ci.stages.init.script import read_script

DATA = TABLES
PARAMETERS = (".yaml", ".yml", ".json", ".toml")
METRICS = re.compile(r"metric|score|eval|result", re.IGNORECASE)
MODEL = re.compile(r"model", re.IGNORECASE)
PLAIN = re.compile(r"[\w./-]+")


def pipeline_of(project: Project, found: Found) -> Pipeline | None:
    """The stage of a folder's dvc.yaml that trains, None where none does; or a new one around the first script."""
    if not found.pipeline:
        return around(project, found.folder, found.choices[0])
    stages = project.stages(posixpath.join(found.folder, found.pipeline))
    rated = [(_training(project, stage), index, stage) for index, stage in enumerate(stages.values())]
    worth, _, stage = max(rated, key=lambda item: (item[0], -item[1]), default=(0, 0, None))
    return _of_stage(project, found.folder, stage) if stage is not None and worth > 1 else None


def _training(project: Project, stage: Stage) -> int:
    """How much speaks for a stage being the one that trains."""
    script = _script(project, stage)
    named = bool(TRAINING.search(stage.name))
    writes = any(MODEL.search(posixpath.basename(out)) for out in stage.outs)
    return 4 * bool(script and script.saves) + 2 * named + 2 * writes + bool(script and script.fits)


def _script(project: Project, stage: Stage) -> Script | None:
    """The first Python file that a stage's command runs."""
    for found in scripts(stage.cmd, stage.wdir):
        if found.file.endswith(".py") and project.tree.exists(found.file):
            return read_script(found.file, project.tree.read(found.file))
    return None


def _of_stage(project: Project, folder: str, stage: Stage) -> Pipeline:
    script = _script(project, stage)
    outs = [_from(folder, out) for out in stage.outs if nameable(out)]
    saved = _from(folder, posixpath.join(stage.wdir, script.saves)) if script and script.saves else ""
    folders = [out for out in outs if not posixpath.splitext(out)[1]]
    named = [out for out in (*folders, *outs) if MODEL.search(out)]
    model = saved if saved in outs else next(iter([*named, *folders, *outs]), "model")
    measured = [out for out in outs if out.endswith(".json")]
    metrics = next((out for out in measured if METRICS.search(out)), next(iter(measured), ""))
    read = [_from(folder, dep) for dep in stage.deps]
    return Pipeline(
        target=stage.name,
        model=model,
        metrics=metrics,
        data=tuple(dep for dep in read if dep.endswith(DATA) and nameable(dep)),
        files=data_files(project, folder),
        script=script,
    )


def data_files(project: Project, folder: str, *, more: Iterable[str] = ()) -> tuple[str, ...]:
    """The tables that git has, that DVC keeps, or that a stage writes, as the folder sees them: its own, and what its
    pipeline reaches outside; none whose name no mlops.yaml can hold."""
    root = project.dvc_root(posixpath.join(folder, "dvc.yaml"))
    own = [path for path in project.files.below(folder) if path.endswith(DATA)]
    kept = [path for path in project.tracked(root).below(folder) if path.endswith(DATA)]
    written = [path for path in project.outputs(root).ordered if path.endswith(DATA)]
    found = dict.fromkeys([*(_from(folder, path) for path in (*own, *kept, *written)), *more])
    return tuple(filter(nameable, found))


def around(project: Project, folder: str, script: Script) -> Pipeline:
    """A pipeline of one stage around a script: what it reads is a dependency, what it writes an output."""
    tree = project.tree
    own = _from(folder, script.path)
    known = data_files(project, folder)
    wrote = [path for path in script.writes if path.endswith(DATA) and path not in known and nameable(path)]
    saves = script.saves if nameable(script.saves) else ""
    read = _read(known, script, wrote)
    metrics = _metrics(script)
    params = [
        name
        for name in script.names
        if name.endswith(PARAMETERS) and name not in script.writes and tree.exists(posixpath.join(folder, name))
    ]
    modules = [_from(folder, path) for path in closure(tree, script.path, (folder,)) if tree.read(path).strip()]
    made = Pipeline(
        target="train",
        model=saves or "model",
        metrics=metrics,
        data=tuple(read),
        files=tuple(dict.fromkeys([*known, *wrote])),
        outs=(saves or "model", *wrote),
        script=script,
    )
    return replace(made, text=_text(own, sorted({*read, *modules, own}), params, made))


def _read(known: Collection[str], script: Script, wrote: Collection[str]) -> list[str]:
    """The tables that a script names, by their path or, where that is put together, by their name."""
    found: list[str] = []
    for name in script.names:
        same = [name] if name in known else [path for path in known if posixpath.basename(path) == name]
        found += same if len(same) == 1 and not {name, same[0]}.intersection((*script.writes, *wrote)) else []
    return list(dict.fromkeys(found))


def _metrics(script: Script) -> str:
    """The JSON file of numbers that a script writes."""
    written = [path for path in script.writes if path.endswith(".json") and nameable(path)]
    return next((path for path in written if METRICS.search(posixpath.basename(path))), next(iter(written), ""))


def _text(own: str, deps: Iterable[str], params: Iterable[str], made: Pipeline) -> str:
    lines = [
        "# How the model comes about: what goes in (deps, params) and what comes out (outs). What changes the model",
        "# belongs here: a change of anything else is not seen.",
        "stages:",
        f"  {made.target}:",
        f"    cmd: {_command(own)}",
        "    deps:",
        *(f"      - {_literal(dep)}" for dep in deps),
    ]
    if params:
        lines += ["    params:", *(f"      - {_literal(name)}:" for name in params)]
    lines += ["    outs:", *(f"      - {_literal(out)}" for out in made.outs)]
    if made.metrics:
        lines += ["    metrics:", f"      - {_literal(made.metrics)}:", "          cache: false"]
    return "\n".join([*lines, ""])


def _command(path: str) -> str:
    """The command that runs a script, as a YAML scalar; an odd path is quoted for the shell first."""
    import shlex

    return f"python {path}" if PLAIN.fullmatch(path) else _literal(f"python {shlex.quote(path)}")


def _literal(text: str) -> str:
    """A text as a YAML scalar of dvc.yaml, in which DVC replaces nothing."""
    return scalar(text.replace("${", "\\${"))


def scalar(text: str) -> str:
    """A text as a YAML scalar: plain where that is safe, else in double quotes, as JSON has them. What can't be seen is
    written out."""
    import json

    plain = (
        bool(PLAIN.fullmatch(text)) and text[0].isalpha() and text.lower() not in ("true", "false", "null", "yes", "no")
    )
    if plain:
        return text
    return "".join(
        letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in json.dumps(text, ensure_ascii=False)
    )


def _from(folder: str, path: str) -> str:
    return posixpath.relpath(path, folder or ".")
