"""Webhooks: deliveries a second with their latency, what one costs, and whether a killed receiver loses what it took.

One real receiver on SQLite, one load generator beside it on the same two cores. The generator is an epoll loop over
kept-alive raw sockets with requests that were signed beforehand, and sends by the clock: a delivery's latency begins
when it was due, so a receiver that stalls cannot hide behind a generator that waits. ``BENCH_SECONDS=60`` makes the
long run.
"""

import contextlib
import hmac
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select as query

from st_pipelines.credentials.keyring import new_key_file, read_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database, reading
from st_pipelines.database.migrate import upgrade
from st_pipelines.database.schema import inbox_event

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
RATE = 1_050  # a little above the bar, because the bar is what must be acknowledged
CONNECTIONS = 48
KILLS = 6
SECRET = "a-bench-secret-of-forty-characters-12345"
PLAIN = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def ok(request):
    await request.body()
    return Response()
app = Starlette(routes=[Route("/webhooks/{connection}", ok, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, server_header=False)
"""


@dataclass
class Load:
    """What one stretch of load gave. ``latency_ms`` of the acknowledged ones, from when each was due."""

    acknowledged: list[str] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    other: int = 0
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latency_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def signed_requests(names: Sequence[str]) -> list[bytes]:
    """One delivery a name, of the size of an invoice event."""
    filler = "x" * 500
    made = []
    for name in names:
        body = f'{{"eventId":"{name}","eventType":"invoice.updated","data":{{"id":1,"note":"{filler}"}}}}'.encode()
        signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
        head = (f"POST /webhooks/st HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nX-ServiceTitan-Signature: {signature}\r\n\r\n")  # fmt: skip
        made.append(head.encode() + body)
    return made


def send(address: tuple[str, int], names: Sequence[str], rate: float, kill: tuple[int, float] | None = None) -> Load:
    """Sends one request every 1/rate seconds; ``kill``: a process group and after how many seconds it gets SIGKILL."""
    requests, load, poll = signed_requests(names), Load(), select.epoll()
    idle: deque[socket.socket] = deque()
    by_number: dict[int, socket.socket] = {}
    under_way: dict[int, tuple[str, float]] = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(connection, select.EPOLLIN)
        by_number[connection.fileno()] = connection
        idle.append(connection)
    began, following, count = time.perf_counter(), 0, len(requests)
    while following < count or under_way:
        now = time.perf_counter() - began
        if kill and now > kill[1]:
            os.killpg(kill[0], signal.SIGKILL)
            kill = None
        while following < count and idle and following / rate <= now:
            connection = idle.popleft()
            under_way[connection.fileno()] = names[following], following / rate
            try:
                connection.send(requests[following])
            except OSError:
                under_way.pop(connection.fileno())
                load.other += 1
            following += 1
        if not by_number or (not idle and not under_way):
            break  # it was killed: every connection is gone
        wait = following / rate - (time.perf_counter() - began) if following < count and idle else 0.05
        for number, _ in poll.poll(max(0.0, wait)):
            connection = by_number[number]
            try:
                answer = connection.recv(4096)
            except OSError:
                answer = b""
            name, due = under_way.pop(number, ("", 0.0))
            if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"):
                load.acknowledged.append(name)
                load.latency_ms.append((time.perf_counter() - began - due) * 1000)
                idle.append(connection)
            elif answer:
                load.other += 1
                idle.append(connection)
            else:
                load.other += bool(name)
                poll.unregister(number)
                by_number.pop(number).close()
                with contextlib.suppress(ValueError):
                    idle.remove(connection)
    load.seconds = time.perf_counter() - began
    for connection in by_number.values():
        connection.close()
    poll.close()
    return load


def prepare(home: Path) -> None:
    """A migrated ledger with one connection and its webhook secret."""
    key = home / "keys" / "master.key"
    key.parent.mkdir(parents=True, mode=0o700)
    new_key_file(key)
    engine = open_database(f"sqlite:///{home / 'ledger.db'}")
    upgrade(engine)
    Vault(engine, read_key_file(key)).add("st", "servicetitan", {}, {"webhook_secret": Secret(SECRET)})
    engine.dispose()


@contextlib.contextmanager
def receiver(home: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    """``st-pipelines serve`` with one worker: process and address. Killed at the end."""
    command = [str(Path(sys.executable).with_name("st-pipelines")), "serve", "--port", "0", "--metrics-port", "0"]
    environment = {**os.environ, "ST_PIPELINES_HOME": str(home), "ST_PIPELINES_DATABASE_URL": ""}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        where = urlsplit(json.loads(process.stdout.readline())["webhooks"])
        yield process.pid, (str(where.hostname), int(where.port or 0))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextlib.contextmanager
def plain_handler() -> Iterator[tuple[int, tuple[str, int]]]:
    """A Starlette app on the same server that reads the body and answers 200."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", PLAIN, str(port)], start_new_session=True)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid, ("127.0.0.1", port)
    finally:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kept(home: Path) -> set[str]:
    engine = open_database(f"sqlite:///{home / 'ledger.db'}")
    with reading(engine) as connection:
        found = set(connection.execute(query(inbox_event.c.event_key)).scalars())
    engine.dispose()
    return found


