"""A served ServiceNow on loopback, fresh for each test: nothing of it is slow to make."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.server import serving
from st_pipelines.sandbox.servicenow.app import build
from st_pipelines_tests.sandbox_servicenow.api import Api


@contextmanager
def sandbox(**extra: str) -> Iterator[Api]:
    books = Books(None)
    options = SandboxOptions(extra=extra)
    with serving(build(books, Clock(options.start_of_clock()), options), date_header=False) as origin:
        api = Api(origin)
        yield api
        api.http.close()
    books.close()


@pytest.fixture
def api() -> Iterator[Api]:
    with sandbox() as one:
        yield one
