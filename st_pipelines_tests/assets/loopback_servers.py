"""A mail server and a Slack of our own on loopback, which keep what they were sent and can refuse it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Received:
    """``refusing``: answers every message with a refusal."""

    port: int = 0
    refusing: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Received]:
    """Speaks as much SMTP as a client needs to deliver one message (RFC 5321)."""
    received = Received()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.test\r\n")
            for line in self.rfile:
                command = line[:4].upper().strip()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    received.mails.append(message_from_bytes(self._content(), policy=policy.default))  # type: ignore[arg-type]
                    self.wfile.write(b"250 taken\r\n")
                elif command == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                elif command == b"RCPT" and received.refusing:
                    self.wfile.write(b"550 nobody of that name\r\n")
                else:
                    self.wfile.write(b"250 well\r\n")

        def _content(self) -> bytes:
            lines = []
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line[1:] if line.startswith(b"..") else line)
            return b"".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        yield from _serving(server, received)


@contextmanager
def slack_server() -> Iterator[Received]:
    """Answers ``chat.postMessage`` as Slack does."""
    received = Received()

    class Session(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = "json" in self.headers.get("Content-Type", "")
            content = json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body).items()}
            received.tokens.append(self.headers.get("Authorization", ""))
            if not received.refusing:
                received.posts.append({"path": self.path, **content})
            answer = {"ok": False, "error": "channel_not_found"} if received.refusing else {"ok": True, "ts": "1.1"}
            raw = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Session) as server:
        yield from _serving(server, received)


def _serving(server: socketserver.TCPServer, received: Received) -> Iterator[Received]:
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
