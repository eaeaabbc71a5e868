"""A real receiver process on loopback, and a client that sends exactly the bytes it is told, however rude they are."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from sqlalchemy import Engine, select

from st_pipelines.credentials.keyring import new_key_file, read_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database, reading
from st_pipelines.database.migrate import upgrade
from st_pipelines.database.schema import inbox_event
from st_pipelines_tests.cli.command import COMMAND

SECRET = "the-key-from-the-developer-portal-1"
SIGNATURE = "X-ServiceTitan-Signature"


def hex_of(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def base64_of(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> tuple[int, Mapping[str, str], bytes]:
        """Everything but the time of day."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


@dataclass
class Receiver:
    home: Path
    engine: Engine
    process: "subprocess.Popen[bytes]"
    address: tuple[str, int] = ("", 0)
    metrics_url: str = ""
    vault: Vault = field(repr=False, default=None)  # type: ignore[assignment]

    def connect(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout)

    def post(self, body: bytes, signature: str | None = None, *, to: str = "st", **headers: str) -> Reply:
        """One delivery, signed well unless ``signature`` says otherwise (empty: no header)."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if signature != "":
            given[SIGNATURE] = hex_of(body) if signature is None else signature
        return self.ask("POST", f"/webhooks/{to}", given, body)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        with self.connect() as connection:
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return read_reply(connection)

    def rows(self) -> list[Any]:
        with reading(self.engine) as connection:
            return list(connection.execute(select(inbox_event).order_by(inbox_event.c.n)))

    def metric(self, name: str) -> float:
        """One sample of ``/metrics`` by its full name with labels."""
        with urlopen(self.metrics_url, timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
        return 0.0


def read_reply(connection: socket.socket) -> Reply:
    """One answer, until its announced end or the end of the stream."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the receiver hung up without an answer")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        part = connection.recv(65536)
        if not part:
            break
        body += part
    return Reply(int(first.split()[1]), headers, body)


def prepare(home: Path, url: str) -> tuple[Engine, Vault]:
    """A migrated database with the connection ``st`` and its webhook secret."""
    key = home / "live" / "keys" / "master.key"
    engine = open_database(url)
    upgrade(engine)
    if not key.exists():
        key.parent.mkdir(parents=True, mode=0o700)
        new_key_file(key)
    vault = Vault(engine, read_key_file(key))
    secrets = {"app_key": "a", "client_id": "b", "client_secret": "c", "webhook_secret": SECRET}
    vault.add("st", "servicetitan", {"tenant": "1"}, {name: Secret(value) for name, value in secrets.items()},
              replace=True)  # fmt: skip
    return engine, vault


@contextlib.contextmanager
def running_receiver(home: Path, *options: str, url: str = "", port: int = 0) -> Iterator[Receiver]:
    """``st-pipelines serve``, answering when this yields; killed at the end where a test has not stopped it."""
    address = url or f"sqlite:///{home / 'live' / 'ledger.db'}"
    engine, vault = prepare(home, address)
    receiver = start(home, engine, vault, address, *options, port=port)
    try:
        yield receiver
    finally:
        if receiver.process.poll() is None:
            os.killpg(receiver.process.pid, signal.SIGKILL)
        receiver.process.communicate()
        engine.dispose()


def start(home: Path, engine: Engine, vault: Vault, url: str, *options: str, port: int = 0) -> Receiver:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_PIPELINES_")}
    environment = kept | {"ST_PIPELINES_HOME": str(home / "live"), "ST_PIPELINES_DATABASE_URL": url}
    with (home / "receiver.log").open("ab") as log:
        process = subprocess.Popen(
            [str(COMMAND), "serve", "--port", str(port), "--metrics-port", "0", *options], cwd=home, env=environment,
            stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError((home / "receiver.log").read_text())
    said = json.loads(line)
    where = urlsplit(said["webhooks"])
    return Receiver(home, engine, process, (str(where.hostname), int(where.port or 0)), said["metrics"], vault)
