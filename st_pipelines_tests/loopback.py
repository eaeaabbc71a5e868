"""Servers of tests on loopback that speak HTTP properly, whatever they say. Those that do not: ``http/hostile.py``."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer


class Talk(BaseHTTPRequestHandler):
    """One connection. A subclass says what is answered by ``do_GET`` and its like."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go out together: apart, the second waits 40 ms for the first to be acknowledged
    disable_nagle_algorithm = True

    def content(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """JSON, and dated now, unless the headers say otherwise."""
        self.send_response_only(status)
        own = {"Date": self.date_time_string(), "Content-Type": "application/json"}
        for name, value in (own | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drop(self) -> None:
        """Ends the connection without an answer, after the request was taken."""
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(talk: type[Talk]) -> Iterator[str]:
    """Yields the address; nothing runs any more afterwards."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), talk)
    server.daemon_threads = True
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
