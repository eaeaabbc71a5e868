"""Bombs, floods and lies about length end early and cheaply."""

import gzip
import tracemalloc
import zlib

import pytest

from st_pipelines.systems.http.errors import BadAnswer, OutcomeUnknown, Unreachable
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Hostile

pytestmark = pytest.mark.usefixtures("quick")

MEGABYTE = 1024 * 1024
CAP = 4 * MEGABYTE


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)) + packer.flush()


def test_a_gzip_bomb_ends_at_the_cap() -> None:
    packed = bomb(200)
    tracemalloc.start()
    try:
        with Hostile(hostile.status(200, packed, {"Content-Encoding": "gzip"})) as server:
            with pytest.raises(BadAnswer, match=r"unpacks to more|larger than"):
                client_for(server).read("/", entity="invoices")
            assert len(server.requests) == 1  # the same would come again
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * MEGABYTE, "a bomb is noticed after some of it, not after all of it"


def test_a_bomb_in_answer_to_a_write_is_unknown() -> None:
    with Hostile(hostile.status(200, bomb(100), {"Content-Encoding": "gzip"})) as server, pytest.raises(OutcomeUnknown):
        client_for(server).write("POST", "/", content=b"{}", entity="bill", reference="1")


def test_a_body_that_announces_too_much_is_not_even_read() -> None:
    lie = hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    with Hostile(lie) as server, pytest.raises(BadAnswer, match="announces 99999999999 bytes"):
        client_for(server).read("/", entity="invoices")


def test_an_endless_body_ends_at_the_cap() -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    flood = hostile.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 400)
    with Hostile(flood) as server, pytest.raises(BadAnswer, match="larger than"):
        client_for(server, largest_body=CAP).read("/", entity="invoices")


def test_an_endless_head_ends() -> None:
    flood = hostile.raw(b"HTTP/1.1 200 OK\r\n" + b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzz\r\n" * 200_000)
    with Hostile(flood) as server, pytest.raises(Unreachable):
        client_for(server).read("/", entity="invoices")


def test_a_well_packed_page_is_read() -> None:
    page = b'{"data": [' + b",".join(b'{"id": %d, "total": "%d.25"}' % (n, n) for n in range(50_000)) + b"]}"
    with Hostile(hostile.status(200, gzip.compress(page), {"Content-Encoding": "gzip"})) as server:
        reply = client_for(server).read("/", entity="invoices")
        assert reply.content == page
        assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_a_packed_page_that_ends_early_or_goes_on_is_no_page() -> None:
    page = gzip.compress(b'{"a": 1}')
    for damaged in (page[:-4], page + b"more", page + page):
        with Hostile(hostile.status(200, damaged, {"Content-Encoding": "gzip"})) as server:
            with pytest.raises(Unreachable):
                client_for(server).read("/", entity="invoices")
            assert len(server.requests) == 3


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with Hostile(hostile.status(200, b"??", {"Content-Encoding": encoding})) as server, pytest.raises(BadAnswer):
        client_for(server).read("/", entity="invoices")


def test_bodies_are_not_in_the_repr_of_an_answer() -> None:
    with Hostile(hostile.ok(b'{"customer": "Ann Private"}')) as server:
        assert "Ann" not in repr(client_for(server).read("/", entity="invoices"))
