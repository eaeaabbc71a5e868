"""The sockets under the pool. Invariant: no call waits past the deadline of the request it serves, and only checked
addresses are connected to.

httpcore takes its time limits per operation: one byte a second would pass them for ever. So the request's deadline is
put in place for the thread that serves it, and every read, write, handshake and look-up stays within it.
"""

import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import httpcore

from st_pipelines.systems.http.deadline import Deadline
from st_pipelines.systems.http.origin import Origin, refused_address

CHUNK = 256 * 1024  # bytes asked of the kernel at once: fewer rounds through the parser for pages of megabytes

TOGETHER = 64 * 1024

_serving = threading.local()


class AddressRefused(httpcore.ConnectError):
    """The host resolves to an address that we do not connect to."""


class Serving:
    """``with Serving(deadline) as served:`` whatever this thread does on the sockets ends by then, and is counted.

    ``sent``: bytes that left or may have left. ``exact()``: is the answer all that came on the connection?
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.sent = 0
        self._received = 0
        self._head = b""
        self._head_length = 0
        self._tail = b""

    def __enter__(self) -> "Serving":
        _serving.now = self
        return self

    def __exit__(self, *_: object) -> None:
        _serving.now = None

    def took(self, data: bytes) -> None:
        """Counts bytes that came."""
        if not self._head_length:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            self._head_length = end + 4 if end >= 0 else 0
            self._head = self._head[:16] if end >= 0 else self._head
        self._received += len(data)
        self._tail = (self._tail + data[-5:])[-5:]

    def exact(self, body_length: int | None) -> bool:
        """False where bytes came that nobody asked for: a second answer that the next request would take for its own.
        ``body_length`` is none for a chunked answer. In doubt (an interim 1xx answer) false."""
        if self._head[9:10] == b"1":
            return False
        if body_length is None:
            return self._tail == b"0\r\n\r\n"
        return self._received == self._head_length + body_length


def _now(exhausted: type[Exception]) -> Serving:
    served: Serving | None = getattr(_serving, "now", None)
    if served is None:
        raise exhausted("a socket was used outside of a request")
    return served


def _within(limit: float | None, exhausted: type[Exception]) -> float:
    left = _now(exhausted).deadline.within(limit)
    if left <= 0:
        raise exhausted("the deadline of the request has passed")
    return left


def connect(origin: Origin, private_network: bool, timeout: float) -> "Stream":
    """A connection to one of the checked addresses of an origin, without TLS yet. Raises httpcore's connect errors."""
    deadline = Deadline(_within(timeout, httpcore.ConnectTimeout))
    host, port = origin.host, origin.port
    addresses = _resolve(host, port, deadline)
    for address in addresses:
        why = refused_address(address[4][0], origin, private_network)
        if why:
            raise AddressRefused(f"{host} has the address {address[4][0]}, to which we do not connect: {why}")
    failure: OSError | None = None
    for family, kind, protocol, _, where in addresses:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(max(deadline.left(), 0.001))
            opened.connect(where)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Stream(opened)
        except OSError as error:
            opened.close()
            failure = error
            if deadline.left() <= 0:
                break
    if isinstance(failure, TimeoutError) or failure is None:
        raise httpcore.ConnectTimeout(f"no connection to {host} port {port} in time")
    raise httpcore.ConnectError(f"no connection to {host} port {port}: {failure.strerror or failure}")


class Stream(httpcore.NetworkStream):
    """One connection, plain or TLS. Head and body of a request wait for each other and leave together."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._waiting = bytearray()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with suppress(httpcore.WriteError):  # as httpcore does: it may have answered early and closed, so listen
            self._flush(timeout)
        limit = _within(timeout, httpcore.ReadTimeout)
        try:
            self._socket.settimeout(limit)
            data = self._socket.recv(CHUNK)
        except TimeoutError:
            raise httpcore.ReadTimeout(f"nothing came for {limit:.1f} s") from None
        except OSError as error:
            raise httpcore.ReadError(f"{error.strerror or type(error).__name__}") from None
        _now(httpcore.ReadError).took(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._waiting += buffer
        if len(self._waiting) >= TOGETHER:
            self._flush(timeout)

    def _flush(self, timeout: float | None) -> None:
        view, served = memoryview(bytes(self._waiting)), _now(httpcore.WriteTimeout)
        self._waiting.clear()
        while view:
            limit = _within(timeout, httpcore.WriteTimeout)
            try:
                self._socket.settimeout(limit)
                served.sent += len(view)  # before the call: what may have left counts as sent
                count = self._socket.send(view)
            except TimeoutError:
                raise httpcore.WriteTimeout(f"the other side took nothing for {limit:.1f} s") from None
            except OSError as error:
                raise httpcore.WriteError(f"{error.strerror or type(error).__name__}") from None
            served.sent -= len(view) - count
            view = view[count:]

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        try:
            self._socket.settimeout(_within(timeout, httpcore.ConnectTimeout))
            return Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))
        except TimeoutError:
            self.close()
            raise httpcore.ConnectTimeout("the TLS handshake did not end in time") from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise httpcore.ConnectError(f"the certificate is not accepted: {error.verify_message}") from None
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(f"no TLS: {error.strerror or error}") from None

    def has_something(self) -> bool:
        """Of an idle connection: it was closed, by us or by them, or has bytes that nobody asked for."""
        number = self._socket.fileno()
        if number < 0 or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0):
            return True
        waiting = select.poll()
        waiting.register(number, select.POLLIN)
        return bool(waiting.poll(0))


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    """Addresses of a host, within the deadline: the system's resolver has no time limit, so a thread waits for it."""
    found: list[Any] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)

    if host.replace(".", "").isdigit() or ":" in host or host == "localhost":
        look_up()
    else:
        waiting = threading.Thread(target=look_up, daemon=True, name=f"resolve {host}")
        waiting.start()
        waiting.join(deadline.left())
    if failed:
        raise httpcore.ConnectError(f"the name {host} does not resolve: {failed[0].strerror or failed[0]}")
    if not found:
        raise httpcore.ConnectTimeout(f"the name {host} did not resolve in time")
    return found
