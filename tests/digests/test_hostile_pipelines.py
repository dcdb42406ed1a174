"""Whatever stands in a dvc.yaml, a .dvc file or a parameter file: stages, or one PipelineError; never anything else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_ci.digests.inputs import find_inputs
from mlops_ci.errors import ConfigError, PipelineError


class Files:
    """A tree of what a test writes down."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.root = Path("/nowhere")

    def paths(self) -> Iterable[str]:
        return self.files

    def kind(self, path: str) -> str:
        return "file" if path in self.files else ""

    def exists(self, path: str) -> bool:
        return path in self.files

    def prefetch(self, paths: Iterable[str]) -> None:
        list(paths)

    def read(self, path: str) -> bytes:
        return self.files[path]

    def digest(self, path: str) -> str:
        return f"git:{len(self.files[path])}"


words = st.sampled_from(
    [
        "t",
        "a",
        "raw",
        "params.yaml",
        "p.json",
        "${a}",
        "${item}",
        "${key.x}",
        "x ${t[0]}",
        "../up",
        "/abs",
        "s3://b",
        "",
        ".",
        "-",
    ]
)
keys = st.sampled_from(
    ["stages", "vars", "t", "cmd", "deps", "outs", "params", "wdir", "foreach", "do", "matrix", "frozen", "metrics",
     "plots", "a", "path", "md5", "files", "desc", "always_changed", "p.json"]
)  # fmt: skip
leaves = st.one_of(words, st.integers(-2, 3), st.booleans(), st.none(), st.floats(allow_nan=True))
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)
stages = st.dictionaries(keys, documents, max_size=4).map(lambda body: {"cmd": "x", **body})
pipelines = st.one_of(documents, st.fixed_dictionaries({"stages": st.dictionaries(st.just("t"), stages, min_size=1)}))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(pipelines, documents, documents)
def test_structures(pipeline: Any, params: Any, data: Any) -> None:
    look({"dvc.yaml": pipeline, "params.yaml": params, "p.json": params, "raw.dvc": data, "dvc.lock": data})


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=80), st.binary(max_size=40))
def test_bytes(pipeline: bytes, params: bytes) -> None:
    files = Files({"dvc.yaml": b"stages:\n  t:\n    cmd: x\n    params: [conf.py: ]\n" + pipeline, "conf.py": params})
    with contextlib.suppress(PipelineError, ConfigError):
        find_inputs(files, directory="", pipeline="dvc.yaml", target="t", environment="")


def look(documents: dict[str, Any]) -> None:
    files = Files({name: json.dumps(value).encode() for name, value in documents.items()})
    with contextlib.suppress(PipelineError, ConfigError):
        find_inputs(files, directory="", pipeline="dvc.yaml", target="t", environment="")