def run(seconds: float = SECONDS) -> list[dict[str, Any]]:
    """The figures for ``make bench``."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # with all that is started from here
    with tempfile.TemporaryDirectory(prefix="receiver-bench-") as folder:
        home = Path(folder)
        prepare(home)
        with receiver(home) as (pid, address):
            send(address, [f"warm-{n}" for n in range(500)], RATE)
            before = cpu_s(pid)
            steady = send(address, [f"steady-{n}" for n in range(int(RATE * seconds))], RATE)
            spent = cpu_s(pid) - before
        with plain_handler() as (pid, address):
            send(address, [f"warm-{n}" for n in range(500)], RATE)
            before = cpu_s(pid)
            plain = send(address, [f"plain-{n}" for n in range(int(RATE * min(seconds, 10)))], RATE)
            plain_us = (cpu_s(pid) - before) / len(plain.acknowledged) * 1e6
        acknowledged = set(steady.acknowledged)
        killed_at = []
        for number in range(KILLS):
            with receiver(home) as (pid, address):
                killed_at.append(random.uniform(0.3, 1.5))
                names = [f"kill-{number}-{n}" for n in range(RATE * 3)]
                acknowledged |= set(send(address, names, RATE, (pid, killed_at[-1])).acknowledged)
        lost = acknowledged - kept(home)
    per_second = len(steady.acknowledged) / steady.seconds
    worst = max(steady.latency_ms)
    p99, each_us = steady.percentile(0.99), spent / len(steady.acknowledged) * 1e6
    return [
        _row("deliveries acknowledged", per_second, "/s", 1_000, per_second >= 1_000,
             f"{seconds:.0f} s, two cores with the generator, {steady.other} not acknowledged"),
        _row("latency p99, from when due", p99, "ms", 25, p99 <= 25,
             f"p50 {steady.percentile(0.5):.1f}, p99.9 {steady.percentile(0.999):.1f}, worst {worst:.0f}; "
             f"plain handler p99 {plain.percentile(0.99):.1f}"),
        _row("acknowledged and lost", len(lost), "", 0, not lost,
             f"of {len(acknowledged):,}, over {KILLS} kill -9 under load"),
        _row("CPU per delivery", each_us, "µs", None, True,
             f"a Starlette handler that only answers 200: {plain_us:.0f} µs, ratio {each_us / plain_us:.2f}"),
    ]  # fmt: skip


def _row(name: str, value: float, unit: str, bar: float | None, ok: bool, note: str) -> dict[str, Any]:
    shown = "" if bar is None else bar
    return {"name": name, "value": round(value, 1), "unit": unit, "bar": shown, "ok": ok, "note": note}


if __name__ == "__main__":
    for line in run():
        print(line)
