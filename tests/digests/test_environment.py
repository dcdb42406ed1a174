"""Which files describe the environment."""

from __future__ import annotations

import pytest

from mlops_ci.digests.environment import find_environment
from mlops_ci.errors import ConfigError
from tests.digests.repository import Repository


def find(repository: Repository, spec: str = "", directory: str = "models/a") -> tuple[str, ...]:
    return find_environment(repository.project().tree, directory, spec)


def test_the_nearest_one_is_found_in_this_order(repository: Repository) -> None:
    assert find(repository) == ()
    repository.write("pyproject.toml")
    assert find(repository) == ("pyproject.toml",)
    repository.write("uv.lock")
    assert find(repository) == ("pyproject.toml", "uv.lock")
    repository.write("requirements.txt")
    assert find(repository) == ("requirements.txt",)
    repository.write("models/a/uv.lock")
    assert find(repository) == ("models/a/uv.lock",)
    repository.write("models/a/requirements.txt")
    assert find(repository) == ("models/a/requirements.txt",)


def test_what_a_file_includes_belongs_to_it(repository: Repository) -> None:
    repository.write(
        "models/a/requirements.txt", "-r ../base.txt\n--constraint=pins.txt # why\nnumpy -r\n# -r none.txt\n"
    )
    repository.write("models/base.txt", "-r base.txt\n--requirement more/x.txt\r\n")
    repository.write("models/more/x.txt")
    repository.write("models/a/pins.txt", "-c https://example.com/c.txt\n")
    assert set(find(repository)) == {
        "models/a/requirements.txt", "models/base.txt", "models/a/pins.txt", "models/more/x.txt"
    }  # fmt: skip


@pytest.mark.parametrize("spec", ["/usr/bin/python3", "python3.11", "../venv/bin/python"])
def test_an_interpreter_is_no_file(repository: Repository, spec: str) -> None:
    repository.write("requirements.txt")
    assert find(repository, spec) == ()


def test_a_missing_file_names_the_nearest(repository: Repository) -> None:
    repository.write("models/a/requirements-train.txt")
    with pytest.raises(ConfigError, match=r"'models/a/requirement-train\.txt' is not in git") as caught:
        find(repository, "requirement-train.txt")
    assert caught.value.hint == "did you mean 'models/a/requirements-train.txt'?"
    repository.write("requirements.txt", "-r gone.txt\n")
    with pytest.raises(ConfigError, match=r"'gone\.txt' is not in git \(included by requirements\.txt\)"):
        find(repository, "", "")


def test_a_kind_of_file_that_cannot_be_built_is_refused(repository: Repository) -> None:
    with pytest.raises(ConfigError, match=r"'conda\.yml' is no environment that can be built"):
        find(repository, "conda.yml")
