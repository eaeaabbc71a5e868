"""A real server on loopback that behaves as badly as told, and remembers what it got. Raw sockets: nothing tidies up.

``Hostile(answer, answer, …)`` gives its answers in turn and repeats the last one. An answer is a function of the open
socket and the request; it returns true to keep the connection.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


Answer = Callable[[socket.socket, Request], bool]


def raw(data: bytes, keep: bool = False) -> Answer:
    def answer(connection: socket.socket, request: Request) -> bool:
        connection.sendall(data)
        return keep

    return answer


def status(
    code: int, body: bytes = b"{}", headers: dict[str, str] | None = None, kind: str = "application/json"
) -> Answer:
    lines = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
    head = f"HTTP/1.1 {code} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return raw(head.encode("latin-1") + body, keep=True)


def ok(body: bytes = b'{"ok": true}', headers: dict[str, str] | None = None) -> Answer:
    return status(200, body, headers)


def drop(connection: socket.socket, request: Request) -> bool:
    """Reset after the request was read: the far end may well have acted on it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(connection: socket.socket, request: Request) -> bool:
    return False


def truncated(connection: socket.socket, request: Request) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"data": [1,')
    return False


def truncated_chunks(connection: socket.socket, request: Request) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"data": [1,2,3,\r\n')
    return False


def byte_by_byte(seconds_each: float, body: bytes = b'{"slow": true}', in_the_head: bool = False) -> Answer:
    def answer(connection: socket.socket, request: Request) -> bool:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        if not in_the_head:
            connection.sendall(head)
            head = b""
        for byte in head + body:
            connection.sendall(bytes([byte]))
            time.sleep(seconds_each)
        return False

    return answer


def silent(seconds: float) -> Answer:
    def answer(connection: socket.socket, request: Request) -> bool:
        time.sleep(seconds)
        return False

    return answer


class Hostile:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers) or [ok()]
        self.requests: list[Request] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            file = connection.makefile("rb")
            while True:
                line = file.readline(65536).decode("latin-1").rstrip("\r\n")
                if not line:
                    return
                headers: dict[str, str] = {}
                while (header := file.readline(65536).decode("latin-1").rstrip("\r\n")) != "":
                    name, _, value = header.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = file.read(int(headers.get("content-length", "0")))
                with self._lock:
                    request = Request(line, headers, body)
                    self.requests.append(request)
                    answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if not answer(connection, request):
                    file.close()
                    return
