"""DVC's own resolver reads the same pipelines and must see the same commands, dependencies, outputs and parameters."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_ci.digests.stages import Stage
from mlops_ci.errors import PipelineError
from tests.digests.repository import Repository

View = dict[str, dict[str, Any]]

CASES: dict[str, dict[str, str]] = {
    "plain": {
        "dvc.yaml": """
            stages:
              a:
                cmd: [echo 1 > one, echo 2]
                deps: [in.txt, ./src/../src]
                outs: [one]
                desc: words
                meta: {any: thing}
              b:
                cmd: cat one > two
                deps: [one]
                outs: [{two: {cache: false, persist: true}}]
                metrics: [m.json: {cache: false}]
                plots: [p.csv: {x: a, y: b}, q.csv]
                params: [lr, net.size, {other.json: [k]}, {whole.yaml: null}, {conf.toml: [a.b]}, {conf.py: [P, T.q]}]
        """,
        "in.txt": "x",
        "src/x.py": "1",
        "params.yaml": "lr: 1e-3\nnet: {size: [1, 2]}\n",
        "other.json": '{"k": {"deep": [1, null]}}',
        "whole.yaml": "z: 1\ny: {x: on}\n",
        "conf.toml": "[a]\nb = 1.5\n",
        "conf.py": (
            "P: int = 3\nclass T:\n    q = {'a': 1}\n    def __init__(self):\n        self.r = 5\n"
            "        x = 4\nS = T()\nR = a = 2\n"
        ),
    },
    "templates": {
        "dvc.yaml": """
            vars:
              - {data: {dir: raw, names: [u, v]}, flag: true, none: null, pi: 3.14}
              - extra.yaml
              - part.json:only,this
            stages:
              t:
                cmd: run ${data.dir} ${data.names[1]} ${ flag } ${none} ${pi} ${deep.er} ${only} ${this.x} $${pi} \\${x}
                deps: ["${data.dir}/${data.names[0]}.csv", "${name}"]
                outs: ["out-${lr}"]
                params: ["${which}"]
        """,
        "params.yaml": "lr: 0.01\nwhich: lr\nname: a b.txt\n",
        "extra.yaml": "deep: {er: 7}\n1: never\n",
        "part.json": '{"only": "o", "this": {"x": false}, "lr": "not taken"}',
        "raw/u.csv": "",
        "a b.txt": "",
    },
    "loops": {
        "dvc.yaml": """
            vars:
              - {sizes: [1, 2.5, true, x], maps: {m1: {a: 1}, m2: {a: 2}}, rows: [{p: 1}, {p: 2}]}
            stages:
              list: {foreach: "${sizes}", do: {cmd: "go ${item}", outs: ["l-${item}"]}}
              inline: {foreach: [a, b], do: {cmd: "go ${item}", params: [lr]}}
              map: {foreach: "${maps}", do: {cmd: "go ${key} ${item.a}", deps: ["l-${item.a}"], outs: ["m-${key}"]}}
              rows: {foreach: "${rows}", do: {cmd: "go ${item.p}"}}
              keys: {foreach: {1: a, yes: b}, do: {cmd: "go ${key} ${item}"}}
              grid:
                matrix: {model: [cnn, xgb], size: "${sizes}", o: [{k: 1}, {k: 2}]}
                cmd: go ${item.model} ${item.size} ${item.o.k} ${key}
                outs: ["g-${key}"]
        """,
        "params.yaml": "lr: 1\n",
    },
    "folders": {
        "dvc.yaml": "stages:\n  top: {cmd: x, deps: [sub/out.txt], outs: [top.txt]}\n",
        "sub/dvc.yaml": """
            vars: [../shared.yaml]
            stages:
              s:
                wdir: ${where}
                cmd: x ${local.v} ${common}
                vars: [{local: {v: 1}}, here.yaml]
                deps: [../in.txt, here.yaml]
                outs: [../out.txt]
                params: [k, {../params.yaml: [where]}]
        """,
        "sub/params.yaml": "where: work\n",
        "sub/work/params.yaml": "k: [1, 2]\n",
        "sub/work/here.yaml": "h: 1\n",
        "sub/in.txt": "",
        "shared.yaml": "common: c\n",
    },
    "options": {
        ".dvc/config": "[core]\n    autostage = true\n[parsing]\n    bool = boolean_optional\n    list = append\n",
        "dvc.yaml": """
            stages:
              o: {cmd: "run ${args} end"}
        """,
        "params.yaml": "args: {lr: 0.1, nested: {on: true, off: false}, names: [a, 'b c', 3], text: it's, no: ~}\n",
    },
    "options as they come": {
        "dvc.yaml": "stages:\n  o: {cmd: 'run ${args} end'}\n",
        "params.yaml": "args: {on: true, off: false, names: [a, 'b c', 3], empty: {}, nothing: []}\n",
    },
    "numbers": {
        "dvc.yaml": "stages:\n  n: {cmd: 'x ${a} ${b} ${c} ${d} ${e} ${f} ${g} ${h} ${i}', params: [a, b, c, d, e]}\n",
        "params.yaml": "a: 010\nb: 0o10\nc: 0x1F\nd: 1_000\ne: 1e3\nf: on\ng: .5\nh: '1'\ni: +12\n",
    },
    "frozen and always": {
        "dvc.yaml": "stages:\n  f: {cmd: x, frozen: true, outs: [o]}\n  g: {cmd: x, always_changed: true, deps: [o]}\n",
    },
}
REFUSED: dict[str, dict[str, str]] = {
    "defined twice": {"dvc.yaml": "vars: [{a: 1}]\nstages:\n  s: {cmd: 'x ${a}'}\n", "params.yaml": "a: 2\n"},
    "template in vars": {"dvc.yaml": "vars: [{a: '${b}'}]\nstages:\n  s: {cmd: x}\n", "params.yaml": "b: 2\n"},
    "undefined": {"dvc.yaml": "stages:\n  s: {cmd: 'x ${nope}'}\n"},
    "list inside a text": {"dvc.yaml": "stages:\n  s: {cmd: 'x ${a}'}\n", "params.yaml": "a: [1]\n"},
    "map as a dependency": {"dvc.yaml": "stages:\n  s: {cmd: x, deps: ['${a}']}\n", "params.yaml": "a: {b: 1}\n"},
    "misspelt key": {"dvc.yaml": "stages:\n  s: {cmd: x, dep: [a]}\n"},
    "no command": {"dvc.yaml": "stages:\n  s: {outs: [a]}\n"},
    "foreach over a number": {"dvc.yaml": "stages:\n  s: {foreach: '${n}', do: {cmd: x}}\n", "params.yaml": "n: 1\n"},
    "bad expression": {"dvc.yaml": "stages:\n  s: {cmd: 'x ${a..b}'}\n", "params.yaml": "a: 1\n"},
    "duplicate stage": {"dvc.yaml": "stages:\n  s: {cmd: x}\n  s: {cmd: y}\n"},
    "loop name in vars": {"dvc.yaml": "stages:\n  s: {foreach: [a], do: {cmd: x, vars: [{item: 1}]}}\n"},
}


@pytest.fixture(autouse=True)
def _site_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))


def lay_out(repository: Repository, files: dict[str, str]) -> None:
    for path, content in {".dvc/config": "", **files}.items():
        repository.write(path, content)


def ours(repository: Repository) -> View:
    project = repository.project()
    stages = [stage for name in project.pipelines("") for stage in project.stages(name).values()]
    return {f"{stage.file}:{stage.name}": _described(stage) for stage in stages}


def _described(stage: Stage) -> dict[str, Any]:
    return {
        "cmd": list(stage.cmd),
        "wdir": stage.wdir,
        "deps": sorted(stage.deps),
        "outs": sorted(stage.outs),
        "params": {
            file: dict(values[""]) if "" in values else dict(values) for file, values in sorted(stage.params.items())
        },
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
    }


def theirs(repository: Repository) -> View:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dvc.repo import Repo

        with Repo(str(repository.root)) as repo:
            return dict(_dvc_view(repo, repository.root))


def _dvc_view(repo: Any, root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from dvc.dependency.param import ParamsDependency

    def here(path: str) -> str:
        return Path(path).relative_to(root).as_posix()

    for stage in repo.index.stages:
        params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
        yield (
            f"{here(stage.path)}:{stage.name}",
            {
                "cmd": stage.cmd if isinstance(stage.cmd, list) else [stage.cmd],
                "wdir": here(stage.wdir),
                "deps": sorted(here(dep.fs_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)),
                "outs": sorted(here(out.fs_path) for out in stage.outs),
                "params": {here(dep.fs_path): dict(dep.read_params()) for dep in params},
                "frozen": bool(stage.frozen),
                "always_changed": bool(stage.always_changed),
            },
        )


@pytest.mark.parametrize("case", CASES)
def test_the_same_stages(repository: Repository, case: str) -> None:
    lay_out(repository, CASES[case])
    repository.commit()
    seen = theirs(repository)
    assert seen, "DVC sees stages"
    assert ours(repository) == seen


@pytest.mark.parametrize("case", REFUSED)
def test_what_dvc_refuses_is_refused_with_the_file(repository: Repository, case: str) -> None:
    lay_out(repository, REFUSED[case])
    repository.commit()
    with pytest.raises(Exception, match=r"."):
        theirs(repository)
    with pytest.raises(PipelineError) as caught:
        ours(repository)
    assert caught.value.where.startswith("dvc.yaml")


names = st.sampled_from(["a", "b", "c", "lr", "net"])
scalars = st.one_of(
    st.integers(-5, 99), st.booleans(), st.sampled_from([0.5, 1e-3, 2.0]), st.sampled_from(["x", "y z", "o'k", ""])
)
trees = st.recursive(
    st.one_of(scalars, st.none()), lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=3)
)


@st.composite
def pipelines(draw: st.DrawFn) -> dict[str, str]:
    """A params.yaml, and a dvc.yaml whose stages name what is (and sometimes what is not) in it."""
    params = draw(st.dictionaries(names, trees, min_size=1, max_size=4))
    places = list(_places(params, ""))
    place = st.sampled_from([*places, "nope"]) if places else st.just("nope")
    text = st.lists(st.one_of(st.just("w"), place.map(lambda p: "${" + p + "}")), min_size=1, max_size=3).map(" ".join)
    stages: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 3))):
        body: dict[str, Any] = {"cmd": draw(text), "outs": [f"o{index}"]}
        kind = draw(st.sampled_from(["plain", "foreach", "matrix"]))
        if draw(st.booleans()):
            body["params"] = [draw(st.sampled_from(list(params)))]
        if kind == "foreach":
            items = draw(st.one_of(st.lists(scalars, max_size=3), st.dictionaries(names, scalars, max_size=3)))
            body = {"foreach": items, "do": {**body, "cmd": body["cmd"] + " ${item}", "outs": [f"o{index}-${{item}}"]}}
        elif kind == "matrix":
            axes = draw(st.dictionaries(names, st.lists(scalars, min_size=1, max_size=2), min_size=1, max_size=2))
            body = {"matrix": axes, **body, "cmd": body["cmd"] + " ${key}", "outs": [f"o{index}-${{key}}"]}
        stages[f"s{index}"] = body
    return {"dvc.yaml": json.dumps({"stages": stages}), "params.yaml": json.dumps(params)}


def _places(value: Any, prefix: str) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        place = f"{prefix}[{key}]" if isinstance(value, list) else f"{prefix}.{key}".strip(".")
        yield place
        if isinstance(item, dict | list):
            yield from _places(item, place)


@pytest.mark.slow
@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(files=pipelines())
def test_generated_pipelines(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    """Either both refuse a pipeline, or both see the same; only we refuse a command that is no text (DVC could not
    run it)."""
    repository = Repository.create(tmp_path_factory.mktemp("generated") / "r")
    lay_out(repository, files)
    repository.commit()
    try:
        seen = theirs(repository)
        runs = all(isinstance(line, str) and line for stage in seen.values() for line in stage["cmd"])
    except Exception:
        runs = False
    if runs:
        assert ours(repository) == seen
    else:
        with pytest.raises(PipelineError):
            ours(repository)
