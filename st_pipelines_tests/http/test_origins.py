"""Credentials go to one origin; addresses that are not meant are never dialled."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.errors import Misconfigured, Unreachable
from st_pipelines.systems.http.origin import Origin, parse_base_url, refused_address
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Hostile


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://api.servicetitan.io", "https://api.servicetitan.io", ""),
        ("https://API.ServiceTitan.io/", "https://api.servicetitan.io", ""),
        ("https://erp.example.com:8443/clouderp/demo/", "https://erp.example.com:8443", "/clouderp/demo"),
        ("http://127.0.0.1:8080/qad-central", "http://127.0.0.1:8080", "/qad-central"),
        ("http://localhost", "http://localhost", ""),
        ("http://[::1]:99/x", "http://[::1]:99", "/x"),
        ("https://host:443/", "https://host", ""),
    ],
)
def test_good_addresses(url: str, origin: str, prefix: str) -> None:
    parsed = parse_base_url(url, "acme")
    assert (str(parsed.origin), parsed.prefix) == (origin, prefix)


@pytest.mark.parametrize(
    "url",
    [
        "", "api.servicetitan.io", "ftp://host/", "file:///etc/passwd", "https://", "https:///path",
        "http://api.servicetitan.io",
        "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://10.0.0.1/", "https://user:pw@host/",
        "https://user@host/", "https://host/#fragment", "https://host/#", "https://host/?a=b", "https://host/?",
        "https://ho st/",
        "https://host/a b", "https://host\\@evil.example/", "https://host:0/", "https://host:99999/", "https://host:/",
        "https://hóst/", "https://host/..", "https://host/a/%2e%2e/b", "https://host//a", "https://host\n/",
        "https://-host-/",
        "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://a..b/", "https://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_base_url(url, "acme")
    assert "pw" not in str(caught.value)
    assert caught.value.cure


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1",
        "10.1.2.3",
        "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:1::1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "::ffff:10.0.0.1",
    ],
)  # fmt: skip
def test_a_public_name_may_not_point_inside(address: str) -> None:
    assert refused_address(address, Origin("https", "erp.example.com", 443), private_network=False)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "172.31.0.9", "100.64.0.1", "fd00::1"])
def test_a_private_network_is_reached_only_when_allowed(address: str) -> None:
    origin = Origin("https", "erp.corp.example", 443)
    assert "private_network" in refused_address(address, origin, private_network=False)
    assert refused_address(address, origin, private_network=True) == ""


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "64:ff9b::a00:1", "::ffff:127.0.0.1"]
)
def test_a_private_network_is_not_this_machine_nor_its_metadata(address: str) -> None:
    assert refused_address(address, Origin("https", "erp.corp.example", 443), private_network=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_fine(address: str) -> None:
    assert refused_address(address, Origin("https", "api.servicetitan.io", 443), private_network=False) == ""


def test_a_loopback_name_may_not_point_away() -> None:
    assert refused_address("8.8.8.8", Origin("http", "localhost", 80), private_network=True)


def test_a_name_that_turns_to_this_machine_gets_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hostile() as server:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
        client = HttpClient("acme", f"https://rebind.example:{server.port}", StaticHeaders())
        with pytest.raises(Unreachable, match="to which we do not connect"):
            client.read("/", entity="invoices")
        assert server.connections == 0


def test_a_resolver_that_hangs_does_not_hold_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    import time

    release = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        release.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="did not resolve in time"):
        HttpClient("acme", "https://slow.example", StaticHeaders()).read("/", entity="invoices", deadline_s=0.4)
    assert time.monotonic() - started < 10
    release.set()


def test_the_environment_sends_nothing_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hostile() as proxy, Hostile() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        client_for(server).read("/", entity="invoices")
        assert proxy.connections == 0
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "//evil.example/x",
        "/a/../b",
        "/a/%2E%2e/b",
        "/a?b=c",
        "/a#b",
        "/a b",
        "/é",
        "/a\r\nHost: evil",
        "",
        "@evil/",
    ],
)
def test_paths_that_are_never_sent(path: str) -> None:
    with Hostile() as server:
        with pytest.raises(Misconfigured):
            client_for(server).read(path, entity="invoices")
        assert server.connections == 0


@given(path=st.text(max_size=30), params=st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=3))
def test_whatever_is_asked_stays_on_the_request_line(path: str, params: list[tuple[str, str]]) -> None:
    where = parse_base_url("https://erp.example.com/clouderp", "acme")
    try:
        target = where.target("/" + path, tuple(params), "acme")
    except Misconfigured:
        return
    assert target.isascii()
    assert target.startswith("/clouderp/")
    assert not set(target) & set(" \r\n\t#")
    assert target.count("?") <= 1


def test_cookies_are_not_kept() -> None:
    from st_pipelines_tests.http import hostile

    with Hostile(hostile.ok(headers={"Set-Cookie": "session=stolen; Path=/"}), hostile.ok()) as server:
        client = client_for(server)
        assert "set-cookie" not in client.read("/", entity="invoices").headers
        client.read("/", entity="invoices")
        assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\x00", "snow ☃", "x" * 20_000, " padded "])
def test_headers_that_cannot_be_sent_are_named_without_their_value(value: str) -> None:
    from st_pipelines.credentials.secret import Secret

    with Hostile() as server:
        client = client_for(server, auth=StaticHeaders({"ST-App-Key": Secret(value)}))
        with pytest.raises(Misconfigured, match="header ST-App-Key") as caught:
            client.read("/", entity="invoices")
        assert value not in str(caught.value)
        assert caught.value.__cause__ is None
        assert server.connections == 0
