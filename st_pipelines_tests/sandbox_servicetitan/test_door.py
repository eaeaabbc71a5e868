"""Tokens, headers, tenants and limits."""

import base64
import json
import re
import time

import pytest

from st_pipelines_tests.sandbox_servicetitan.api import TENANT, Api
from st_pipelines_tests.sandbox_servicetitan.conftest import sandbox

URL = f"/accounting/v2/tenant/{TENANT}/payment-types"


def test_a_token_lives_nine_hundred_seconds_of_the_sandbox_clock(api: Api) -> None:
    answer = api.ask_token().json()
    assert answer["expires_in"] == 900 and answer["token_type"] == "Bearer"
    claims = json.loads(base64.urlsafe_b64decode(answer["access_token"].split(".")[1] + "=="))
    assert claims["exp"] - claims["nbf"] == 900 and claims["tenant"] == TENANT
    api.control("clock", {"advance": 899})
    assert api.call("accounting", "/payment-types").status_code == 200
    api.control("clock", {"advance": 1})
    assert api.call("accounting", "/payment-types").status_code == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"), ({"client_id": "other"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)  # fmt: skip
def test_wrong_credentials_get_no_token(reading: Api, form: dict[str, str], error: str) -> None:
    answer = reading.ask_token(**form)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_credentials_come_as_a_form_or_basic_but_not_as_json(reading: Api) -> None:
    basic = base64.b64encode(b"cid.sandbox:cs.sandbox").decode()
    form = {"grant_type": "client_credentials"}
    good = reading.http.post("/connect/token", data=form, headers={"Authorization": f"Basic {basic}"})
    assert good.status_code == 200
    wrong = reading.http.post("/connect/token", data=form, headers={"Authorization": "Basic ::"})
    assert wrong.status_code == 400
    body = {**form, "client_id": "cid.sandbox", "client_secret": "cs.sandbox"}
    assert reading.http.post("/connect/token", json=body).status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Authorization": ""}, 401), ({"Authorization": "Bearer a.b.c"}, 401), ({"Authorization": "Bearer ü"}, 401),
        ({"ST-App-Key": ""}, 401), ({"ST-App-Key": "ak1.other"}, 401),
    ],
)  # fmt: skip
def test_both_headers_are_needed(reading: Api, change: dict[str, str], status: int) -> None:
    sent = {name: value.encode() for name, value in {**reading.headers, **change}.items()}
    answer = reading.http.get(URL, headers=sent)
    assert answer.status_code == status and answer.json()["status"] == status


def test_a_bare_token_is_taken_as_production_clients_send_it(reading: Api) -> None:
    bare = reading.headers["Authorization"].removeprefix("Bearer ")
    assert reading.http.get(URL, headers={**reading.headers, "Authorization": bare}).status_code == 200
    assert reading.http.get(URL, headers={**reading.headers, "Authorization": f"Basic {bare}"}).status_code == 401


def test_a_token_opens_its_own_tenant_only(reading: Api) -> None:
    answer = reading.http.get(URL.replace(TENANT, "7654321"), headers=reading.headers)
    assert answer.status_code == 403


def test_a_tampered_token_opens_nothing(reading: Api) -> None:
    head, claims, signature = reading.headers["Authorization"].removeprefix("Bearer ").split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"exp": 9999999999}
    forged = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
    answer = reading.http.get(URL, headers={**reading.headers, "Authorization": f"Bearer {head}.{forged}.{signature}"})
    assert answer.status_code == 401


def test_an_expired_token_stays_expired(api: Api) -> None:
    api.control("faults", {"action": "expire_token", "match": {"path": "payment-types"}})
    assert [api.call("accounting", "/payment-types").status_code for _ in range(2)] == [401, 401]
    api.headers["Authorization"] = f"Bearer {api.ask_token().json()['access_token']}"
    assert api.call("accounting", "/payment-types").status_code == 200


def test_more_calls_than_the_limit_get_429_with_the_wait_in_the_title() -> None:
    with sandbox(rate_per_s="5") as api:
        answers = [api.call("accounting", "/payment-types") for _ in range(12)]
        refused = next(one for one in answers if one.status_code == 429)
        assert [one.status_code for one in answers[:5]] == [200] * 5
        body = refused.json()
        seconds = int(body["title"].split()[-2])
        assert body["status"] == 429 and seconds >= 1 and refused.headers["retry-after"] == str(seconds)
        time.sleep(seconds)  # the limit runs in real time: there is no condition to wait for but time itself
        assert api.call("accounting", "/payment-types").status_code == 200


def test_a_storm_can_come_with_the_wait_in_the_body_only(api: Api) -> None:
    api.control("faults", {"action": "rate_limit", "seconds": 3, "code": "body_only", "count": 2})
    for _ in range(2):
        answer = api.call("accounting", "/payment-types")
        assert answer.status_code == 429 and "retry-after" not in answer.headers
        assert re.search(r"in 3 seconds\.$", answer.json()["title"])
    assert api.call("accounting", "/payment-types").status_code == 200


def test_the_token_endpoint_can_be_throttled_separately() -> None:
    with sandbox(token_calls_per_minute="2") as api:
        assert [api.ask_token().status_code for _ in range(3)] == [200, 429, 429]
        assert api.call("accounting", "/payment-types").status_code == 200


def test_routes_that_are_not_published_do_not_exist(reading: Api) -> None:
    invoice = reading.get("accounting", "/invoices")["data"][0]["id"]
    assert reading.call("accounting", f"/invoices/{invoice}").status_code == 404
    assert reading.call("accounting", "/export/receipts").status_code == 404
    assert reading.post("accounting", "/payments", {}).status_code == 405
