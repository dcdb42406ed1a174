"""A release file is what we wrote, or it is refused with its line."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.config.release_file import MAX_BYTES, digest, line_of, parse, path_of, place_of, render, schema
from mlops_ci.errors import ConfigError, UsageError
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.results import Verdict

RELEASE = Release(
    model="flight-delay",
    version="3",
    model_digest="ab" * 32,
    inputs_digest="cd" * 32,
    run_id="0f" * 16,
    image="ghcr.io/acme/flight-delay",
    image_digest="sha256:" + "ef" * 32,
    commit="12" * 20,
    verdict="better",
    serving={"port": "8080", "format": "skops"},
)
PATH = "releases/flight-delay/production.yaml"


def test_it_reads_as_it_was_written() -> None:
    content = render(RELEASE)
    assert parse(content, path=PATH, model="flight-delay") == RELEASE
    assert content.startswith(b"# Written by mlops-ci; a promotion's pull request changes it")
    assert render(dataclasses.replace(RELEASE, serving={"format": "skops", "port": "8080"})) == content


def test_the_bytes_are_these() -> None:
    release = Release(model="a", version="1", model_digest="0" * 64, inputs_digest="1" * 64, run_id="r")
    assert render(release).decode().splitlines()[1:] == [
        'model: "a"',
        'version: "1"',
        f'model_digest: "{"0" * 64}"',
        f'inputs_digest: "{"1" * 64}"',
        'run_id: "r"',
        'image: ""',
        'image_digest: ""',
        'storage_uri: ""',
        'commit: ""',
        'verdict: ""',
        "serving: {}",
        f'digest: "{digest(release)}"',
    ]


@given(st.text(max_size=40))
def test_any_text_comes_back_or_is_refused(text: str) -> None:
    release = dataclasses.replace(RELEASE, serving={"note": text})
    try:
        content = render(release)
    except ConfigError:
        assert not text.isprintable()
    else:
        assert parse(content, path=PATH) == release


def edited(old: str, new: str) -> bytes:
    text = render(RELEASE).decode()
    assert old in text
    return text.replace(old, new).encode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('version: "3"', "version: 3", "production.yaml:3: version must be text, but is a whole number"),
        ('version: "3"', "versoin: '3'", "production.yaml:3: the file has no key 'versoin'"),
        ('run_id: "' + "0f" * 16 + '"\n', "", "the file lacks 'run_id'"),
        ('"' + "ab" * 32 + '"', '"' + "ab" * 31 + '"', "yaml:4: model_digest does not have the form it needs"),
        ('"' + "ab" * 32 + '"', '"' + "AB" * 32 + '"', "yaml:4: model_digest does not have the form it needs"),
        ('"' + "cd" * 32 + '"', '"' + "cd" * 32 + '\\n"', "yaml:5: inputs_digest holds a control character"),
        ("sha256:" + "ef" * 32, "latest", "yaml:8: image_digest does not have the form it needs"),
        ('verdict: "better"', 'verdict: "great"', "yaml:11: verdict must not be 'great'"),
        ('port: "8080"', "port: 8080", "yaml:14: serving.port must be text, but is a whole number"),
        ('port: "8080"', '../up: "1"', "has a name that is not allowed: '../up'"),
        ('model: "flight-delay"', 'model: "flight-delay"\nmodel: "b"', "yaml:3: the key 'model' appears twice"),
        ('model: "flight-delay"', 'model: "other"', "yaml:2: it is a release of 'other', but lies in the folder of"),
        ('model: "flight-delay"', 'model: "../../etc"', "yaml:2: model does not have the form it needs"),
        ('model: "flight-delay"', "model: !!python/name:os.system ''", "the tag"),
        ('version: "3"', "- version", "production.yaml:3: not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(edited(old, new), path=PATH, model="flight-delay")
    assert expected in str(caught.value)
    assert str(caught.value).startswith(PATH)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('port: "8080"', 'port: "9090"'),
        ('  port: "8080"\n', ""),
        ('port: "8080"', 'port: "8080"\n  threads: "2"'),
        ('version: "3"', 'version: "4"'),
        ('verdict: "better"', 'verdict: "first"'),
        ("12" * 20, "13" * 20),
        ("sha256:" + "ef" * 32, "sha256:" + "ee" * 32),
        ('image: "ghcr.io/acme/flight-delay"', 'image: ""'),
    ],
)
def test_what_was_changed_since_it_was_written_is_refused_though_it_makes_sense(old: str, new: str) -> None:
    content = edited(old, new)
    with pytest.raises(ConfigError, match="the file was changed by hand: its digest is") as caught:
        parse(content, path=PATH, model="flight-delay")
    assert caught.value.where == f"{PATH}:{line_of(content, 'digest')}"
    assert f"git log -p -- {PATH}" in caught.value.hint


def test_the_digest_is_that_of_the_lines_before_it_and_what_yaml_does_not_mind_is_no_change() -> None:
    *lines, last = render(RELEASE).splitlines(keepends=True)
    assert last.decode() == f'digest: "{hashlib.sha256(b"".join(lines)).hexdigest()}"\n'
    assert parse(b"".join([last, *reversed(lines[1:11]), b"# a note\n", *lines[11:]]), path=PATH) == RELEASE


def test_several_problems_are_told_at_once() -> None:
    content = edited('version: "3"', 'version: "x"').replace(b"verdict", b"verdikt")
    with pytest.raises(ConfigError, match="yaml:3: version") as caught:
        parse(content, path=PATH)
    assert "and line 11: the file has no key 'verdikt'" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"- a\n", "not a map"),
        (b"\xff", "not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "the limit is 65,536"),
    ],
)
def test_what_is_no_release_at_all(content: bytes, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse(content, path=PATH)


@pytest.mark.parametrize("name", ["..", "../a", "a/b", "", "A", "a\n", "/etc", "-a", "a" * 64])
def test_no_path_is_made_of_what_is_no_name(name: str) -> None:
    for names in ((name, "production"), ("flight-delay", name)):
        with pytest.raises(UsageError, match="is no name of"):
            path_of(*names)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("releases/b/production.yaml", "mlops.yaml has no model 'b'"),
        ("releases/a/prodution.yaml", "mlops.yaml has no environment 'prodution'"),
        ("releases/a/production.yml", "a release lies in"),
        ("releases/a/x/production.yaml", "a release lies in"),
        ("releases/../a/production.yaml", "a release lies in"),
    ],
)
def test_a_file_that_has_no_place(path: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        place_of(path, {"a": ("staging", "production")})
    assert caught.value.where == path


def test_a_file_that_has_one() -> None:
    assert place_of(path_of("a", "staging"), {"a": ("staging",)}) == ("a", "staging")


def test_a_release_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(ConfigError, match="model_digest does not have the form it needs"):
        render(dataclasses.replace(RELEASE, model_digest="short"))


def test_schema_and_dataclass_agree() -> None:
    from jsonschema.validators import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    fields = {field.name: field for field in dataclasses.fields(Release)}
    assert list(schema()["properties"]) == [*fields, "digest"]
    optional = {name for name, field in fields.items() if field.default is not dataclasses.MISSING} | {"serving"}
    assert set(schema()["required"]) == set(fields) - optional | {"digest"}
    for name, node in schema()["properties"].items():
        assert node["description"]
        assert ("default" in node) == (name in optional)
        if name in optional - {"serving"}:
            assert encode(fields[name].default) == node["default"]
    assert set(schema()["properties"]["verdict"]["enum"]) == {"", *(item.value for item in Verdict)}


def test_a_sound_file_is_read_without_jsonschema() -> None:
    code = (
        "import sys; from mlops_ci.config.release_file import parse; parse(sys.stdin.buffer.read(), path='x');"
        "print('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=render(RELEASE), capture_output=True, check=True)
    assert done.stdout == b"False\n"
