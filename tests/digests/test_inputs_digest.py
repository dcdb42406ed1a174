"""The inputs digest: the same wherever nothing that decides the model differs, another wherever something does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.digests.inputs import find_inputs
from mlops_ci.digests.sources import Project
from mlops_ci.errors import PipelineError
from mlops_ci.io.git import Git
from tests.digests.repository import PIPELINE, Repository

Edit = Callable[[Repository], None]


def rewritten(path: str, old: str, new: str) -> Edit:
    def edit(repository: Repository) -> None:
        text = (repository.root / path).read_text()
        assert old in text
        repository.write(path, text.replace(old, new))

    return edit


def written(path: str, content: str) -> Edit:
    return lambda repository: repository.write(path, content)


MATTERS: dict[str, Edit] = {
    "a command": rewritten("dvc.yaml", "python train.py", "python train.py --fast"),
    "a command further up": rewritten("dvc.yaml", "python prepare.py", "python -O prepare.py"),
    "a parameter": written("params.yaml", "depth: 4\nmodel: {rate: 0.1, unused: 1}\n"),
    "a nested parameter": written("params.yaml", "depth: 3\nmodel: {rate: 0.2, unused: 1}\n"),
    "a parameter's type": written("params.yaml", "depth: '3'\nmodel: {rate: 0.1, unused: 1}\n"),
    "a script": written("train.py", "print('better')\n"),
    "data": written("data/raw.csv", "a,b\n1,3\n"),
    "the environment": written("requirements.txt", "scikit-learn==1.6\n"),
    "an included environment": written("requirements.txt", "scikit-learn==1.5\n-r more.txt\n"),
    "a dependency more": rewritten("dvc.yaml", "[train.py, ", "[train.py, params.yaml, "),
    "an output's name": rewritten("dvc.yaml", "outs: [model]", "outs: [model2]"),
}
DOES_NOT_MATTER: dict[str, Edit] = {
    "an unused parameter": written("params.yaml", "depth: 3\nmodel: {rate: 0.1, unused: 2}\n"),
    "key order": written("params.yaml", "model: {unused: 1, rate: 0.1}\ndepth: 3\n"),
    "comments and quotes": written("params.yaml", '# depth\n"depth": 3  # three\nmodel: {"rate": 0.10, unused: 1}\n'),
    "a description": rewritten(
        "dvc.yaml", "cmd: python train.py", "desc: Trains.\n    meta: {a: 1}\n    cmd: python train.py"
    ),
    "another stage": rewritten("dvc.yaml", "  train:", "  plot: {cmd: plot, deps: [model], outs: [a.png]}\n  train:"),
    "top-level plots": lambda r: r.write("dvc.yaml", PIPELINE + "plots: [a.csv]\nmetrics: [metrics.json]\n"),
    "order of dependencies": rewritten("dvc.yaml", "[train.py, data/clean.csv]", "[data/clean.csv, train.py]"),
    "the lock": written("dvc.lock", "schema: '2.0'\nstages: {}\n"),
    "a README": written("README.md", "words\n"),
    "an output in git": written("metrics.json", '{"auc": 0.9}\n'),
    "a file mode": lambda r: (r.root / "train.py").chmod(0o755),
    "windows line ends in yaml": lambda r: r.write("dvc.yaml", PIPELINE.replace("\n", "\r\n").encode()),
}


@pytest.mark.parametrize("what", MATTERS)
def test_what_decides_the_model_changes_the_digest(repository: Repository, what: str) -> None:
    repository.pipeline()
    repository.write("more.txt", "numpy\n")
    repository.commit()
    before = repository.digest()
    MATTERS[what](repository)
    dirty = repository.digest()
    assert dirty != before
    repository.commit()
    assert repository.digest() == dirty, "committing changes nothing"


@pytest.mark.parametrize("what", DOES_NOT_MATTER)
def test_what_does_not_decide_the_model_does_not(repository: Repository, what: str) -> None:
    repository.pipeline()
    before = repository.digest()
    DOES_NOT_MATTER[what](repository)
    assert repository.digest() == before
    repository.commit()
    assert repository.digest() == before


def test_the_value_itself_is_pinned(repository: Repository) -> None:
    """Another value would orphan every model trained so far: raise inputs.VERSION and say so in the changelog."""
    assert repository.pipeline().digest() == "3581e5435dd015dfcb9de22f42fbcee397306530aef7453d945505b41fa72f41"


def test_other_folders_other_line_ends_same_digest(repository: Repository, tmp_path: Path) -> None:
    digest = repository.pipeline().digest()
    plain = tmp_path / "some where" / "é clone"
    repository.git("clone", "-q", str(repository.root), str(plain))
    assert Repository(plain).digest() == digest

    crlf = tmp_path / "crlf"
    repository.git("clone", "-q", "-c", "core.autocrlf=true", str(repository.root), str(crlf))
    assert b"\r\n" in (crlf / "train.py").read_bytes()
    windows = Repository(crlf)
    assert windows.digest() == digest
    windows.write("train.py", b"print('better')\r\n")
    repository.write("train.py", b"print('better')\n")
    assert windows.digest() == repository.digest() != digest


def test_attributes_rule_line_ends_too(repository: Repository) -> None:
    repository.write(".gitattributes", "* text=auto eol=crlf\n")
    repository.pipeline()
    digest = repository.digest()
    repository.write("train.py", b"print('train')\r\n")
    assert repository.digest() == digest


def test_a_model_may_move_with_its_folder(repository: Repository) -> None:
    repository.pipeline()
    digest = repository.digest()
    other = repository.root / "models" / "a"
    other.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml", "prepare.py", "train.py", "data", "requirements.txt"):
        shutil.move(repository.root / name, other / name)
    assert repository.digest(directory="models/a") == digest


def test_the_base_revision_and_the_working_tree_answer_alike(repository: Repository) -> None:
    repository.pipeline()
    git = Git.open(repository.root)
    there = find_inputs(git.tree(git.head()), directory="", pipeline="dvc.yaml", target="train", environment="")
    assert there == repository.inputs()


def test_inputs_tell_what_they_are(repository: Repository) -> None:
    inputs = repository.pipeline().inputs()
    assert [item.name for item in inputs.stages] == ["prepare", "train"]
    assert sorted(inputs.sources) == ["data/raw.csv", "prepare.py", "train.py"]
    assert inputs.params == {"depth": "3", "model.rate": "0.1"}
    assert list(inputs.environment) == ["requirements.txt"]
    assert inputs.producer_of("model/MLmodel") == "train"
    assert inputs.producer_of("data/clean.csv") == "prepare"
    assert inputs.producer_of("data/raw.csv") is None


def test_where_a_command_runs_matters(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: make}\n")
    before = repository.digest("t")
    repository.write("dvc.yaml", "stages:\n  t: {cmd: make, wdir: sub}\n")
    assert repository.digest("t") != before


def test_two_places_for_the_model_are_two_models(repository: Repository) -> None:
    project = repository.pipeline().project()
    one, two = (
        find_inputs(
            project, directory="", pipeline="dvc.yaml", target="train", environment="", result={"model": name}
        ).digest
        for name in ("model", "model2")
    )
    assert one != two


def test_a_dvc_file_names_data_that_is_not_here(repository: Repository) -> None:
    repository.pipeline()
    repository.git("rm", "-q", "--cached", "data/raw.csv")
    (repository.root / "data/raw.csv").unlink()
    repository.write("data/.gitignore", "/raw.csv\n")
    repository.write(
        "data/raw.csv.dvc", "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  hash: md5\n  path: raw.csv\n"
    )
    repository.commit()
    inputs = repository.inputs()
    assert inputs.sources["data/raw.csv"] == "md5:0123456789abcdef0123456789abcdef"
    before = inputs.digest
    rewritten("data/raw.csv.dvc", "0123", "9999")(repository)
    assert repository.digest() != before


def test_a_folder_is_all_its_files_in_git_and_dvc(repository: Repository) -> None:
    repository.write(
        "dvc.yaml", "stages:\n  t: {cmd: x, deps: [data, src], outs: [data/made]}\n".replace("[data, ", "[data/in, ")
    )
    repository.write("src/a.py", "1")
    repository.write("src/deep/b.py", "2")
    repository.write("src/.gitignore", "x\n")
    repository.write("data/in/c.csv", "3")
    repository.write("data/in/big.dvc", "outs:\n- md5: aa.dir\n  path: big\n")
    repository.commit()
    sources = repository.inputs("t").sources
    assert sorted(sources) == ["data/in/big", "data/in/c.csv", "src/a.py", "src/deep/b.py"]
    assert sources["data/in/big"] == "md5:aa.dir"


def test_something_inside_a_folder_of_dvcs_is_named_by_the_folder(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [data/images/a.png]}\n")
    repository.write("data/images.dvc", "outs:\n- md5: bb.dir\n  path: images\n")
    assert repository.inputs("t").sources == {"data/images": "md5:bb.dir"}


def test_cloud_versioned_data_is_named_by_its_files(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [data]}\n")
    files = "  files:\n  - relpath: a\n    md5: one\n"
    repository.write("data.dvc", f"outs:\n- path: data\n{files}")
    before = repository.digest("t")
    repository.write("data.dvc", f"outs:\n- path: data\n{files.replace('one', 'two')}")
    assert repository.digest("t") != before


def test_imports_are_frozen_data(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [raw.csv]}\n")
    imported = (
        "frozen: true\ndeps:\n- path: https://example.com/raw.csv\n  etag: x\nouts:\n- md5: cc\n  path: raw.csv\n"
    )
    repository.write("raw.csv.dvc", imported)
    assert repository.inputs("t").sources == {"raw.csv": "md5:cc"}
    repository.write("raw.csv.dvc", imported.replace("frozen: true\n", ""))
    with pytest.raises(PipelineError, match="the import is not frozen") as caught:
        repository.inputs("t")
    assert caught.value.hint == "dvc freeze raw.csv.dvc"


def test_a_frozen_stage_is_its_locked_outputs(repository: Repository) -> None:
    repository.pipeline()
    rewritten("dvc.yaml", "cmd: python prepare.py", "frozen: true\n    cmd: python prepare.py")(repository)
    with pytest.raises(PipelineError, match=r"'prepare' is frozen, but dvc\.lock does not say") as caught:
        repository.inputs()
    assert "dvc unfreeze prepare" in caught.value.hint
    lock = "schema: '2.0'\nstages:\n  prepare:\n    cmd: old\n    outs:\n    - path: data/clean.csv\n      md5: dd\n"
    repository.write("dvc.lock", lock)
    inputs = repository.inputs()
    assert inputs.sources["data/clean.csv"] == "md5:dd"
    before = inputs.digest
    repository.write("prepare.py", "print('never run')\n")
    assert repository.digest() == before
    repository.write("dvc.lock", lock.replace("dd", "ee"))
    assert repository.digest() != before


def test_outputs_of_another_pipeline_are_followed(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [etl/out/clean.csv]}\n")
    repository.write("etl/dvc.yaml", "stages:\n  e: {cmd: y, deps: [raw.csv], outs: [out]}\n")
    repository.write("etl/raw.csv", "1")
    inputs = repository.inputs("t")
    assert [item.name for item in inputs.stages] == ["e", "t"]
    assert list(inputs.sources) == ["etl/raw.csv"]


def test_a_group_of_a_loop_is_all_of_it_in_any_order(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {foreach: [a, b], do: {cmd: 'x ${item}', outs: ['${item}']}}\n")
    inputs = repository.inputs("t")
    assert [item.name for item in inputs.stages] == ["t@a", "t@b"]
    repository.write("dvc.yaml", "stages:\n  t: {foreach: [b, a], do: {cmd: 'x ${item}', outs: ['${item}']}}\n")
    assert repository.digest("t") == inputs.digest
    assert [item.name for item in repository.inputs("t@a").stages] == ["t@a"]


def test_dvcignored_files_do_not_count_but_named_ones_do(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [src]}\n")
    repository.write("src/a.py", "1")
    repository.write("src/notes.md", "1")
    repository.write(".dvcignore", "# DVC\n*.md\ntemplates/\n")
    repository.write("templates/dvc.yaml", "not: [a pipeline")
    before = repository.inputs("t")
    assert list(before.sources) == ["src/a.py"]
    repository.write("src/notes.md", "2")
    assert repository.digest("t") == before.digest


def test_a_nested_dvc_project_is_another_world(repository: Repository) -> None:
    repository.write(".dvc/config")
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [a.txt], outs: [o]}\n")
    repository.write("a.txt")
    repository.write("other/.dvc/config")
    repository.write("other/dvc.yaml", "stages:\n  broken\n")
    repository.write("other/data.dvc", "outs: nonsense\n")
    assert list(repository.inputs("t").sources) == ["a.txt"]


def test_links_are_followed_inside_the_repository_only(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [here.csv, lib/b.py]}\n")
    repository.write("there.csv", "1")
    repository.write("real/b.py", "1")
    (repository.root / "here.csv").symlink_to("there.csv")
    (repository.root / "lib").symlink_to("real")
    repository.commit()
    before = repository.inputs("t")
    assert sorted(before.sources) == ["here.csv", "lib", "real/b.py", "there.csv"]
    repository.write("there.csv", "2")
    assert repository.digest("t") != before.digest
    (repository.root / "here.csv").unlink()
    (repository.root / "here.csv").symlink_to("/etc/hostname")
    with pytest.raises(PipelineError, match="leaves the repository"):
        repository.inputs("t")
    (repository.root / "here.csv").unlink()
    (repository.root / "here.csv").symlink_to("here.csv")
    with pytest.raises(PipelineError, match="goes in a circle"):
        repository.inputs("t")


def test_a_submodule_is_its_commit(repository: Repository, tmp_path: Path) -> None:
    library = Repository.create(tmp_path / "library")
    library.write("code.py", "1")
    first = library.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.root), "lib")
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [lib/code.py]}\n")
    repository.commit()
    assert repository.inputs("t").sources == {"lib": f"commit:{first}"}
    inner = Repository(repository.root / "lib")
    inner.write("code.py", "2")
    with pytest.raises(Exception, match="submodule 'lib' has uncommitted changes"):
        repository.inputs("t")
    second = inner.commit()
    assert repository.inputs("t").sources == {"lib": f"commit:{second}"}


@pytest.mark.parametrize(
    "name", ["with space.csv", 'quo"te.csv', '"quoted".csv', "é ü 漢字.csv", "tab\tname.csv", "line\nbreak.csv"]
)
def test_odd_names(repository: Repository, name: str) -> None:
    repository.write("dvc.yaml", json.dumps({"stages": {"t": {"cmd": "x", "deps": [name]}}}))
    repository.write(name, "1")
    dirty = repository.inputs("t")
    assert list(dirty.sources) == [name]
    repository.commit()
    assert repository.digest("t") == dirty.digest


def test_lfs_pointers_are_plain_content(repository: Repository) -> None:
    """Without the filter a pointer is a small file; its name changes with the data it points to."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 1\n"
    repository.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [a.bin]}\n")
    repository.write("a.bin", pointer.format("1" * 64))
    repository.commit()
    before = repository.digest("t")
    repository.write("a.bin", pointer.format("2" * 64))
    assert repository.digest("t") != before


