"""The demo tenant's profile, and the same tenant with every wire name changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_pipelines.database.engine import open_database
from st_pipelines.database.schema import metadata
from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad.samples import demo_profile
from st_pipelines_tests.qad.tenant import Tenant, tenant


@pytest.fixture(scope="session")
def profile() -> Profile:
    return demo_profile()


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Engine]:
    """A database for the shared token."""
    opened = open_database(f"sqlite:///{tmp_path / 'tokens.db'}")
    metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def qad(tokens: Engine) -> Iterator[Tenant]:
    with tenant(tokens) as made:
        yield made
