"""A read survives what passes, and reports what does not."""

import pytest

from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.errors import (
    BadAnswer,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    SignInRefused,
    SystemFault,
    Unreachable,
)
from st_pipelines.systems.http.reply import Reply
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Answer, Hostile

pytestmark = pytest.mark.usefixtures("quick")

HTML = b"<html><body>Service temporarily unavailable</body></html>"


@pytest.mark.parametrize(
    "trouble",
    [
        hostile.drop,
        hostile.hang_up,
        hostile.truncated,
        hostile.truncated_chunks,
        hostile.raw(b"\x00\x01nonsense\r\n\r\n"),
        hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcde"),
        hostile.status(500),
        hostile.status(502, HTML, kind="text/html"),
        hostile.status(503),
        hostile.status(504),
        hostile.status(408),
        hostile.status(200, b"\x1f\x8b broken", {"Content-Encoding": "gzip"}),
    ],
)
def test_a_passing_trouble_is_outlived(trouble: Answer) -> None:
    with Hostile(trouble, trouble, hostile.ok()) as server:
        assert client_for(server).read("/things", entity="invoices").json() == {"ok": True}
        assert len(server.requests) == 3


@pytest.mark.parametrize("trouble", [hostile.drop, hostile.truncated, hostile.status(500), hostile.status(503)])
def test_three_attempts_and_no_more(trouble: Answer) -> None:
    with Hostile(trouble) as server:
        with pytest.raises(Unreachable) as caught:
            client_for(server).read("/things", entity="invoices", reference="invoice 77")
        assert len(server.requests) == 3
    assert str(caught.value).startswith("acme invoices invoice 77: GET ")
    assert "To do:" in str(caught.value)
    assert "3 attempts" in str(caught.value)


def test_nobody_listening_is_unreachable_with_the_cure() -> None:
    with Hostile() as server:
        client = client_for(server)
    with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1") as caught:
        client.read("/things", entity="invoices")
    assert "check that the host is right" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, Refused), (403, Forbidden), (404, NotFound), (409, Conflict), (412, Conflict), (422, Refused)],
)
def test_a_refusal_is_reported_at_once_with_its_body(code: int, kind: type[Refused]) -> None:
    with Hostile(hostile.status(code, b'{"title": "no such page"}')) as server:
        with pytest.raises(kind) as caught:
            client_for(server).read("/things", entity="invoices")
        assert len(server.requests) == 1
    assert caught.value.status == code
    assert caught.value.reply.json() == {"title": "no such page"}
    assert "no such page" in caught.value.summary


def test_an_unusable_body_is_retried_when_the_caller_checks_it() -> None:
    with Hostile(hostile.status(200, HTML, kind="text/html"), hostile.ok(b'{"a": 1'), hostile.ok()) as server:
        assert client_for(server).read("/things", entity="invoices", check=Reply.json).json() == {"ok": True}


def test_an_unusable_body_that_stays_is_a_bad_answer() -> None:
    with Hostile(hostile.status(200, HTML, kind="text/html")) as server:
        with pytest.raises(BadAnswer, match="3 attempts"):
            client_for(server).read("/things", entity="invoices", check=Reply.json)
        assert len(server.requests) == 3


def test_a_defect_in_the_callers_check_is_not_swallowed() -> None:
    def broken(_: Reply) -> None:
        raise KeyError("defect")

    with Hostile() as server, pytest.raises(KeyError):
        client_for(server).read("/things", entity="invoices", check=broken)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_takes_no_credentials_along(code: int) -> None:
    with Hostile() as elsewhere:
        with Hostile(hostile.status(code, headers={"Location": f"{elsewhere.url}/steal"})) as server:
            with pytest.raises(BadAnswer, match="redirects are never followed"):
                client_for(server).read("/things", entity="invoices")
            assert len(server.requests) == 1
        assert elsewhere.requests == []
        assert elsewhere.connections == 0


def test_a_static_credential_that_is_refused_is_a_sign_in_fault() -> None:
    with Hostile(hostile.status(401)) as server:
        with pytest.raises(SignInRefused):
            client_for(server).read("/things", entity="invoices")
        assert len(server.requests) == 1


def test_a_second_unasked_answer_is_never_taken_for_the_next_one() -> None:
    mine = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b'{"id":1}'
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b'{"id":6}'
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"id":1}\r\n0\r\n\r\n'
    for first in (mine, chunked):
        second = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b'{"id":2}'
        with Hostile(hostile.raw(first + other, keep=True), hostile.raw(second, keep=True)) as server:
            client = client_for(server)
            assert client.read("/1", entity="invoices").json() == {"id": 1}
            assert client.read("/2", entity="invoices").json() == {"id": 2}
            assert server.connections == 2


def test_connections_are_kept_for_well_behaved_servers() -> None:
    chunked = hostile.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", keep=True)
    with Hostile(hostile.ok(), chunked, hostile.status(204, b""), hostile.ok()) as server:
        client = client_for(server)
        for _ in range(4):
            client.read("/things", entity="invoices")
        assert server.connections == 1


def test_retries_stop_when_the_budget_is_spent() -> None:
    with Hostile(hostile.status(500)) as server:
        from st_pipelines.systems.http.breaker import Breaker

        client = client_for(server, breaker=Breaker(least=1000))
        for _ in range(30):
            with pytest.raises(Unreachable):
                client.read("/things", entity="invoices")
        assert 50 <= len(server.requests) <= 30 + 20 + 30 * 0.1 + 2  # floor of 20, then a tenth


def test_parameters_are_encoded_once_and_the_context_root_is_kept() -> None:
    with Hostile() as server:
        client = client_for(server, url=f"{server.url}/clouderp/demo/")
        client.read("/api/erp/x", [("sort", "+Id"), ("name", "O'Brien & Sons #1 50%"), ("é", "ü")], entity="customers")
        assert server.requests[0].target == (
            "/clouderp/demo/api/erp/x?sort=%2BId&name=O%27Brien%20%26%20Sons%20%231%2050%25&%C3%A9=%C3%BC"
        )
        assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_the_context_manager_and_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Hostile() as server, client_for(server, max_connections=4) as client, ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda n: client.read(f"/things/{n}", entity="invoices").json(), range(200)))
        assert replies == [{"ok": True}] * 200
        assert server.connections <= 4


def test_faults_name_connection_entity_and_record_after_a_pickle() -> None:
    import pickle

    with Hostile(hostile.status(404, b'{"title": "gone"}')) as server, pytest.raises(NotFound) as caught:
        client_for(server).read("/things/7", entity="invoices", reference="7")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert isinstance(again, SystemFault)
    assert str(again) == str(caught.value)
    assert not hasattr(again, "reply")


def test_a_fresh_client_can_be_made_with_the_fewest_words() -> None:
    with Hostile() as server:
        from st_pipelines.systems.http.auth import StaticHeaders

        client = HttpClient("acme", server.url, StaticHeaders(), timeouts=Timeouts(total_s=5))
        assert client.read("/", entity="ping").status == 200
