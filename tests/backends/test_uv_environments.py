"""Each kind of environment, built by real uv with one small package: built once, and never into the repository.

Without a package index, or a cache, these tests skip.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.backends.uv_environments import UvEnvironments
from mlops_ci.digests.environment import find_environment
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io.git import Git
from mlops_ci.ports.training import Interpreter
from tests.e2e.person import Person

pytestmark = [pytest.mark.slow]
PROJECT = '[project]\nname = "toy"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["six==1.16.0"]\n'


@pytest.fixture(scope="module", autouse=True)
def _index(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("probe")
    (folder / "pyproject.toml").write_text(PROJECT)
    ended = subprocess.run([uv(), "lock", "-q", "--project", folder], capture_output=True, text=True)
    if ended.returncode != 0:
        pytest.skip(f"the package index cannot be reached: {ended.stderr.strip().splitlines()[-1:]}")


@pytest.fixture
def repository(tmp_path: Path) -> Person:
    person = Person(tmp_path / "repository")
    person.home.mkdir()
    person.git("init", "-q", "-b", "main")
    return person


class Builder:
    """Prepares environments of a repository's working tree, and hears what is built."""

    def __init__(self, cache: Path) -> None:
        self.environments = UvEnvironments(cache=cache, environ=os.environ)
        self.said: list[str] = []

    def prepare(self, folder: Path, files: tuple[str, ...], spec: str = "", extra: tuple[str, ...] = ()) -> Interpreter:
        return self.environments.prepare(folder, files, spec, say=self.said.append, extra=extra)

    def of(self, person: Person, spec: str = "", directory: str = "") -> Interpreter:
        person.git("add", "-A")
        person.git("commit", "-qm", "Change", "--allow-empty")
        files = find_environment(Git.open(person.home).working_tree(), directory, spec)
        found = self.prepare(person.home, files, spec)
        assert person.git("status", "--porcelain", "--ignored") == "", "the repository stays as it was"
        return found

    @property
    def built(self) -> int:
        return sum(line.startswith("building") for line in self.said)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "cache")


def version_of_six(python: Interpreter) -> str:
    words = [str(python.path), "-c", "import six; print(six.__version__)"]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout.strip()


def uv() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())


def lock(person: Person, folder: str = "") -> None:
    subprocess.run([uv(), "lock", "--quiet", "--project", person.home / folder], check=True)


def test_a_requirements_file(repository: Person, builder: Builder) -> None:
    repository.write("requirements.txt", "six==1.16.0\n")
    python = builder.of(repository)
    assert version_of_six(python) == "1.16.0"
    assert builder.of(repository) == python
    assert builder.built == 1
    assert "Installed 1 package" in " ".join(builder.said)
    assert "six==1.16.0" not in " ".join(builder.said), "each package is for the log alone"
    assert "+ six==1.16.0" in (builder.environments.cache / "last-build.log").read_text("utf-8")
    repository.write("requirements.txt", "six==1.15.0\n")
    assert version_of_six(builder.of(repository)) == "1.15.0"
    assert builder.built == 2


@pytest.mark.parametrize("spec", ["", "uv.lock", "pyproject.toml"])
def test_a_locked_project(repository: Person, builder: Builder, spec: str) -> None:
    repository.write("pyproject.toml", PROJECT)
    lock(repository)
    python = builder.of(repository, spec)
    assert version_of_six(python) == "1.16.0"
    assert builder.of(repository, spec) == python
    assert builder.built == 1


def test_a_project_without_a_lock_is_refused_with_the_cure(repository: Person, builder: Builder) -> None:
    repository.write("m/pyproject.toml", PROJECT)
    with pytest.raises(ConfigError, match=r"'m/pyproject.toml' has no uv.lock beside it") as caught:
        builder.of(repository, directory="m")
    assert "uv lock" in caught.value.hint
    assert repository.git("status", "--porcelain", "--ignored") == ""
    lock(repository, "m")
    assert version_of_six(builder.of(repository, directory="m")) == "1.16.0"


def test_a_pythons_path(repository: Person, builder: Builder) -> None:
    python = builder.of(repository, sys.executable)
    assert python.path == Path(sys.executable)
    assert python.version == ".".join(map(str, sys.version_info[:3]))
    assert builder.of(repository, sys.executable) == python
    assert builder.built == 0


