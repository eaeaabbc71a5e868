"""A write leaves once. What is not known is said to be unknown, and nobody here tries again."""

import socket
import ssl
import threading
import time

import pytest

from st_pipelines.credentials.secret import Secret
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.breaker import Breaker
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.errors import (
    Conflict,
    Forbidden,
    Misconfigured,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    Refused,
    SignInRefused,
    Unreachable,
)
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Answer, Hostile

pytestmark = pytest.mark.usefixtures("quick")

BODY = b'{"total":"108.52"}'
HTML = b"<html>Bad gateway</html>"


def post(server: Hostile, **options: object) -> object:
    return client_for(server, **options).write(
        "POST", "/invoices", content=BODY, entity="customer_invoice", reference="ST:1:invoice:7"
    )


@pytest.mark.parametrize(
    "trouble",
    [
        hostile.drop,
        hostile.hang_up,
        hostile.truncated,
        hostile.truncated_chunks,
        hostile.raw(b"garbage\r\n\r\n"),
        hostile.status(500),
        hostile.status(502, HTML, kind="text/html"),
        hostile.status(503),
        hostile.status(503, headers={"Retry-After": "1"}),
        hostile.status(504),
        hostile.status(408, headers={"Retry-After": "1"}),
        hostile.status(421),
        hostile.status(302, headers={"Location": "https://elsewhere.example/"}),
        hostile.status(206),
        hostile.status(400, HTML, kind="text/html"),
        hostile.status(403, b"", kind="application/json"),
        hostile.status(599),
        hostile.status(200, b"\x1f\x8b broken", {"Content-Encoding": "gzip"}),
    ],
)
def test_a_doubtful_outcome_is_unknown_and_never_repeated(trouble: Answer) -> None:
    with Hostile(trouble, hostile.ok()) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            post(server)
        assert len(server.requests) == 1
    assert caught.value.reference == "ST:1:invoice:7"
    assert "read back" in caught.value.cure


def test_silence_is_unknown() -> None:
    with Hostile(hostile.silent(3), hostile.ok()) as server:
        with pytest.raises(OutcomeUnknown, match=r"nothing came for 0\.2 s"):
            post(server, timeouts=Timeouts(read_s=0.2))
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", [425, 429])
def test_a_documented_throttle_was_not_executed(code: int) -> None:
    with Hostile(hostile.status(code, headers={"Retry-After": "7"})) as server:
        with pytest.raises(NotExecuted) as caught:
            post(server)
        assert len(server.requests) == 1
    assert caught.value.retry_after_s == 7.0


def test_no_connection_was_not_executed() -> None:
    with Hostile() as server:
        pass
    with pytest.raises(NotExecuted, match="it was not executed"):
        post(server)


def test_a_failed_handshake_was_not_executed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer_in_plain() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer_in_plain, daemon=True).start()
        client = HttpClient("acme", f"https://127.0.0.1:{plain.getsockname()[1]}", StaticHeaders())
        with pytest.raises(NotExecuted, match="no TLS"):
            client.write("POST", "/invoices", content=BODY, entity="customer_invoice", reference="7")


def slow_read(client: HttpClient) -> None:
    with pytest.raises(Unreachable):
        client.read("/slow", entity="x", deadline_s=1.0)


def test_no_free_connection_in_time_was_not_executed() -> None:
    with Hostile(hostile.silent(1.5), hostile.ok()) as server:
        client = client_for(server, max_connections=1, timeouts=Timeouts(pool_s=0.1, total_s=1.0))
        busy = threading.Thread(target=slow_read, args=(client,))
        busy.start()
        while not server.requests:
            time.sleep(0.01)
        with pytest.raises(NotExecuted, match="all connections stayed busy"):
            client.write("POST", "/", content=BODY, entity="customer_invoice", reference="7")
        busy.join()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, Refused), (403, Forbidden), (404, NotFound), (409, Conflict), (412, Conflict), (422, Refused)],
)
def test_a_definite_refusal_keeps_the_answer(code: int, kind: type[Refused]) -> None:
    with Hostile(hostile.status(code, b'{"errors": [{"message": "period is closed"}]}')) as server:
        with pytest.raises(kind) as caught:
            post(server)
        assert len(server.requests) == 1
    assert caught.value.status == code
    assert caught.value.reply.json()["errors"][0]["message"] == "period is closed"


