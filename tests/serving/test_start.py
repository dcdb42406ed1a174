"""What the server refuses to start with, in seconds and before anything heavy is imported."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.serving.servers import command, environment, launch

pytestmark = pytest.mark.slow


def fails(tmp_path: Path, model: Path, settings: Any = None, digest: str = "", name: str = "m") -> tuple[int, str]:
    """(exit code, what it wrote) of a server that must not start."""
    options = []
    if settings is not None:
        (tmp_path / "settings.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
        options = ["--settings", str(tmp_path / "settings.json")]
    words = command(tmp_path, model, name, options, digest)
    found = subprocess.run(words, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert not (tmp_path / "ready.json").exists()
    assert "Traceback" not in found.stderr
    return found.returncode, found.stderr


def test_another_digest(tmp_path: Path, zoo: Path) -> None:
    code, words = fails(tmp_path, zoo / "clicks", digest="0" * 64)
    assert code == 11
    assert words.startswith("error: ")
    assert f"{'0' * 64} was asked for" in words


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    code, words = fails(tmp_path, tmp_path / "none", digest="0" * 64)
    assert (code, "is missing or holds no file" in words) == (3, True)


def test_a_name_that_would_break_the_paths(tmp_path: Path, zoo: Path) -> None:
    code, words = fails(tmp_path, zoo / "clicks", name="a/../b")
    assert (code, "name may have letters" in words) == (2, True)


def test_a_pickle_where_only_others_are_allowed(tmp_path: Path, zoo: Path) -> None:
    code, words = fails(tmp_path, zoo / "clicks", {"formats": ["skops", "xgboost"]})
    assert code == 2
    assert "model.pkl is a pickle file, which is not allowed here" in words
    assert "allowed formats: skops, xgboost" in words


def test_a_format_that_is_allowed(tmp_path: Path, zoo: Path) -> None:
    server = launch(tmp_path, zoo / "safe", "safe", settings={"formats": ["skops"]})
    try:
        answer = server.started().v1({"instances": [[30.5, 8]]})
        assert answer.json["predictions"] == pytest.approx([38.5])
        assert server.end(signal.SIGINT) == 0
        assert not list(tmp_path.rglob("__pycache__"))  # the code lies as it was brought
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{", "not JSON"),
        ("[]", "the settings must be an object"),
        ({"drain_secs": 1}, "did you mean 'drain_seconds'?"),
        ({"max_body_mb": 0}, "'max_body_mb' must be a number of at least 0.001"),
        ({"threads": True}, "'threads' must be a whole number"),
        ({"threads": 1.5}, "'threads' must be a whole number"),
        ({"formats": [1]}, "'formats' must be a list of texts"),
        ({"formats": ["pickles"]}, "'pickles' is no format"),
        ({"log": {"sample": 1}}, "'log.folder' is missing"),
        ({"log": {"folder": "x", "sample": 1.5}}, "'log.sample' must be a number of at least 0 and at most 1"),
        ({"batch": {"rows": 5}}, "no key 'batch.rows'"),
        ({"batch": 5}, "'batch' must be an object"),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, zoo: Path, settings: Any, words: str) -> None:
    code, said = fails(tmp_path, zoo / "clicks", settings)
    assert code == 2
    assert words in said


def test_settings_that_are_right() -> None:
    from mlops_ci.serving.settings import Settings, read_settings

    assert read_settings(None) == Settings()


def test_settings_of_the_command_line_take_the_place_of_the_files(tmp_path: Path, zoo: Path) -> None:
    from mlops_ci.digests.directory import digest_directory
    from mlops_ci.errors import ConfigError
    from mlops_ci.serving.__main__ import arguments, check

    (tmp_path / "settings.json").write_text('{"threads": 2}')
    model = zoo / "clicks"
    words = ["--model", str(model), "--name", "clicks", "--digest", digest_directory(model)]
    words += ["--settings", str(tmp_path / "settings.json")]
    assert check(arguments(words)).threads == 2
    assert check(arguments([*words, "--settings-json", '{"max_body_mb": 1}'])).threads == 1
    with pytest.raises(ConfigError, match="no key 'threadz'") as caught:
        check(arguments([*words, "--settings-json", '{"threadz": 1}']))
    assert caught.value.where == "--settings-json"


def test_every_setting_has_a_rule() -> None:
    from dataclasses import fields

    from mlops_ci.serving.settings import RULES

    for kind, rules in RULES.items():
        assert [field.name for field in fields(kind)] == list(rules)


def test_every_setting_and_metric_is_in_the_documentation() -> None:
    import re

    from mlops_ci.serving.formats import KNOWN
    from mlops_ci.serving.settings import PARTS, RULES, Settings

    root = Path(__file__).parents[2]
    page = (root / "docs/serving.md").read_text("utf-8")
    names = [name for name in RULES[Settings] if name not in PARTS]
    names += [f"{part}.{name}" for part, kind in PARTS.items() for name in RULES[kind]]
    source = "".join(path.read_text("utf-8") for path in (root / "mlops_ci/serving").glob("*.py"))
    names += re.findall(r'"(mlops_[a-z_]+)", "', source)
    names += [*re.findall(r'reason="(\w+)"', source), *KNOWN]
    assert len(names) > 50
    assert [name for name in names if not re.search(rf"`{name}(_total)?`", page)] == []
