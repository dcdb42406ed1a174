"""Which variables the user's code is not given."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.github import credentials
from mlops_ci.ports.training import Interpreter
from mlops_ci.ports.user_code import for_user_code

KEPT_BACK = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "MLOPS_CI_TOKEN",
    "MLOPS_CI_APP_ID",
    "MLOPS_CI_APP_PRIVATE_KEY",
    "MLOPS_CI_APP_INSTALLATION_ID",
    "MLOPS_CI_KUBECONFIG",
    "MLOPS_CI_REGISTRY_USERNAME",
    "MLOPS_CI_REGISTRY_PASSWORD",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
)
GIVEN = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/tmp/t",
    "GOOGLE_APPLICATION_CREDENTIALS": "/tmp/g",
    "AZURE_STORAGE_CONNECTION_STRING": "c",
    "MLFLOW_TRACKING_URI": "https://mlflow",
    "MLFLOW_TRACKING_PASSWORD": "d",
    "DVC_STUDIO_TOKEN": "e",
    "UV_INDEX_URL": "https://u:p@index",
    "KUBECONFIG": "/home/me/.kube/config",
    "GITHUB_SHA": "0" * 40,
    "GITHUB_WORKSPACE": "/w",
    "CI": "true",
    "MLOPS_CI_CACHE": "/cache",
    "MLOPS_CI_REGISTRY": "ghcr.io",
}


def test_what_is_kept_back_and_what_is_given() -> None:
    before = {**GIVEN, **dict.fromkeys(KEPT_BACK, "secret")}
    assert for_user_code(before) == GIVEN
    assert set(before) == {*GIVEN, *KEPT_BACK}, "what was passed in stays as it was"


@pytest.mark.parametrize(
    "name",
    [credentials.APP, credentials.KEY, credentials.INSTALLATION, *credentials.PERSONAL, credentials.WORKFLOW],
)
def test_every_credential_that_github_is_reached_with_is_kept_back(name: str) -> None:
    assert for_user_code({name: "secret"}) == {}


def test_an_interpreter_gets_none_of_them() -> None:
    python = Interpreter(path=Path("/theirs/bin/python"), digest="", version="", description="")
    before = {**GIVEN, **dict.fromkeys(KEPT_BACK, "secret"), "PYTHONPATH": "/ours", "VIRTUAL_ENV": "/ours"}
    assert python.environ(before) == {**GIVEN, "PATH": "/theirs/bin:/usr/bin", "VIRTUAL_ENV": "/theirs"}
