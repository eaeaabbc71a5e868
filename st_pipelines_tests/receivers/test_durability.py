"""W5, W8: nothing is acknowledged that is not durable; where it cannot be stored the sender is told to come again."""

import os
import random
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from st_pipelines.database.engine import transaction
from st_pipelines_tests.receivers.receiver import Receiver, hex_of, prepare, read_reply, running_receiver, start

BODY = b'{"id": "e1"}'


def deliver_until_it_dies(receiver: Receiver, prefix: str, acknowledged: set[str]) -> None:
    """One sender on one connection; notes an id only after its 200 was read."""
    number = 0
    try:
        with receiver.connect() as connection:
            while True:
                number += 1
                name = f"{prefix}-{number}"
                body = b'{"id": "%s"}' % name.encode()
                head = (f"POST /webhooks/st HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
                        f"X-ServiceTitan-Signature: {hex_of(body)}\r\n\r\n")  # fmt: skip
                connection.sendall(head.encode() + body)
                if read_reply(connection).status == 200:
                    acknowledged.add(name)
    except (ConnectionError, TimeoutError):
        return


def test_killed_while_acknowledging_nothing_acknowledged_is_lost(database_url: str, tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    engine, vault = prepare(tmp_path, database_url)
    for attempt, workers in enumerate(("1", "1", "2")):
        receiver = start(tmp_path, engine, vault, database_url, "--workers", workers)
        senders = [threading.Thread(target=deliver_until_it_dies, args=(receiver, f"{attempt}-{one}", acknowledged))
                   for one in range(6)]  # fmt: skip
        for sender in senders:
            sender.start()
        enough = len(acknowledged) + random.randint(20, 80)  # a crash comes when it comes
        while len(acknowledged) < enough:
            time.sleep(0.002)
        for pid in processes_of(receiver):
            os.kill(pid, signal.SIGKILL)
        receiver.process.communicate()
        for sender in senders:
            sender.join(20)
            assert not sender.is_alive()
    kept = {row.event_key for row in receiver.rows()}
    assert len(acknowledged) >= 60
    assert acknowledged - kept == set()
    engine.dispose()


def processes_of(receiver: Receiver) -> list[int]:
    """The receiver and its workers; Linux tells who is whose child."""
    parent = receiver.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


@contextmanager
def no_room_on_disk(receiver: Receiver, _url: str) -> Iterator[None]:
    """The kernel refuses every write of the process: what a full disk looks like, also to the administrator."""
    pid, free = receiver.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, free))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (free, free))


@contextmanager
def read_only_server(_receiver: Receiver, url: str) -> Iterator[None]:
    """As after a switch to a standby."""
    name = make_url(url).database
    admin = create_engine(url, isolation_level="AUTOCOMMIT")

    def switch(setting: str) -> None:
        with admin.connect() as connection:
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}"))
            others = "datname = :name AND pid <> pg_backend_pid()"
            end = text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            connection.execute(end, {"name": name})

    switch("on")
    yield
    switch("off")
    admin.dispose()


READ_ONLY: dict[str, Callable[[Receiver, str], object]] = {"sqlite": no_room_on_disk, "postgresql": read_only_server}


def test_when_nothing_can_be_stored_nothing_is_acknowledged(database_url: str, tmp_path: Path) -> None:
    with running_receiver(tmp_path, url=database_url) as receiver:
        assert receiver.post(b'{"id": "before"}').status == 200
        with READ_ONLY[receiver.engine.dialect.name](receiver, database_url):  # type: ignore[attr-defined]
            answer = receiver.post(BODY)
            assert answer.shown == (503, {"content-length": "0", "retry-after": "10"}, b"")
            assert receiver.post(BODY, "").status == 403  # strangers learn nothing of it
            assert receiver.ask("GET", "/readyz").status == 503
            assert receiver.ask("GET", "/healthz").status == 200
        receiver.engine.dispose()
        assert [row.event_key for row in receiver.rows()] == ["before"]
        assert receiver.post(BODY).status == 200  # it goes on by itself
        assert [row.event_key for row in receiver.rows()] == ["before", "e1"]
        log = (tmp_path / "receiver.log").read_text()
        if receiver.engine.dialect.name == "postgresql":  # the other one has no room for its log either
            assert "were not stored" in log and "INTO inbox_event" not in log and '"id"' not in log
        assert receiver.metric('st_pipelines_inbox_deliveries_total{kind="not_stored"}') == 1


def test_full_queue_sends_away_and_what_waits_is_stored(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--most-waiting", "3") as receiver:
        waiting: list[socket.socket] = []
        with transaction(receiver.engine) as lock:  # another process writes and takes its time
            lock.execute(text("SELECT 1"))
            for number in range(3):
                body = b'{"id": "w%d"}' % number
                connection = receiver.connect()
                connection.sendall((f"POST /webhooks/st HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
                                    f"X-ServiceTitan-Signature: {hex_of(body)}\r\n\r\n").encode() + body)  # fmt: skip
                waiting.append(connection)
            until = time.monotonic() + 3
            while (answer := receiver.post(BODY, "")).status != 503:  # full once the three have arrived
                assert time.monotonic() < until
            assert answer.shown == (503, {"content-length": "0", "retry-after": "10"}, b"")
            assert receiver.ask("GET", "/healthz").status == 200
        assert [read_reply(connection).status for connection in waiting] == [200] * 3
        assert receiver.post(BODY).status == 200
        assert sorted(row.event_key for row in receiver.rows()) == ["e1", "w0", "w1", "w2"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_commits_what_it_took_and_ends(tmp_path: Path, workers: str) -> None:
    with running_receiver(tmp_path, "--workers", workers, "--most-waiting", "1") as receiver:
        idle = receiver.connect()
        with transaction(receiver.engine) as lock:
            lock.execute(text("SELECT 1"))
            taken = receiver.connect()
            taken.sendall((f"POST /webhooks/st HTTP/1.1\r\nHost: h\r\nContent-Length: {len(BODY)}\r\n"
                           f"X-ServiceTitan-Signature: {hex_of(BODY)}\r\n\r\n").encode() + BODY)  # fmt: skip
            while receiver.post(BODY, "").status != 503:  # full: it has been read, and waits for the database
                pass
            receiver.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 5
            while accepts(receiver):
                assert time.monotonic() < until
        assert read_reply(taken).status == 200
        assert receiver.process.wait(15) == 0
        assert [row.event_key for row in receiver.rows()] == ["e1"]
        idle.close()


def accepts(receiver: Receiver) -> bool:
    try:
        with receiver.connect(1.0) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            return connection.recv(1) != b""
    except OSError:
        return False
