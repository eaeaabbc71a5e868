"""What a stored connection must say before a client is made of it. Invariant: nothing is guessed; a setting that is
missing, unknown or of the wrong kind, and a secret that is missing, are named before anything is sent.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.errors import Misconfigured

Settings = TypeVar("Settings")


def read_settings(connection: Connection, kind: type[Settings], secrets: Sequence[str]) -> Settings:
    """The settings as ``kind``, a ``msgspec.Struct`` that forbids unknown fields. ``secrets``: those there must be.
    Raises ``Misconfigured``."""
    try:
        settings = msgspec.convert(dict(connection.settings), kind)
    except msgspec.ValidationError as error:
        raise wrong(connection, f"its settings cannot be used: {error}") from None
    missing = [name for name in secrets if not connection.secrets.get(name)]
    if missing:
        raise wrong(connection, f"it lacks the secret {' and '.join(missing)}")
    return settings


def wrong(connection: Connection, what: str) -> Misconfigured:
    """``what``: a sentence about the connection, for the person who wrote it."""
    return Misconfigured(what, connection=connection.name, cure=f"add the connection {connection.name} again")
