"""Connections and their secrets, at rest. Invariant: no secret is stored readable, none is in an error or a list.

Each secret is sealed for its connection and field (``envelope.py``). Rotation re-wraps everything in one transaction.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import Engine, Table, delete, insert, select, update

from st_pipelines.credentials.envelope import Sealed, check_name, place, rewrap, seal, unseal
from st_pipelines.credentials.keyring import CannotDecrypt, Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.database import schema
from st_pipelines.database.engine import now_us, transaction


class VaultFault(RuntimeError):
    """A connection that is missing, doubled or cannot be opened. Names connection and field, never a value."""


@dataclass(frozen=True)
class Connection:
    """One account on one system. ``settings`` are plain JSON values, ``secrets`` show ``***``."""

    name: str
    system: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, Secret] = field(default_factory=dict)


class Vault:
    """The connections of one installation. Thread-safe: it keeps nothing but the engine and the keyring."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring

    def add(
        self,
        name: str,
        system: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, Secret],
        *,
        replace: bool = False,
    ) -> None:
        """Stores a connection with all its secrets, in one transaction. An existing name is refused unless ``replace``,
        which swaps settings and secrets whole and forgets the connection's token."""
        check_name(name, "connection")
        check_name(system, "system")
        if not all(isinstance(value, Secret) for value in secrets.values()):
            raise TypeError(f"connection {name!r}: every secret must be a Secret")
        try:
            stored = json.dumps(dict(settings), allow_nan=False, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise VaultFault(f"connection {name!r}: its settings must be plain JSON values ({error})") from None
        rows = [
            {
                "connection": name,
                "field": key,
                **_columns(seal(self._keyring, place("secret", name, key), _bytes(value))),
            }
            for key, value in secrets.items()
        ]
        with transaction(self._engine) as database:
            known = database.execute(select(schema.connection.c.name).where(schema.connection.c.name == name)).first()
            if known and not replace:
                raise VaultFault(f"connection {name!r} exists already: remove it first, or replace it")
            now = now_us(database)
            if known:
                _forget(database, name)
                database.execute(
                    update(schema.connection)
                    .where(schema.connection.c.name == name)
                    .values(system=system, settings=stored, updated_at=now)
                )
            else:
                database.execute(
                    insert(schema.connection).values(
                        name=name, system=system, settings=stored, created_at=now, updated_at=now
                    )
                )
            if rows:
                database.execute(insert(schema.secret), [{**row, "updated_at": now} for row in rows])

    def get(self, name: str) -> Connection:
        """One connection with its secrets. Raises ``VaultFault`` where it is unknown or does not open."""
        with self._engine.connect() as database:
            row = database.execute(select(schema.connection).where(schema.connection.c.name == name)).first()
            sealed = database.execute(select(schema.secret).where(schema.secret.c.connection == name)).all()
        if row is None:
            raise VaultFault(f"no connection {name!r}: `st-pipelines connections list` names those there are")
        secrets = {}
        for item in sealed:
            try:
                plain = unseal(self._keyring, place("secret", name, item.field), _sealed(item))
            except CannotDecrypt as error:
                raise VaultFault(f"connection {name!r}, secret {item.field!r}: {error}") from None
            secrets[item.field] = Secret(plain.decode("utf-8"))
        return Connection(name, row.system, MappingProxyType(json.loads(row.settings)), MappingProxyType(secrets))

    def list(self) -> list[Connection]:
        """All connections by name, without secrets."""
        with self._engine.connect() as database:
            rows = database.execute(select(schema.connection).order_by(schema.connection.c.name)).all()
        return [Connection(row.name, row.system, MappingProxyType(json.loads(row.settings))) for row in rows]

    def remove(self, name: str) -> None:
        """Forgets a connection, its secrets and its token. Raises ``VaultFault`` where it is unknown."""
        with transaction(self._engine) as database:
            _forget(database, name)
            if database.execute(delete(schema.connection).where(schema.connection.c.name == name)).rowcount != 1:
                raise VaultFault(f"no connection {name!r}")

    def replace_secret(self, name: str, field: str, secret: Secret, *, keep_as: str) -> bool:
        """Puts a new value into one field and keeps the old one as ``keep_as``, in one transaction; gives whether
        anything changed (the same value again changes nothing). Raises ``VaultFault``."""
        current = self.get(name).secrets.get(field)
        if current == secret:
            return False
        with transaction(self._engine) as database:
            self._put(database, name, field, secret)
            if current is not None:
                self._put(database, name, keep_as, current)
        return True

    def forget_secret(self, name: str, field: str) -> bool:
        """Removes one secret of a connection; gives whether there was one. Raises ``VaultFault``."""
        self.get(name)
        of = schema.secret.c
        with transaction(self._engine) as database:
            gone = database.execute(delete(schema.secret).where(of.connection == name, of.field == field))
        return gone.rowcount == 1

    def _put(self, database: DatabaseConnection, name: str, field: str, secret: Secret) -> None:
        of, now = schema.secret.c, now_us(database)
        sealed = _columns(seal(self._keyring, place("secret", name, field), _bytes(secret)))
        database.execute(delete(schema.secret).where(of.connection == name, of.field == field))
        database.execute(insert(schema.secret).values(connection=name, field=field, updated_at=now, **sealed))

    def rotate(self, new: Keyring) -> int:
        """Wraps every secret and token under the first key of ``new``; gives the number of rows changed (K2).

        One transaction: a crash changes nothing, and a second call does what is left. Afterwards no row names another
        key, which is checked before the commit. ``new`` or this vault's keyring must hold the old keys.
        """
        changed = 0
        with transaction(self._engine) as database:
            for table, fields in ((schema.secret, True), (schema.token, False)):
                rows = database.execute(select(table).where(table.c.key_id != new.first_id).with_for_update()).all()
                for row in rows:
                    where = place(table.name, row.connection, row.field if fields else "token")
                    holder = new if row.key_id in new.ids else self._keyring
                    try:
                        fresh = rewrap(holder, new, where, _sealed(row))
                    except CannotDecrypt as error:
                        raise VaultFault(
                            f"rotation stopped, nothing changed: connection {row.connection!r}: {error}"
                        ) from None
                    query = update(table).where(table.c.connection == row.connection)
                    if fields:
                        query = query.where(table.c.field == row.field)
                    database.execute(query.values(**_columns(fresh)))
                    changed += 1
                if _other_keys(database, table, new.first_id):
                    raise VaultFault("rotation stopped, nothing changed: a row still names an old key")
        self._keyring = new
        return changed


def _other_keys(database: DatabaseConnection, table: Table, key_id: str) -> bool:
    return database.execute(select(table.c.connection).where(table.c.key_id != key_id)).first() is not None


def _forget(database: DatabaseConnection, name: str) -> None:
    database.execute(delete(schema.secret).where(schema.secret.c.connection == name))
    database.execute(delete(schema.token).where(schema.token.c.connection == name))


def _columns(sealed: Sealed) -> dict[str, Any]:
    return {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key, "ciphertext": sealed.ciphertext}


def _sealed(row: Any) -> Sealed:
    return Sealed(row.key_id, bytes(row.wrapped_key), bytes(row.ciphertext))


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8")
