"""Access tokens, shared by every process through one row a connection. Invariant: one fetch at a time per connection
in the whole installation, and a new token is committed before anybody uses it (K7, K8).
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret


class CannotRenew(Exception):
    """Raised by a fetch that failed for now; while the current token lives, it goes on being used."""


@dataclass(frozen=True)
class Token:
    """``expires_in_s``: seconds of life left, from when it was issued or, from the cache, from now. ``refresh``: what
    renews it, where the system gives one."""

    value: Secret
    expires_in_s: int
    refresh: Secret | None = None


class TokenCache:
    """The tokens of one installation. Thread-safe; make one a process."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring

    def token(self, connection_name: str, fetch: Callable[[], Token], *, stale: str | None = None,
              renew: Callable[[Token], Token] | None = None) -> Token:  # fmt: skip
        raise NotImplementedError
