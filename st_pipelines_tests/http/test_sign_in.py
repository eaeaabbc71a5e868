"""Tokens are fetched once, go where they belong, and are renewed once when refused."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import TokenCache
from st_pipelines.systems.http.auth import ClientCredentials, PasswordGrant
from st_pipelines.systems.http.breaker import Breaker
from st_pipelines.systems.http.errors import BreakerOpen, Misconfigured, SignInRefused, SignInUnavailable
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Answer, Hostile

pytestmark = pytest.mark.usefixtures("quick")

APP_KEY, CLIENT_SECRET, PASSWORD = "ak1.the-app-key", "cs.the-client-secret", "the-password-of-api"


def token(value: str, life: object = 900, **more: str) -> Answer:
    import json

    return hostile.ok(json.dumps({"access_token": value, "expires_in": life, "token_type": "Bearer", **more}).encode())


@pytest.fixture
def cache(tables: Engine) -> TokenCache:
    return TokenCache(tables, Keyring([b"k" * 32]))


def servicetitan(cache: TokenCache, endpoint: Hostile) -> ClientCredentials:
    return ClientCredentials(
        "st", f"{endpoint.url}/connect/token", "cid.1", Secret(CLIENT_SECRET), cache,
        extra_headers={"ST-App-Key": Secret(APP_KEY)},
    )  # fmt: skip


def qad(cache: TokenCache, endpoint: Hostile) -> PasswordGrant:
    return PasswordGrant(
        "qad", f"{endpoint.url}/clouderp/oauth/token", "qad-client", "api.user", Secret(PASSWORD), cache
    )


def test_a_token_is_fetched_once_and_sent_with_the_app_key(cache: TokenCache) -> None:
    with Hostile(token("t-1")) as endpoint, Hostile() as api:
        client = client_for(api, auth=servicetitan(cache, endpoint))
        for _ in range(5):
            client.read("/accounting/v2/tenant/1/invoices", entity="invoices")
        assert len(endpoint.requests) == 1
        asked = endpoint.requests[0]
        assert asked.target == "/connect/token"
        assert parse_qs(asked.body.decode()) == {
            "grant_type": ["client_credentials"], "client_id": ["cid.1"], "client_secret": [CLIENT_SECRET],
        }  # fmt: skip
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "st-app-key" not in asked.headers
        for request in api.requests:
            assert request.headers["authorization"] == "Bearer t-1"
            assert request.headers["st-app-key"] == APP_KEY
            assert CLIENT_SECRET not in str(request)


def test_an_expired_token_is_replaced_once_by_many_threads(cache: TokenCache) -> None:
    def api_answer(connection: object, request: hostile.Request) -> bool:
        fresh = request.headers["authorization"] == "Bearer t-2"
        answer = hostile.ok() if fresh else hostile.status(401)
        return answer(connection, request)  # type: ignore[arg-type]

    with Hostile(token("t-1"), token("t-2")) as endpoint, Hostile(api_answer) as api:
        client = client_for(api, auth=servicetitan(cache, endpoint))
        with ThreadPoolExecutor(12) as threads:
            list(threads.map(lambda n: client.read(f"/{n}", entity="invoices"), range(60)))
        assert len(endpoint.requests) == 2


def test_a_token_that_stays_refused_stops_after_one_renewal(cache: TokenCache) -> None:
    with Hostile(token("t-1"), token("t-2"), token("t-3")) as endpoint, Hostile(hostile.status(401)) as api:
        client = client_for(api, auth=servicetitan(cache, endpoint))
        with pytest.raises(SignInRefused, match="also with a new token"):
            client.read("/", entity="invoices")
        assert (len(api.requests), len(endpoint.requests)) == (2, 2)
        with pytest.raises(BreakerOpen):  # and is left in peace
            client.read("/", entity="invoices")


@pytest.mark.parametrize("code", [400, 401, 403])
def test_wrong_credentials_are_named_without_being_shown(cache: TokenCache, code: int) -> None:
    said = f'{{"error": "invalid_client", "error_description": "secret {CLIENT_SECRET} is wrong"}}'.encode()
    with Hostile(hostile.status(code, said)) as endpoint, Hostile() as api:
        client = client_for(api, auth=servicetitan(cache, endpoint))
        with pytest.raises(SignInRefused, match="invalid_client") as caught:
            client.read("/", entity="invoices", reference="page 1")
        assert CLIENT_SECRET not in str(caught.value)
        assert (caught.value.entity, caught.value.reference) == ("invoices", "page 1")
        assert "check client id" in caught.value.cure
        assert len(endpoint.requests) == 1
        assert api.connections == 0


def test_a_wrong_token_url_is_a_matter_of_configuration(cache: TokenCache) -> None:
    missing = hostile.status(404, b"<html/>", kind="text/html")
    with Hostile(missing) as endpoint, Hostile() as api, pytest.raises(Misconfigured, match="check the token URL"):
        client_for(api, auth=servicetitan(cache, endpoint)).read("/", entity="invoices")


@pytest.mark.parametrize(
    "trouble",
    [
        hostile.drop, hostile.status(500), hostile.status(503, headers={"Retry-After": "0.01"}), hostile.ok(b"{}"),
        hostile.ok(b"not json"),
        hostile.ok(b'{"access_token": "bad\\nvalue", "expires_in": 900}'), hostile.ok(b'{"access_token": 5}'),
        token(""),
        token("x", -1), hostile.ok(b'{"access_token": "a", "access_token": "b"}'),
        hostile.status(302, headers={"Location": "/x"}),
    ],
)  # fmt: skip
def test_trouble_at_the_token_endpoint_is_outlived_or_reported(cache: TokenCache, trouble: Answer) -> None:
    with Hostile(trouble, trouble, token("t-1")) as endpoint, Hostile() as api:
        client_for(api, auth=servicetitan(cache, endpoint)).read("/", entity="invoices")
        assert api.requests[0].headers["authorization"] == "Bearer t-1"
    with Hostile(trouble) as endpoint, Hostile() as api:
        other = ClientCredentials("other", endpoint.url, "cid", Secret("x-secret"), cache)
        with pytest.raises(SignInUnavailable):
            client_for(api, auth=other, breaker=Breaker()).write("POST", "/", content=b"", entity="bill", reference="1")
        assert len(endpoint.requests) == 3
        assert api.connections == 0


@pytest.mark.parametrize("life", [900, "900", 900.0, None])
def test_lifetimes_as_servers_write_them(cache: TokenCache, life: object) -> None:
    with Hostile(token("t-1", life)) as endpoint:
        auth = servicetitan(cache, endpoint)
        auth.headers()
        auth.headers()
        assert len(endpoint.requests) == 1


def test_a_password_is_used_once_then_the_refresh_token(cache: TokenCache) -> None:
    answers = [token("t-1", refresh_token="r-1"), token("t-2", refresh_token="r-2"), token("t-3")]
    with (
        Hostile(*answers) as endpoint,
        Hostile(hostile.status(401), hostile.ok(), hostile.status(401), hostile.ok()) as api,
    ):
        client = client_for(api, auth=qad(cache, endpoint))
        client.read("/", entity="customers")
        client.read("/", entity="customers")
        forms = [parse_qs(request.body.decode()) for request in endpoint.requests]
        assert forms[0] == {
            "grant_type": ["password"], "client_id": ["qad-client"], "username": ["api.user"], "password": [PASSWORD],
        }  # fmt: skip
        assert forms[1] == {"grant_type": ["refresh_token"], "client_id": ["qad-client"], "refresh_token": ["r-1"]}
        assert forms[2]["refresh_token"] == ["r-2"]
        assert [request.headers["authorization"] for request in api.requests] == [
            "Bearer t-1", "Bearer t-2", "Bearer t-2", "Bearer t-3",
        ]  # fmt: skip


def test_a_dead_refresh_token_leads_to_one_new_sign_in(cache: TokenCache) -> None:
    refused = hostile.status(400, b'{"error": "invalid_grant"}')
    with Hostile(token("t-1", refresh_token="r-1"), refused, token("t-2", refresh_token="r-2")) as endpoint:
        with Hostile(hostile.status(401), hostile.ok()) as api:
            assert client_for(api, auth=qad(cache, endpoint)).read("/", entity="customers").status == 200
        grants = [parse_qs(request.body.decode())["grant_type"] for request in endpoint.requests]
        assert grants == [["password"], ["refresh_token"], ["password"]]


def test_a_refresh_token_that_is_not_replaced_stays_good(cache: TokenCache) -> None:
    with Hostile(token("t-1", refresh_token="r-1"), token("t-2"), token("t-3")) as endpoint:
        with Hostile(hostile.status(401), hostile.ok(), hostile.status(401), hostile.ok()) as api:
            client = client_for(api, auth=qad(cache, endpoint))
            client.read("/", entity="customers")
            client.read("/", entity="customers")
        assert [parse_qs(request.body.decode()).get("refresh_token") for request in endpoint.requests] == [
            None,
            ["r-1"],
            ["r-1"],
        ]


def test_the_token_endpoint_of_another_origin_must_be_https_too(cache: TokenCache) -> None:
    with pytest.raises(Misconfigured):
        ClientCredentials("st", "http://auth.servicetitan.io/connect/token", "cid", Secret("s"), cache)
