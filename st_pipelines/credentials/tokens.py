"""Access tokens, shared by every process through one row a connection. Invariant: one fetch at a time per connection
in the whole installation, and a new token is committed before anybody uses it (K7, K8).

A token is renewed at 80 % of its life, a little earlier by chance, so that processes do not all come at once. Whoever
comes while another is fetching goes on with the current token as long as it lives, else waits for the new row.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from st_pipelines.credentials.envelope import Sealed, place, seal, unseal
from st_pipelines.credentials.keyring import CannotDecrypt, Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.turns import try_turn
from st_pipelines.database import schema
from st_pipelines.database.engine import now_us, transaction

RENEW_AT = 0.8
JITTER = 0.1  # renewed between 70 % and 80 %
LAST_SECONDS = 2.0  # of its life, in which a token is not handed out any more: it would expire on the way
WAIT_FOR_OTHERS_S = 90.0
RETRY_AFTER_FAILURE_S = 10.0


class CannotRenew(Exception):
    """Raised by a fetch that failed for now; while the current token lives, it goes on being used."""


@dataclass(frozen=True)
class Token:
    """``expires_in_s``: seconds of life left, from when it was issued or, from the cache, from now. ``refresh``: what
    renews it, where the system gives one."""

    value: Secret
    expires_in_s: int
    refresh: Secret | None = None


@dataclass(frozen=True)
class _Held:
    """A token in memory. Times are of the monotonic clock."""

    value: Secret
    refresh: Secret | None
    renew_at: float
    ends_at: float

    def token(self) -> Token:
        return Token(self.value, max(0, int(self.ends_at - time.monotonic())), self.refresh)


class TokenCache:
    """The tokens of one installation. Thread-safe; make one a process."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring
        self._memory: dict[str, _Held] = {}

    def token(
        self,
        connection_name: str,
        fetch: Callable[[], Token],
        *,
        stale: str | None = None,
        renew: Callable[[Token], Token] | None = None,
    ) -> Token:
        """A token that lives now.

        ``fetch`` signs in anew. ``renew`` (optional) uses the refresh secret of the token it is given; it raises
        ``CannotRenew`` where that is refused, and ``fetch`` follows. ``stale``: the value that was just answered with
        401; it is replaced unless somebody already did so. Raises what ``fetch`` raises, and ``CannotRenew`` after
        waiting for another process in vain.
        """
        held = self._memory.get(connection_name)
        if held is not None and time.monotonic() < held.renew_at and not _is(held.value, stale):
            return held.token()
        return self._from_the_row(connection_name, fetch, renew, stale)

    def _from_the_row(
        self, name: str, fetch: Callable[[], Token], renew: Callable[[Token], Token] | None, stale: str | None
    ) -> Token:
        give_up = time.monotonic() + WAIT_FOR_OTHERS_S
        while True:
            held = self._read(name)
            if held is not None and _is(held.value, stale):
                held = None
            if held is not None and time.monotonic() < held.renew_at:
                return self._remember(name, held)
            with try_turn(self._engine, f"token {name}") as my_turn:
                if my_turn:
                    return self._replace(name, fetch, renew, stale)
            if held is not None and time.monotonic() < held.ends_at - LAST_SECONDS:
                return held.token()  # another process is fetching; this one still lives
            if time.monotonic() > give_up:
                raise CannotRenew(
                    f"{name}: another process has been signing in for {WAIT_FOR_OTHERS_S:.0f} s; look at its log"
                )
            time.sleep(random.uniform(0.01, 0.05))

    def _replace(
        self, name: str, fetch: Callable[[], Token], renew: Callable[[Token], Token] | None, stale: str | None
    ) -> Token:
        """Only in our turn. Looks again first: the row may have changed while we waited."""
        held = self._read(name)
        rejected = held is not None and _is(held.value, stale)
        if held is not None and not rejected and time.monotonic() < held.renew_at:
            return self._remember(name, held)
        with self._engine.connect() as database:
            issued_at = now_us(database)  # before the fetch: a life counted too short is safe
        try:
            fresh = self._renewed(held, renew) or fetch()
        except CannotRenew:
            if held is None or rejected or time.monotonic() > held.ends_at - LAST_SECONDS:
                raise
            later = min(time.monotonic() + RETRY_AFTER_FAILURE_S, held.ends_at - LAST_SECONDS)
            return self._remember(name, _Held(held.value, held.refresh, later, held.ends_at))
        self._write(name, fresh, issued_at)
        written = self._read(name)
        if written is None:
            raise CannotRenew(
                f"{name}: the new token is not in the database after its commit; was the connection removed?"
            )
        return self._remember(name, written)

    @staticmethod
    def _renewed(held: _Held | None, renew: Callable[[Token], Token] | None) -> Token | None:
        if held is None or held.refresh is None or renew is None:
            return None
        try:
            return renew(held.token())
        except CannotRenew:
            return None  # the refresh secret is dead or its endpoint is: a fresh sign-in decides, and reports

    def _remember(self, name: str, held: _Held) -> Token:
        self._memory[name] = held
        return held.token()

    def _read(self, name: str) -> _Held | None:
        with self._engine.connect() as database:
            row = database.execute(select(schema.token).where(schema.token.c.connection == name)).first()
            now = now_us(database) if row is not None else 0
        if row is None:
            return None
        sealed = Sealed(row.key_id, bytes(row.wrapped_key), bytes(row.ciphertext))
        try:
            stored = json.loads(unseal(self._keyring, place("token", name, "token"), sealed))
        except CannotDecrypt:
            return None  # a token is only a copy: one under a lost key is fetched again
        life, left = (row.expires_at - row.issued_at) / 1e6, (row.expires_at - now) / 1e6
        if left > life + 5:
            return None  # the clock went back by more than seconds: its age is not known
        renew_in = left - life * (1 - RENEW_AT + random.uniform(0, JITTER))
        moment = time.monotonic()
        refresh = Secret(stored["refresh"]) if stored.get("refresh") is not None else None
        return _Held(Secret(stored["value"]), refresh, moment + min(renew_in, left - LAST_SECONDS), moment + left)

    def _write(self, name: str, token: Token, issued_at: int) -> None:
        refresh = token.refresh.reveal() if token.refresh is not None else None
        plain = json.dumps({"value": token.value.reveal(), "refresh": refresh}).encode("utf-8")
        sealed = seal(self._keyring, place("token", name, "token"), plain)
        values = {
            "key_id": sealed.key_id,
            "wrapped_key": sealed.wrapped_key,
            "ciphertext": sealed.ciphertext,
            "issued_at": issued_at,
            "expires_at": issued_at + int(token.expires_in_s * 1_000_000),
        }
        insert = postgresql_insert if self._engine.dialect.name == "postgresql" else sqlite_insert
        query = insert(schema.token).values(connection=name, generation=1, **values)
        query = query.on_conflict_do_update(
            index_elements=["connection"], set_={**values, "generation": schema.token.c.generation + 1}
        )
        with transaction(self._engine) as database:
            database.execute(query)


def _is(value: Secret, other: str | None) -> bool:
    return other is not None and value == Secret(other)
