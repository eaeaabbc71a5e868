"""One request, one complete answer. Invariant: what is raised tells whether anything may have left this machine.

Built on the connection of httpcore, the engine of httpx, rather than on ``httpx.Client``: total deadlines, checked
addresses and connections that are never shared need what lies under that client, and the rest of it (redirects,
cookies, proxies from the environment, a log line with the whole URL) would only have to be switched off (H4, K6).
"""

import os
import ssl
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import httpcore

from st_pipelines.systems.http.deadline import Deadline, Timeouts
from st_pipelines.systems.http.errors import Misconfigured
from st_pipelines.systems.http.origin import Origin
from st_pipelines.systems.http.pool import Pool
from st_pipelines.systems.http.redact import one_line
from st_pipelines.systems.http.sockets import AddressRefused, Serving

LARGEST_BODY = 64 * 1024 * 1024
RATIO_FREE = 1024 * 1024
LARGEST_RATIO = 200  # JSON compresses 5 to 50 times


class WireFault(Exception):
    """Text: what happened, redacted, one line."""


class NotConnected(WireFault):
    """Proven: no byte of the request left. ``cure`` where a person can do something."""

    def __init__(self, why: str, cure: str = "") -> None:
        super().__init__(why)
        self.cure = cure


class AnswerLost(WireFault):
    """Something may have left, and no complete answer came. ``final``: asking again would bring the same."""

    def __init__(self, why: str, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, decompressed body: all of it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class Wire:
    """Connections to one origin. Thread-safe; after a fork the child opens its own."""

    def __init__(
        self,
        origin: Origin,
        connection: str,
        *,
        timeouts: Timeouts,
        ca_file: str | None = None,
        max_connections: int = 10,
        private_network: bool = False,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        self._origin = origin
        self._timeouts = timeouts
        self._largest_body = largest_body
        self._max_connections = max_connections
        self._private_network = private_network
        self._tls = _tls(ca_file, connection) if origin.scheme == "https" else None
        self._lock = threading.Lock()
        self._pool, self._pid = self._new_pool(), os.getpid()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None, deadline: Deadline
    ) -> Answer:
        """Sends once, never follows a redirect. Raises ``NotConnected`` or ``AnswerLost``."""
        request = self._request(method, target, headers, content)
        with Serving(deadline) as served:
            try:
                return self._exchange(request, served)
            except AddressRefused as error:
                raise NotConnected(
                    one_line(str(error)), "correct the base URL, or allow it in the connection"
                ) from None
            except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
                raise NotConnected(_why(error), _cure(error)) from None
            except (
                httpcore.TimeoutException,
                httpcore.NetworkError,
                httpcore.ProtocolError,
                httpcore.ConnectionNotAvailable,
            ) as error:
                if not served.sent:
                    raise NotConnected(_why(error)) from None
                raise AnswerLost(_why(error)) from None

    def close(self) -> None:
        """Closes idle connections; a later ``send`` opens new ones."""
        self._pool.close()

    def _request(self, method: str, target: str, headers: Mapping[str, str], content: bytes | None) -> httpcore.Request:
        origin = self._origin
        url = httpcore.URL(
            scheme=origin.scheme.encode(), host=origin.host.encode(), port=origin.port, target=target.encode("ascii")
        )
        lines = [("Host", origin.host_header), *headers.items()]
        if content is not None:
            lines.append(("Content-Length", str(len(content))))
        return httpcore.Request(
            method,
            url,
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in lines],
            content=content,
            extensions={"timeout": {"read": self._timeouts.read_s, "write": self._timeouts.write_s}},
        )

    def _exchange(self, request: httpcore.Request, served: Serving) -> Answer:
        pool = self._current_pool()
        line, exact = pool.take(served.deadline), False
        try:
            response = line.http.handle_request(request)
            headers = _headers(response.headers)
            length = _announced(headers, request.method, response.status)
            body = _Body(headers.get("content-encoding", ""), self._largest_body, length)
            for chunk in _pieces(response):
                body.add(chunk)
            content = body.complete()
            response.close()
            exact = served.exact(length)
            return Answer(response.status, headers, content)
        finally:
            pool.give_back(line, exact)

    def _current_pool(self) -> Pool:
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._pool, self._pid = self._new_pool(), os.getpid()
        return self._pool

    def _new_pool(self) -> Pool:
        return Pool(self._origin, self._tls, self._timeouts, self._max_connections, self._private_network)


class _Body:
    """Collects a body under a cap, in one buffer; decompresses as it comes (gzip bombs end at the cap)."""

    def __init__(self, encoding: str, largest: int, announced: int | None) -> None:
        if announced is not None and announced > largest:
            raise AnswerLost(f"the answer announces {announced} bytes, more than the {largest} we take", final=True)
        kind = encoding.strip().lower()
        if kind not in ("", "identity", "gzip", "x-gzip"):
            raise AnswerLost("the answer has a content encoding that was not asked for", final=True)
        self._gzip = zlib.decompressobj(wbits=31) if kind.endswith("gzip") else None
        self._largest = largest
        self._chunks: list[bytes] = []
        self._size = 0
        self._raw = 0

    def add(self, chunk: bytes) -> None:
        self._raw += len(chunk)
        if self._gzip is None:
            self._take(chunk)
            return
        try:
            while chunk:
                if self._gzip.eof:
                    raise AnswerLost("the compressed answer has something behind its end")
                self._take(self._gzip.decompress(chunk, 1024 * 1024))
                chunk = self._gzip.unconsumed_tail or self._gzip.unused_data
        except zlib.error:
            raise AnswerLost("the compressed answer is damaged") from None

    def _take(self, plain: bytes) -> None:
        self._size += len(plain)
        if self._size > self._largest:
            raise AnswerLost(f"the answer is larger than the {self._largest} bytes we take", final=True)
        if self._gzip is not None and self._size > RATIO_FREE and self._size > LARGEST_RATIO * self._raw:
            raise AnswerLost(f"the answer unpacks to more than {LARGEST_RATIO} times its size", final=True)
        self._chunks.append(plain)

    def complete(self) -> bytes:
        if self._gzip is not None and self._raw and not self._gzip.eof:
            raise AnswerLost("the compressed answer ends too early")
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


def _pieces(response: httpcore.Response) -> Iterable[bytes]:
    stream = response.stream
    assert isinstance(stream, Iterable)
    return stream


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key == "set-cookie":
            continue  # sessions are ours to choose, and a cookie is a credential (K6)
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _announced(headers: Mapping[str, str], method: bytes, status: int) -> int | None:
    if method == b"HEAD" or status in (204, 304):
        return 0
    length = headers.get("content-length", "")
    return (
        int(length)
        if length.isascii() and length.isdigit() and len(length) < 16 and "transfer-encoding" not in headers
        else None
    )


def _tls(ca_file: str | None, connection: str) -> ssl.SSLContext:
    """Verification is never off; a private authority is a file (K10)."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"the CA file cannot be read ({type(error).__name__})",
            connection=connection,
            cure="name a readable PEM file in the connection's ca_file",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)


def _cure(error: Exception) -> str:
    if "certificate" in str(error):
        return "check the host name; for a private authority name its certificate in the connection's ca_file"
    if isinstance(error, httpcore.PoolTimeout):
        return "nothing; all connections were busy. Raise max_connections if it stays"
    return "check that the host is right and can be reached from here"
