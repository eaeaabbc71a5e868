"""A ServiceNow tenant's profile from its file. Invariant: what loads is complete; every fault has its line."""

from pathlib import Path

from st_pipelines.systems.profile_file import BrokenProfile, load
from st_pipelines.systems.servicenow.profile import Profile

__all__ = ["BrokenProfile", "load_profile"]


def load_profile(path: Path) -> Profile:
    """Raises ``BrokenProfile`` that lists every fault; nothing is defaulted silently."""
    return load(path, Profile)
