"""What a promotion's pull request shows, and that it shows it once."""

from __future__ import annotations

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import document
from tests.e2e.toy import params

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
DOWN = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def body(shop: Person, number: int) -> str:
    text: str = document(shop, "forge", "show", str(number))["body"]
    return text


def test_it_shows_what_is_known_of_both_and_is_written_once(shop: Person) -> None:
    shop.write("params.yaml", params("ab"))
    shop.commit("Use b as well")
    shop.mlops("merge")
    print(body(shop, 1))