def test_one_project_serves_many_models(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    project: Project = repository.pipeline().project()
    find_inputs(project, directory="", pipeline="dvc.yaml", target="train", environment="")
    monkeypatch.setattr("mlops_ci.digests.sources.read_stages", lambda *_, **__: pytest.fail("parsed twice"))
    find_inputs(project, directory="", pipeline="dvc.yaml", target="prepare", environment="")


REFUSED: dict[str, tuple[str, str, str, str]] = {
    "missing dependency": (
        "stages:\n  t:\n    cmd: x\n    deps:\n    - a.txt\n    - nowhere.csv\n",
        "stage 't' needs 'nowhere.csv', which is in neither git nor DVC",
        "dvc.yaml:6",
        "dvc add nowhere.csv",
    ),
    "wildcard": (
        "stages:\n  t: {cmd: x, deps: ['data/*.csv']}\n",
        "needs 'data/\\*.csv'",
        "dvc.yaml:2",
        "DVC has no wildcards",
    ),
    "circle": (
        "stages:\n  t: {cmd: x, deps: [b], outs: [a]}\n  u: {cmd: x, deps: [a], outs: [b]}\n",
        "in a circle: t → u → t",
        "dvc.yaml:2",
        "no stage may depend",
    ),
    "own output": ("stages:\n  t: {cmd: x, deps: [a], outs: [a]}\n", "in a circle: t → t", "dvc.yaml:2", "no stage"),
    "wdir": ("stages:\n  t: {cmd: x, wdir: [a]}\n", "'wdir' must be a folder", "dvc.yaml:2", ""),
    "two writers": (
        "stages:\n  t: {cmd: x, deps: [a.txt], outs: [o]}\n  u: {cmd: y, outs: [o]}\n",
        "stages 't' and 'u' both write 'o'",
        "dvc.yaml:3",
        "every output belongs to one stage",
    ),
    "always changed": (
        "stages:\n  t: {cmd: x, always_changed: true}\n",
        "stage 't' is 'always_changed'",
        "dvc.yaml:2",
        "dvc import-url",
    ),
    "url": (
        "stages:\n  t: {cmd: x, deps: ['https://example.com/a']}\n",
        "lies outside of the repository",
        "dvc.yaml:2",
        "dvc import-url https://example.com/a",
    ),
    "absolute path": ("stages:\n  t: {cmd: x, deps: [/etc/hosts]}\n", "lies outside", "dvc.yaml:2", "dvc import-url"),
    "above the repository": ("stages:\n  t: {cmd: x, deps: [../a]}\n", "lies outside", "dvc.yaml:2", "dvc import-url"),
    "missing target": ("stages:\n  tt: {cmd: x}\n", "there is no stage 't'", "dvc.yaml", "did you mean 'tt'"),
    "missing parameter": (
        "stages:\n  t: {cmd: x, params: [dept]}\n",
        "params.yaml has no parameter 'dept'",
        "dvc.yaml:2",
        "did you mean 'depth'",
    ),
    "missing parameter file": (
        "stages:\n  t: {cmd: x, params: [p.json: [a]]}\n",
        "'p.json' is not in git",
        "dvc.yaml:2",
        "git add",
    ),
    "no stages": ("[1]\n", "must be a map with 'stages:'", "dvc.yaml", ""),
    "syntax": ("stages:\n  t: {cmd: x\n", "not valid YAML", "dvc.yaml:3", ""),
    "tab": ("stages:\n\tt: {cmd: x}\n", "a tab indents this line", "dvc.yaml:2", ""),
    "unknown key": (
        "stages:\n  t:\n    cmd: x\n    dep: [a]\n",
        "stage 't' has no key 'dep'",
        "dvc.yaml:4",
        "did you mean 'deps'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_named_is_refused_with_place_and_cure(repository: Repository, case: str) -> None:
    content, says, where, cure = REFUSED[case]
    repository.write("dvc.yaml", content)
    repository.write("params.yaml", "depth: 1\n")
    repository.write("a.txt")
    with pytest.raises(PipelineError, match=says) as caught:
        repository.inputs("t")
    assert caught.value.where == where
    assert cure in caught.value.hint
    assert caught.value.exit_code == 2


def test_no_pipeline_at_all(repository: Repository) -> None:
    repository.commit()
    with pytest.raises(PipelineError, match="there is no such pipeline file") as caught:
        repository.inputs()
    assert "write a dvc.yaml" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("outs:\n- path: raw.csv\n", "the output has no hash"),
        ("outs: nonsense\n", "must be lists of maps"),
        ("[1, 2]\n", "must be a map"),
        ("outs: [\n", "not valid YAML"),
        ("cmd: x\nouts:\n- {path: raw.csv, md5: a}\n", "with a command is not supported"),
    ],
)
def test_broken_dvc_files(repository: Repository, content: str, says: str) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [raw.csv]}\n")
    repository.write("raw.csv.dvc", content)
    with pytest.raises(PipelineError, match=says) as caught:
        repository.inputs("t")
    assert caught.value.where.startswith("raw.csv.dvc")


def test_what_python_leaves_in_a_folder_does_not_count(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: x, deps: [src]}\n")
    repository.write("src/a.py", "1")
    before = repository.digest("t")
    repository.write("src/__pycache__/a.cpython-311.pyc", b"\x00")
    repository.write("src/.DS_Store", b"\x00")
    assert repository.digest("t") == before


def test_many_stages(repository: Repository) -> None:
    repository.write(
        "dvc.yaml",
        "stages:\n  a: {matrix: {i: [" + ", ".join(map(str, range(1000))) + "]}, cmd: 'x ${key}', outs: ['d/${key}']}\n"
        "  t: {cmd: y, deps: [d]}\n",
    )
    assert len(repository.inputs("t").stages) == 1001
    chain = "".join(f"  s{i}: {{cmd: x, deps: [f{i + 1}], outs: [f{i}]}}\n" for i in range(2000))
    repository.write("dvc.yaml", f"stages:\n{chain}")
    repository.write("f2000")
    with pytest.raises(PipelineError, match="form too long a chain"):
        repository.inputs("s0")
