"""Requests that wait together are answered together, and an error stays with its own request."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.serving.servers import Answer, Running
from tests.serving.test_refusals import scalars

pytestmark = pytest.mark.slow


def while_held(server: Running, folder: Path, bodies: list[Any]) -> list[Answer]:
    """The answers to `bodies`, all of which came in while the model was held up by another request."""
    folder.mkdir()
    with ThreadPoolExecutor(len(bodies) + 1) as pool:
        holding = pool.submit(server.v1, {"instances": [{**scalars(), "s": f"hold:{folder}"}]})
        server.wait(lambda: any(folder.glob("begun-*")))
        asked: list[Future[Answer]] = []
        for body in bodies:
            asked.append(pool.submit(server.v1, body))
        server.wait(lambda: server.metric("mlops_requests_in_flight") == len(bodies) + 2)  # the held and this one too
        (folder / "go").touch()
        assert holding.result().status == 200
        return [future.result() for future in asked]


def rows_at_once(answer: Answer) -> int:
    return int(answer.json["predictions"][0].split("|")[0])


def test_waiting_requests_share_a_call(told: Running, tmp_path: Path) -> None:
    bodies = [{"instances": [{**scalars(), "l": number}]} for number in range(10)]
    answers = while_held(told, tmp_path / "hold", bodies)
    assert [answer.status for answer in answers] == [200] * 10
    assert sorted(map(rows_at_once, answers)) == [2, 2, *[8] * 8]  # at most max_rows in one call
    for number, answer in enumerate(answers):
        assert f"True, 1, {number}, 0.5" in answer.json["predictions"][0]


def test_an_error_stays_with_its_request(told: Running, tmp_path: Path) -> None:
    good = {"instances": [scalars()]}
    failing, wrong = {"instances": [{**scalars(), "s": "fail"}]}, {"instances": [{**scalars(), "l": "x"}]}
    answers = while_held(told, tmp_path / "hold", [good, failing, wrong, good])
    assert [answer.status for answer in answers] == [200, 500, 400, 200]
    assert list(map(rows_at_once, [answers[0], answers[3]])) == [1, 1]


def test_a_row_without_a_value_fails_its_own_request_only(told: Running, tmp_path: Path) -> None:
    """The model takes no null of `d` in a call where a row says `whole`: together they fail, alone only one does."""
    whole, empty = {**scalars(), "s": "whole"}, {**scalars(), "d": None}
    both = {**whole, "d": None}
    answers = while_held(told, tmp_path / "hold", [{"instances": [row]} for row in (whole, empty, both, whole)])
    assert [answer.status for answer in answers] == [200, 200, 400, 200]
    assert (answers[2].json["field"], answers[2].json["row"]) == ("d", 0)


def test_requests_with_other_columns_do_not_share_a_call(told: Running, tmp_path: Path) -> None:
    bodies = [{"instances": [scalars()]}, {"instances": [{**scalars(), "count": 1}]}, {"instances": [scalars()]}]
    answers = while_held(told, tmp_path / "hold", bodies)
    assert list(map(rows_at_once, answers)) == [2, 1, 2]
    assert ["count=int64" in answer.json["predictions"][0] for answer in answers] == [False, True, False]


def test_health_is_answered_while_the_model_is_at_work(told: Running, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(told.v1, {"instances": [{**scalars(), "s": f"hold:{tmp_path}"}]})
        told.wait(lambda: any(tmp_path.glob("begun-*")))
        assert told.ask("GET", "/v2/health/ready").status == 200
        (tmp_path / "go").touch()
        assert holding.result().status == 200
