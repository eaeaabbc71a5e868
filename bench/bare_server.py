"""Serves pages that were made beforehand. Invariant: it does next to nothing per request, so that what is measured is
the client.
"""

import json
import socket
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate

Answer = Callable[[str], tuple[bytes, str]]  # the target of a GET; body, and further lines of the head


def serve(answer: Answer, *, token_life_s: int) -> None:
    """For ever, on a free loopback port; prints the address. Every POST gets a token."""
    token = json.dumps({"access_token": "bench", "expires_in": token_life_s, "token_type": "Bearer"}).encode()
    server = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{server.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection, answer, token), daemon=True).start()


def _talk(connection: socket.socket, answer: Answer, token: bytes) -> None:
    waiting = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in waiting:
                received = connection.recv(65536)
                if not received:
                    return
                waiting += received
            request, _, waiting = waiting.partition(b"\r\n\r\n")
            line, *headers = request.decode().split("\r\n")
            method, target, _ = line.split(" ")
            if method == "POST":
                length = next(int(h.split(":")[1]) for h in headers if h.lower().startswith("content-length"))
                while len(waiting) < length:
                    waiting += connection.recv(65536)
                waiting, content, more = waiting[length:], token, ""
            else:
                content, more = answer(target)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {formatdate(usegmt=True)}\r\n{more}"
            connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
            connection.sendall(content)
