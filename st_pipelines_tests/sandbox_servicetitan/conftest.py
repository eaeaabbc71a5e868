"""A served sandbox on loopback: one that nobody may change, and a fresh one for tests that write."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.server import serving
from st_pipelines.sandbox.servicetitan.app import build
from st_pipelines_tests.sandbox_servicetitan.api import Api


@contextmanager
def sandbox(**extra: str) -> Iterator[Api]:
    books = Books(None)
    options = SandboxOptions(seed=7, size="small", extra={"rate_per_s": "0", **extra})
    with serving(build(books, Clock(options.start_of_clock()), options)) as origin:
        api = Api(origin)
        yield api
        api.http.close()
    books.close()


@pytest.fixture(scope="session")
def reading() -> Iterator[Api]:
    """All options on. For tests that only read."""
    with sandbox(unmapped="2", surprises="true") as api:
        yield api


@pytest.fixture
def api() -> Iterator[Api]:
    """Default options, fresh for each test."""
    with sandbox() as one:
        yield one
