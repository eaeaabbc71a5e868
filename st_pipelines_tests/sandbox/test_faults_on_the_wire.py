"""Each failure switch does to the connection and to the books what it says. A plain httpx client looks."""

import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.kernel import sandbox_app
from st_pipelines.sandbox.server import serving

FULL = 400


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    books = Books()

    async def add(request: Request) -> Response:
        body = await request.json()
        number = books.next_number("thing")
        books.put("thing", str(number), {"name": body["name"]})
        return JSONResponse({"number": number, "odd": bool(flagged(request, "odd")), "pad": "x" * FULL})

    app = sandbox_app("t", [Route("/base/things", add, methods=["POST"])], books, Clock(), actions={"odd": "an oddity"})
    with serving(app) as address:
        yield address


@pytest.fixture
def client(origin: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=origin, timeout=5) as session:
        session.post("/_sandbox/reset").raise_for_status()
        yield session


def arm(client: httpx.Client, action: str, **fault: object) -> None:
    answer = client.post("/_sandbox/faults", json={"action": action, **fault})
    assert answer.status_code == 201, answer.text


def add(client: httpx.Client, name: str = "a") -> httpx.Response:
    return client.post("/base/things", json={"name": name})


def held(client: httpx.Client) -> int:
    return int(client.get("/_sandbox/state?entity=thing").json()["count"])


def last(client: httpx.Client) -> dict[str, object]:
    return dict(client.get("/_sandbox/log").json()["requests"][-1])


def wait_for(condition: Callable[[], bool]) -> None:
    """Asks the sandbox again until it says so; the test's own time-out is the limit."""
    while not condition():
        time.sleep(0.01)


def test_drop_before_closes_and_applies_nothing(client: httpx.Client) -> None:
    arm(client, "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        add(client)
    assert held(client) == 0
    assert (last(client)["status"], last(client)["applied"]) == (0, False)
    assert add(client).status_code == 200


def raw_answer(origin: str) -> bytes:
    """Every byte that comes until the other side closes; a reset would raise."""
    host, received = urlsplit(origin), b""
    with socket.create_connection((host.hostname, host.port), timeout=5) as raw:
        body = b'{"name": "raw"}'
        raw.sendall(b"POST /base/things HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        while part := raw.recv(65536):
            received += part
    return received


def test_apply_then_drop_applies_and_closes_without_a_byte(client: httpx.Client, origin: str) -> None:
    arm(client, "apply_then_drop")
    assert raw_answer(origin) == b""
    assert held(client) == 1
    assert (last(client)["status"], last(client)["applied"]) == (0, True)


def test_apply_late_closes_at_once_and_applies_afterwards(client: httpx.Client) -> None:
    arm(client, "apply_late", seconds=0.8)
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        add(client)
    assert held(client) == 0
    assert client.get("/_sandbox/faults").json()["pending"] == 1
    wait_for(lambda: held(client) == 1)
    assert time.monotonic() - started >= 0.8
    assert client.get("/_sandbox/faults").json()["pending"] == 0


def test_a_reset_forgets_what_was_to_be_applied_late(client: httpx.Client) -> None:
    arm(client, "apply_late", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        add(client, "late")
    client.post("/_sandbox/reset")
    wait_for(lambda: client.get("/_sandbox/faults").json()["pending"] == 0)
    assert held(client) == 0


def test_truncate_announces_everything_and_sends_half(client: httpx.Client) -> None:
    arm(client, "truncate")
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        add(client)
    assert held(client) == 1


def test_truncate_is_half_to_the_byte(client: httpx.Client, origin: str) -> None:
    whole = len(add(client).content)
    arm(client, "truncate")
    head, _, body = raw_answer(origin).partition(b"\r\n\r\n")
    assert b"content-length: %d" % whole in head.lower() and len(body) == whole // 2


def test_garble_keeps_the_length_and_is_not_json(client: httpx.Client) -> None:
    plain = len(add(client).content)
    arm(client, "garble")
    answer = add(client)
    assert answer.status_code == 200 and len(answer.content) == plain
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()
    assert held(client) == 2


@pytest.mark.parametrize(("fault", "status", "count"), [({}, 200, 0), ({"status": 502, "apply": True}, 502, 1)])
def test_html_is_a_gateway_page(client: httpx.Client, fault: dict[str, object], status: int, count: int) -> None:
    arm(client, "html", **fault)
    answer = add(client)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<html>") and held(client) == count


def test_byte_by_byte_arrives_whole_and_slowly(client: httpx.Client) -> None:
    arm(client, "byte_by_byte", seconds=0.4)
    started = time.monotonic()
    answer = add(client)
    assert time.monotonic() - started >= 0.4
    assert answer.json()["pad"] == "x" * FULL and held(client) == 1


def test_throttle_says_when_to_come_back_and_applies_nothing(client: httpx.Client) -> None:
    arm(client, "throttle", seconds=2, count=2)
    answers = [add(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "2" and answers[0].json()["message"]
    assert held(client) == 1


def test_status_with_and_without_applying(client: httpx.Client) -> None:
    arm(client, "status", status=503)
    arm(client, "status", status=500, apply=True, match={"body": "second"})
    assert add(client, "first").status_code == 503 and held(client) == 0
    assert add(client, "second").status_code == 500 and held(client) == 1
    arm(client, "status", status=401, text='{"errors": []}')
    assert add(client).json() == {"errors": []}


def test_delay_answers_late_and_combines_with_others(client: httpx.Client) -> None:
    arm(client, "delay", seconds=0.2)
    arm(client, "throttle")
    started = time.monotonic()
    assert add(client).status_code == 429
    assert time.monotonic() - started >= 0.2


def test_redirect_goes_where_it_is_told(client: httpx.Client) -> None:
    arm(client, "redirect", text="http://127.0.0.1:1/steal")
    answer = add(client)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:1/steal")
    assert held(client) == 0


def test_a_system_action_reaches_the_route(client: httpx.Client) -> None:
    arm(client, "odd")
    assert [add(client).json()["odd"] for _ in range(2)] == [True, False]


def test_keep_alive_connections_survive_other_requests_drops(client: httpx.Client, origin: str) -> None:
    assert add(client).status_code == 200
    arm(client, "apply_then_drop", match={"body": "other"})
    with httpx.Client(base_url=origin, timeout=5) as other, pytest.raises(httpx.RemoteProtocolError):
        add(other, "other")
    assert add(client).status_code == 200 and held(client) == 3