def test_requirements_that_include_each_other_are_rebuilt_anywhere(
    repository: Person, builder: Builder, tmp_path: Path
) -> None:
    """What a run keeps is these files with their paths: another folder, the same environment."""
    repository.write("a/requirements.txt", "-r ../common/requirements.txt\n")
    repository.write("common/requirements.txt", "six==1.16.0\n")
    python = builder.of(repository, directory="a")
    files = find_environment(Git.open(repository.home).working_tree(), "a", "")
    assert files == ("a/requirements.txt", "common/requirements.txt")
    kept = tmp_path / "kept"
    for name in files:
        (kept / name).parent.mkdir(parents=True)
        (kept / name).write_bytes((repository.home / name).read_bytes())
    assert builder.prepare(kept, files).digest == python.digest
    assert builder.built == 1
    elsewhere = Builder(tmp_path / "another machine").prepare(kept, files)
    assert elsewhere.digest == python.digest
    assert version_of_six(elsewhere) == "1.16.0"


def test_equal_names_in_two_folders_are_two_files(repository: Person, builder: Builder) -> None:
    repository.write("a/requirements.txt", "-r ../b/requirements.txt\n")
    repository.write("b/requirements.txt", "six==1.16.0\n")
    first = builder.of(repository, directory="a")
    repository.write("b/requirements.txt", "six==1.15.0\n")
    second = builder.of(repository, directory="a")
    assert (version_of_six(first), version_of_six(second)) == ("1.16.0", "1.15.0")
    repository.write("a/requirements.txt", "-r ../b/requirements.txt\n\n")
    assert builder.of(repository, directory="a").digest != second.digest


def test_what_serves_the_model_comes_beside_and_changes_nothing(repository: Person, builder: Builder) -> None:
    repository.write("requirements.txt", "six<1.17\n")
    alone = builder.of(repository)
    extra = ("six>=1.10", "toolz==1.0.0")
    python = builder.prepare(repository.home, ("requirements.txt",), extra=extra)
    assert python.digest != alone.digest
    assert version_of_six(python) == version_of_six(alone)
    subprocess.run([str(python.path), "-c", "import toolz"], check=True, cwd="/")


@pytest.mark.parametrize("locked", [False, True])
def test_what_serves_the_model_and_does_not_fit_is_named(repository: Person, builder: Builder, locked: bool) -> None:
    if locked:
        repository.write("pyproject.toml", PROJECT)
        lock(repository)
    else:
        repository.write("requirements.txt", "six==1.16.0\n")
    files = ("pyproject.toml", "uv.lock") if locked else ("requirements.txt",)
    with pytest.raises(BackendError, match=r"^six>=1.17, which serves the model, does not fit the versions") as caught:
        builder.prepare(repository.home, files, extra=("six>=1.17",))
    assert "six==1.16.0" in caught.value.hint
    assert "No solution found" in caught.value.hint


def test_requirements_that_do_not_exist_are_no_matter_of_what_serves(repository: Person, builder: Builder) -> None:
    repository.write("requirements.txt", "six==99\n")
    with pytest.raises(BackendError, match="could not be built"):
        builder.prepare(repository.home, ("requirements.txt",), extra=("toolz==1.0.0",))


def test_neither_a_package_that_is_built_nor_a_python_of_the_users_gets_the_jobs_credentials(
    repository: Person, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    monkeypatch.setenv("MLOPS_CI_APP_PRIVATE_KEY", "x")
    monkeypatch.setenv("UV_TEST_KEPT", "x")
    told = repository.home.parent / "told"
    system = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    repository.write("package/pyproject.toml", PROJECT + system)
    repository.write(
        "package/own.py", f"import os\nopen({str(told)!r}, 'a').write('\\n'.join(os.environ))\nraise SystemExit(1)\n"
    )
    repository.write("requirements.txt", "./package\n")
    with pytest.raises(BackendError, match="could not be built"):
        builder.prepare(repository.home, ("requirements.txt",))
    built = set(told.read_text().split("\n"))
    told.unlink()
    repository.write("python", f'#!/bin/sh\nenv | cut -d= -f1 >> {told}\nexec {sys.executable} "$@"\n')
    (repository.home / "python").chmod(0o755)
    builder.prepare(repository.home, (), "python", extra=("pytest",))
    for given in (built, set(told.read_text().split("\n"))):
        assert "UV_TEST_KEPT" in given
        assert not {"GITHUB_TOKEN", "MLOPS_CI_APP_PRIVATE_KEY"} & given
