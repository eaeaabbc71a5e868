"""Fixtures that every room shares: the two databases, the published schemas, the loopback guard.

Invariant: a test meets a real database of each kind, and no request leaves this machine.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import settings

pytest.register_assert_rewrite("st_pipelines_tests.integrations.company")  # so that a broken proof says what differs

from st_pipelines_tests.clients import quick, shared  # noqa: E402
from st_pipelines_tests.databases import (  # noqa: E402
    database_url,
    engine,
    migrated_copies,
    migrated_file,
    migrated_postgres,
    migrated_url,
    postgres_server,
    postgres_url,
)
from st_pipelines_tests.once import of_this_run  # noqa: E402

__all__ = ["database_url", "engine", "migrated_copies", "migrated_file", "migrated_postgres", "migrated_url",
           "of_this_run", "postgres_server", "postgres_url", "quick", "shared"]  # fmt: skip

# A shared machine is slow now and then; a slow example is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def pytest_configure() -> None:
    """What would take most of the time and prove nothing here, for all processes that tests start.

    Temporary folders lie in memory where it has room: ledger and store wait for the disk at every commit, and tests
    kill processes, never the machine. The authorities that the world trusts are not read for each client (30 ms):
    tests of certificates name their authority. The one of this file ended in the year 2000.
    """
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def specs() -> Path:
    """The published schemas of the outside systems. Absent: skipped here, a failure in CI."""
    folder = Path(os.environ.get("ST_PIPELINES_SPECS", REPOSITORY.parent / "shared" / "specs"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"the published schemas are missing: {folder}")
    pytest.skip("the published schemas are not on this machine")


@pytest.fixture(autouse=True)
def stay_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any connection that leaves loopback fails the test, whatever library makes it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as guard:
        for host in ("127.0.0.1", "localhost"):
            guard.add_passthru(f"http://{host}")
        yield