def test_a_conflict_counts_even_without_a_body() -> None:
    with Hostile(hostile.status(412, b"")) as server, pytest.raises(Conflict):
        post(server)


def test_a_success_with_a_garbled_body_is_unknown_when_it_is_read() -> None:
    with Hostile(hostile.ok(b'{"id": 1')) as server:
        reply = client_for(server).write("POST", "/x", content=BODY, entity="bill", reference="8")
        with pytest.raises(OutcomeUnknown, match="read the document back"):
            reply.json()


def test_the_bytes_go_out_as_they_are() -> None:
    body = b'{ "b": 1.10, "a": "\xc3\xa9" }\n' * 20_000  # larger than one segment
    with Hostile() as server:
        client_for(server).write(
            "PUT", "/x", content=body, entity="bill", reference="8", content_type="application/json"
        )
        assert server.requests[0].body == body
        assert server.requests[0].headers["content-type"] == "application/json"


class Renewing:
    """A sign-in whose first token has died."""

    def __init__(self, renewable: bool = True) -> None:
        self.value = "first-token"
        self.renewable = renewable
        self.renewals = 0

    def headers(self) -> dict[str, Secret]:
        return {"Authorization": Secret(f"Bearer {self.value}")}

    def renew(self, rejected: dict[str, str]) -> bool:
        assert rejected["Authorization"] == f"Bearer {self.value}"
        self.renewals += 1
        self.value = "second-token"
        return self.renewable


def test_an_expired_token_is_renewed_once_and_the_write_sent_again() -> None:
    with Hostile(hostile.status(401), hostile.ok()) as server:
        auth = Renewing()
        assert (
            client_for(server, auth=auth).write("POST", "/x", content=BODY, entity="bill", reference="8").status == 200
        )
        assert [r.headers["authorization"] for r in server.requests] == ["Bearer first-token", "Bearer second-token"]
        assert [r.body for r in server.requests] == [BODY, BODY]
        assert auth.renewals == 1


@pytest.mark.parametrize("renewable", [True, False])
def test_refused_twice_was_not_executed_and_rests_the_connection(renewable: bool) -> None:
    with Hostile(hostile.status(401)) as server:
        client = client_for(server, auth=Renewing(renewable))
        with pytest.raises(SignInRefused):
            client.write("POST", "/x", content=BODY, entity="bill", reference="8")
        assert len(server.requests) == (2 if renewable else 1)
        with pytest.raises(NotExecuted, match="nothing is sent"):
            client.write("POST", "/x", content=BODY, entity="bill", reference="9")


def test_a_renewed_write_that_drops_is_unknown() -> None:
    with Hostile(hostile.status(401), hostile.drop, hostile.ok()) as server:
        with pytest.raises(OutcomeUnknown):
            client_for(server, auth=Renewing()).write("POST", "/x", content=BODY, entity="bill", reference="8")
        assert len(server.requests) == 2


def test_a_closed_idle_connection_is_noticed_before_the_write() -> None:
    def answer_and_close(connection: socket.socket, request: hostile.Request) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")  # without Connection: close
        return False

    with Hostile(answer_and_close) as server:
        client = client_for(server, breaker=Breaker(least=1000))
        for number in range(20):
            client.write("POST", "/x", content=BODY, entity="bill", reference=str(number))
            time.sleep(0.03)  # the far end's close arrives
        assert len(server.requests) == 20


@pytest.mark.parametrize("method", ["GET", "post", "TRACE", "POST\r\nX: y"])
def test_only_writes_are_written(method: str) -> None:
    with Hostile() as server:
        with pytest.raises(Misconfigured):
            client_for(server).write(method, "/x", content=b"", entity="bill", reference="8")
        assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: object) -> None:
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    with Hostile() as server:
        client = client_for(server, url=f"https://localhost:{server.port}")
        context = client._wire._tls
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
