"""Which token is used, and what can't be one."""

from __future__ import annotations

import pytest

from mlops_ci.errors import UsageError
from mlops_ci.github.credentials import find_access
from mlops_ci.records.github import TokenKind

APP = {"MLOPS_CI_APP_ID": "42", "MLOPS_CI_APP_PRIVATE_KEY": "-----BEGIN KEY-----\\nsecret\\n-----END KEY-----"}
PERSONAL = {"MLOPS_CI_TOKEN": "ghp_personal"}
GH = {"GH_TOKEN": "github_pat_gh"}
WORKFLOW = {"GITHUB_TOKEN": "ghs_workflow"}
REPOSITORY = {"GITHUB_REPOSITORY": "acme/models"}


@pytest.mark.parametrize(
    ("environ", "kind", "source"),
    [
        ({**APP, **PERSONAL, **GH, **WORKFLOW}, TokenKind.APP, "MLOPS_CI_APP_ID"),
        ({**PERSONAL, **GH, **WORKFLOW}, TokenKind.PERSONAL, "MLOPS_CI_TOKEN"),
        ({**GH, **WORKFLOW}, TokenKind.PERSONAL, "GH_TOKEN"),
        (WORKFLOW, TokenKind.WORKFLOW, "GITHUB_TOKEN"),
        ({"MLOPS_CI_TOKEN": "", "GITHUB_TOKEN": "ghs_workflow"}, TokenKind.WORKFLOW, "GITHUB_TOKEN"),
        ({"MLOPS_CI_TOKEN": "ghs_made_by_a_step_for_an_app"}, TokenKind.APP, "MLOPS_CI_TOKEN"),
    ],
)
def test_an_app_before_a_person_before_the_workflow(environ: dict[str, str], kind: TokenKind, source: str) -> None:
    found = find_access({**REPOSITORY, **environ})
    assert found is not None
    assert (found.kind, found.source, found.repository) == (kind, source, "acme/models")
    assert (found.key is None) == (source != "MLOPS_CI_APP_ID")


@pytest.mark.parametrize("environ", [{}, REPOSITORY, WORKFLOW, {**REPOSITORY, "GITHUB_TOKEN": "  \n"}])
def test_nothing_to_reach_github_with(environ: dict[str, str]) -> None:
    assert find_access(environ) is None


@pytest.mark.parametrize(
    ("url", "api", "graphql"),
    [
        ("", "https://api.github.com", "https://api.github.com/graphql"),
        ("https://git.acme.com/api/v3/", "https://git.acme.com/api/v3", "https://git.acme.com/api/graphql"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
    ],
)
def test_where_the_api_is(url: str, api: str, graphql: str) -> None:
    found = find_access({**REPOSITORY, **WORKFLOW, "GITHUB_API_URL": url})
    assert found is not None
    assert (found.api_url, found.graphql_url) == (api, graphql)


@pytest.mark.parametrize(
    "url", ["http://git.acme.com/api/v3", "ftp://x", "nonsense", "https://me:pass@api.github.com", "https://x/?a=b"]
)
def test_a_token_is_not_sent_in_the_clear_or_into_the_blue(url: str) -> None:
    with pytest.raises(UsageError, match="must be an https URL") as caught:
        find_access({**REPOSITORY, **WORKFLOW, "GITHUB_API_URL": url})
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("token", ["ghp_a b", "ghp_a\nX-Header: b", "ghp_ä", "ghp_\x00"])
def test_what_is_no_token_is_never_shown(token: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_TOKEN is no token") as caught:
        find_access({**REPOSITORY, "GITHUB_TOKEN": token})
    assert "ghp_" not in f"{caught.value!r}{caught.value.hint}"


def test_a_line_break_at_the_end_of_a_secret_is_not_part_of_it() -> None:
    found = find_access({**REPOSITORY, "GITHUB_TOKEN": "ghs_x\r\n"})
    assert found is not None
    assert found.token == "ghs_x"
    assert "ghs_x" not in repr(found)


def test_a_key_in_one_line_gets_its_line_breaks_back() -> None:
    found = find_access({**REPOSITORY, **APP, "MLOPS_CI_APP_INSTALLATION_ID": "7"})
    assert found is not None
    assert found.key is not None
    assert found.key.private_key == "-----BEGIN KEY-----\nsecret\n-----END KEY-----\n"
    assert found.key.installation == 7
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MLOPS_CI_APP_ID": "42"}, "MLOPS_CI_APP_PRIVATE_KEY is missing"),
        ({"MLOPS_CI_APP_PRIVATE_KEY": "k"}, "MLOPS_CI_APP_ID is missing"),
        ({**APP, "MLOPS_CI_APP_INSTALLATION_ID": "x"}, "INSTALLATION_ID is no number"),
        ({**WORKFLOW, "GITHUB_REPOSITORY": "acme/models/../../orgs"}, "not owner/name"),
        ({**WORKFLOW, "GITHUB_REPOSITORY": "models"}, "not owner/name"),
        ({**WORKFLOW, "GITHUB_GRAPHQL_URL": "https://elsewhere.example.com/graphql"}, "not on the host"),
    ],
)
def test_what_is_half_there_is_told(environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_access({**REPOSITORY, **environ})
