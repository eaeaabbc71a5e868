"""W4, W10: whoever sends too much, too slowly, too often or nonsense gets nowhere, and nobody else waits for it."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines.receivers.peers import Peers, network
from st_pipelines_tests.receivers.receiver import Receiver, hex_of, read_reply, running_receiver

LARGEST = 1024 * 1024
BODY = b'{"id": "e1"}'


def signed_head(body: bytes, length: str) -> bytes:
    signature = f"X-ServiceTitan-Signature: {hex_of(body)}"
    return f"POST /webhooks/st HTTP/1.1\r\nHost: h\r\n{signature}\r\n{length}\r\n\r\n".encode()


def chunks(body: bytes, size: int = 60_000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def closed_after(connection: socket.socket, longest: float) -> float:
    """Seconds until the other side hangs up."""
    began = time.monotonic()
    connection.settimeout(longest)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


def test_largest_body_comes_in_and_one_byte_more_does_not(receiver: Receiver) -> None:
    fits = b'{"id": "large", "x": "' + b"y" * (LARGEST - 24) + b'"}'
    assert len(fits) == LARGEST and receiver.post(fits).status == 200
    answer = receiver.post(fits + b" ")
    assert answer.shown == (413, {"content-length": "0", "connection": "close"}, b"")
    assert [row.body for row in receiver.rows()] == [fits]


def test_oversized_is_refused_before_it_is_read(receiver: Receiver) -> None:
    with receiver.connect() as connection:
        connection.sendall(signed_head(b"", "Content-Length: 100000000000"))
        assert read_reply(connection).status == 413


def test_chunked_oversized_is_counted_while_it_is_read(receiver: Receiver) -> None:
    body = b"x" * (LARGEST + 1)
    with receiver.connect() as connection:
        connection.sendall(signed_head(body, "Transfer-Encoding: chunked"))
        for part in chunks(body):
            try:
                connection.sendall(part)
            except ConnectionError:
                break  # it has answered and hung up in the middle
        with contextlib.suppress(ConnectionResetError):  # our unread bytes made its kernel drop the answer
            assert read_reply(connection).status == 413
    assert receiver.rows() == []


def test_chunked_body_is_kept_as_the_bytes_that_were_signed(receiver: Receiver) -> None:
    body = b'{"id": "chunked", "x": "' + b"z" * 200_000 + b'"}'
    with receiver.connect() as connection:
        connection.sendall(signed_head(body, "Transfer-Encoding: chunked") + b"".join(chunks(body, 999)))
        assert read_reply(connection).status == 200
    assert [row.body for row in receiver.rows()] == [body]


SLOW = {
    "says nothing": [],
    "sends its header byte by byte": [b"P", b"O", b"S", b"T", b" ", b"/", b"w", b"e", b"b", b"h"] * 3,
    "sends empty lines": [b"\r\n"] * 30,
    "stops in its header": [b"POST /webhooks/st HTTP/1.1\r\nHost: h\r\n"],
    "sends its body byte by byte": [signed_head(BODY, "Content-Length: 1000"), *[b"x"] * 60],
    "sends its chunks slowly": [signed_head(BODY, "Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * 60],
    "stops in its body": [signed_head(BODY, "Content-Length: 1000"), b"x" * 10],
}


@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW.keys())
def test_slow_peer_is_hung_up_on(receiver: Receiver, parts: list[bytes]) -> None:
    """The receiver of these tests gives 1 s for the header and 2 s for the rest."""
    began = time.monotonic()
    with receiver.connect() as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.1)  # the slowness itself
        except ConnectionError:
            pass
        else:
            closed_after(connection, 5)
    assert time.monotonic() - began < 4
    assert receiver.rows() == []


def test_slow_peer_on_a_connection_that_has_delivered(receiver: Receiver) -> None:
    with receiver.connect() as connection:
        connection.sendall(signed_head(BODY, f"Content-Length: {len(BODY)}") + BODY)
        assert read_reply(connection).status == 200
        connection.sendall(b"POST /webh")
        assert closed_after(connection, 5) < 3


def test_many_slow_peers_hold_nobody_up(receiver: Receiver) -> None:
    slow = [receiver.connect() for _ in range(60)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(signed_head(BODY, "Content-Length: 1000") if number % 2 else b"POST /webhooks/s")
        began = time.monotonic()
        assert receiver.post(BODY).status == 200
        assert time.monotonic() - began < 1
    finally:
        for connection in slow:
            connection.close()


def test_endless_header_is_hung_up_on(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--header-s", "60") as receiver:
        for head in (
            b"POST /webhooks/st HTTP/1.1\r\n" + b"X-Fill: " + b"y" * 100_000,
            b"POST /webhooks/st HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
            b"POST /" + b"w" * 100_000,
        ):
            with receiver.connect() as connection, contextlib.suppress(ConnectionError):
                connection.sendall(head)
                assert closed_after(connection, 20) < 20  # not by the time limit


@pytest.mark.parametrize("garbage", [
    b"\x00\x01\x02\x03\r\n\r\n", b"HELLO\r\n\r\n", b"POST http://[ HTTP/1.1\r\n\r\n", b"POST /\xff HTTP/1.1\r\n\r\n",
    b"POST /webhooks/st HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"POST /webhooks/st HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
])  # fmt: skip
def test_garbage_gets_a_plain_no(receiver: Receiver, garbage: bytes) -> None:
    with receiver.connect() as connection:
        connection.sendall(garbage)
        try:
            answer = read_reply(connection)
        except ConnectionError:
            return
        assert answer.status in (400, 404)
        assert "server" not in answer.headers and b"python" not in answer.body.lower()
    assert receiver.post(BODY).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/webhooks/st", "/webhooks/nobody", "/webhooks/", "/", "/docs"])
def test_nothing_is_shown(receiver: Receiver, method: str, path: str) -> None:
    assert receiver.ask(method, path).shown == (404, {"content-length": "0"}, b"")


@pytest.mark.parametrize("path", ["/", "/metrics", "/webhooks", "/webhooks/", "/webhooks/st/", "/webhooks/st/x",
                                  "/openapi.json", "/healthz/..", "/../etc/passwd", "/webhooks/%2e%2e/x"])  # fmt: skip
def test_there_is_no_other_door(receiver: Receiver, path: str) -> None:
    assert receiver.ask("POST", path, {"X-ServiceTitan-Signature": hex_of(BODY)}, BODY).status == 404
    assert receiver.rows() == []


def test_pipelined_and_kept_alive(receiver: Receiver) -> None:
    bodies = [b'{"id": "p%d"}' % number for number in range(5)]
    with receiver.connect() as connection:
        connection.sendall(b"".join(signed_head(body, f"Content-Length: {len(body)}") + body for body in bodies))
        assert [read_each(connection) for _ in bodies] == [200] * 5
    assert sorted(row.event_key for row in receiver.rows()) == ["p0", "p1", "p2", "p3", "p4"]


def read_each(connection: socket.socket) -> int:
    """One answer of several in one stream: to the end of its header, and it has no body."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += connection.recv(1)
    return int(received.split()[1])


