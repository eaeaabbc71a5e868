"""The demo tenant's profile, and the same tenant with every wire name changed."""

import pytest

from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad.samples import demo_profile


@pytest.fixture(scope="session")
def profile() -> Profile:
    return demo_profile()
