"""A target with empty books, whose clock the test moves."""

import pytest

from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks, MovedClock


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget(MemoryBooks(), clock=MovedClock())
