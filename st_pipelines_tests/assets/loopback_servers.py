"""A mail server and a Slack of our own on loopback, which keep what they were sent and can refuse it."""

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs

from st_pipelines_tests import loopback


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

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    received.port = server.server_address[1]
    with loopback.running(server):
        yield received


@contextmanager
def slack_server() -> Iterator[Received]:
    """Answers ``chat.postMessage`` as Slack does."""
    received = Received()

    class Session(loopback.Talk):
        def do_POST(self) -> None:
            body = self.content().decode()
            is_json = "json" in self.headers.get("Content-Type", "")
            content = json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body).items()}
            received.tokens.append(self.headers.get("Authorization", ""))
            if not received.refusing:
                received.posts.append({"path": self.path, **content})
            answer = {"ok": False, "error": "channel_not_found"} if received.refusing else {"ok": True, "ts": "1.1"}
            self.answer(200, json.dumps(answer).encode())

    with loopback.serving(Session) as address:
        received.port = int(address.rpartition(":")[2])
        yield received