def test_sender_that_waits_to_be_asked(receiver: Receiver) -> None:
    with receiver.connect() as connection:
        connection.sendall(signed_head(BODY, f"Content-Length: {len(BODY)}\r\nExpect: 100-continue"))
        assert read_each(connection) == 100
        connection.sendall(BODY)
        assert read_each(connection) == 200


def test_endless_trailer_and_hollow_chunks_are_hung_up_on(tmp_path: Path) -> None:
    head = signed_head(BODY, "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(BODY), BODY)
    with running_receiver(tmp_path, "--request-s", "60") as receiver:
        for endless in (b"0\r\nX-Trailer: " + b"y" * 200_000, b"0\r\n" + b"X: y\r\n" * 30_000,
                        b"1;" + b"e" * 200_000):  # fmt: skip
            with receiver.connect() as connection, contextlib.suppress(ConnectionError):
                connection.sendall(head + endless)
                assert closed_after(connection, 20) < 20  # not by the time limit
        with receiver.connect() as connection:  # the smallest chunks there are do come in
            body = b'{"id": "smallest", "x": "' + b"y" * 20_000 + b'"}'
            connection.sendall(signed_head(body, "Transfer-Encoding: chunked") + b"".join(chunks(body, 1)))
            assert read_reply(connection).status == 200
        assert [row.event_key for row in receiver.rows()] == ["smallest"]


def test_one_peer_has_a_quarter_of_the_connections(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--most-connections", "12") as receiver:
        mine = [receiver.connect() for _ in range(3)]
        for connection in mine:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            assert read_each(connection) == 200
        with receiver.connect() as fourth, contextlib.suppress(ConnectionError):
            assert closed_after(fourth, 5) < 5
        for connection in mine:
            connection.close()
        until = time.monotonic() + 5
        while True:
            with contextlib.suppress(ConnectionError):
                assert receiver.post(BODY).status == 200
                break
            assert time.monotonic() < until


def test_hundreds_of_pipelined_requests_are_no_large_header(receiver: Receiver) -> None:
    bodies = [b'{"id": "m%d"}' % number for number in range(300)]
    with receiver.connect() as connection:
        sent = b"".join(signed_head(body, f"Content-Length: {len(body)}") + body for body in bodies)
        half = len(sent) - 30  # the last one comes in two pieces
        connection.sendall(sent[:half])
        time.sleep(0.1)
        connection.sendall(sent[half:])
        assert [read_each(connection) for _ in bodies] == [200] * 300
    assert len(receiver.rows()) == 300


def test_one_peer_too_often(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--per-second", "5", "--behind-proxy") as receiver:
        seen = [receiver.post(BODY, "", X_Forwarded_For="203.0.113.9, 198.51.100.1") for _ in range(20)]
        assert [answer.status for answer in seen[:10]] == [403] * 10  # two seconds' worth at once
        late = [answer for answer in seen if answer.status == 429]
        assert len(late) >= 8 and all(answer.headers["retry-after"] == "1" for answer in late)
        # Only what the proxy wrote down counts, so nobody escapes by writing addresses himself.
        assert receiver.post(BODY, X_Forwarded_For="10.1.1.1, 198.51.100.1").status == 429
        assert receiver.post(BODY, X_Forwarded_For="198.51.100.1, 203.0.113.77").status == 200  # another peer
        assert receiver.ask("GET", "/healthz").status == 200
        assert receiver.metric('st_pipelines_webhook_answers_total{connection="",outcome="too_fast"}') >= 9


def test_allowance_of_a_peer() -> None:
    peers = Peers(10, seconds=1.0)
    assert [peers.wait_s("192.0.2.1", 100.0) for _ in range(10)] == [0.0] * 10
    assert peers.wait_s("192.0.2.1", 100.0) == pytest.approx(0.1)
    assert peers.wait_s("192.0.2.2", 100.0) == 0.0
    assert peers.wait_s("192.0.2.1", 100.11) == 0.0


def test_memory_for_peers_is_bounded() -> None:
    peers = Peers(10, most_peers=100)
    for number in range(1_000):
        peers.wait_s(f"192.0.{number // 256}.{number % 256}", 100.0)
    assert len(peers._whole_at) <= 100


def test_who_is_one_peer() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == "192.0.2.1" and network("unix") == "unix" and len(network("x" * 999)) == 64
