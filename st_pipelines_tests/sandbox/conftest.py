"""A QAD on loopback, one server a module, with fresh books for each test."""

from collections.abc import Iterator

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import Qad


@pytest.fixture(scope="module")
def qad_origin() -> Iterator[str]:
    books = Books()
    with serving(build(books, Clock(), SandboxOptions())) as origin:
        yield origin
    books.close()


@pytest.fixture
def qad(qad_origin: str) -> Iterator[Qad]:
    """A logged-in session in 10USA_10USACO."""
    session = Qad(qad_origin)
    session.http.post("/_sandbox/reset").raise_for_status()
    yield session.login()
    session.http.close()
