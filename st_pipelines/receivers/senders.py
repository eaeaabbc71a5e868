"""Which connections may send, and with which secrets. Invariant: a secret that was changed or withdrawn in the vault
counts here a second later, without a restart.

The vault keeps ``webhook_secret`` and, while it is rotated, ``webhook_secret_previous``; the connection's settings say
where the sender puts signature, event id and event type.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection, Vault, VaultFault
from st_pipelines.database import schema
from st_pipelines.database.engine import reading
from st_pipelines.receivers.event import Places
from st_pipelines.receivers.signature import Keys, keys, nobodys_keys

SECRET = "webhook_secret"
PREVIOUS = "webhook_secret_previous"
SIGNATURE_HEADERS = (b"x-servicetitan-signature", b"x-st-signature")
# What a system's deliveries look like where the connection does not say otherwise. ServiceNow's are written by the
# tenant's own Business Rule; these are the names of the sample in docs/runbooks.
DEFAULTS: Mapping[str, tuple[tuple[bytes, ...], Places]] = {
    "servicetitan": (SIGNATURE_HEADERS, Places()),
    "servicenow": ((b"x-servicenow-signature",), Places(
        type_headers=(b"x-servicenow-event",), type_fields=("event", "eventType", "event_type", "type", "table"),
    )),
}  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sender:
    """One connection that may send. ``connection`` is empty for everybody else: nobody knows the stranger's keys."""

    connection: str
    signers: Keys = field(repr=False)
    secrets: tuple[Secret, ...] = ()  # alive as long as they count, so that the redaction of logs knows them
    signature_headers: tuple[bytes, ...] = SIGNATURE_HEADERS
    places: Places = field(default_factory=Places)


class WrongWebhookSettings(ValueError):
    """A connection whose webhook settings or secret cannot be used. Names the connection and the setting."""


class Senders:
    """The senders of one receiver. ``refresh`` may run in another thread than ``known``."""

    def __init__(self, engine: Engine, load_keyring: Callable[[], Keyring]) -> None:
        self._engine, self._load_keyring = engine, load_keyring
        self._seen: Any = None
        self._known: Mapping[str, Sender] = {}
        self._stranger = Sender("", nobodys_keys())

    def known(self, name: str) -> Sender:
        """The sender of this name, or the stranger that nobody can be."""
        return self._known.get(name, self._stranger)

    def refresh(self) -> None:
        """Reads the vault again where it has changed. Raises what the vault raises, and keeps what was known then."""
        seen = self._fingerprint()
        if seen == self._seen:
            return
        vault = Vault(self._engine, self._load_keyring())
        known: dict[str, Sender] = {}
        for name in {row[0] for row in seen if row[1] == SECRET}:
            try:
                known[name] = _sender(vault.get(name))
            except (VaultFault, WrongWebhookSettings) as fault:
                _log.error("webhooks of this connection are refused: %s", fault)
        self._known, self._seen = known, seen

    def _fingerprint(self) -> list[tuple[Any, ...]]:
        """What changes when a secret or a setting does; not when a secret is only wrapped under another master key."""
        of, secret = schema.connection.c, schema.secret.c
        rows = select(secret.connection, secret.field, secret.updated_at, of.updated_at).join_from(
            schema.secret, schema.connection
        )
        with reading(self._engine) as database:
            return sorted(tuple(row) for row in database.execute(rows))


def names_of_senders(engine: Engine) -> list[str]:
    """The connections that have a webhook secret; opens none."""
    of = schema.secret.c
    with reading(engine) as database:
        return list(database.execute(select(of.connection).where(of.field == SECRET).order_by(of.connection)).scalars())


def _sender(connection: Connection) -> Sender:
    settings = connection.settings
    current, previous = (connection.secrets.get(name) for name in (SECRET, PREVIOUS))
    values = [secret.reveal().encode("utf-8") if secret else b"" for secret in (current, previous)]
    try:
        signers = keys(*values)
    except ValueError as error:
        raise WrongWebhookSettings(
            f"connection {connection.name!r}: {error}; make a longer one at the sender and set it "
            "with `st-pipelines connections webhook-secret`"
        ) from None
    signature, plain = DEFAULTS.get(connection.system, DEFAULTS["servicetitan"])
    return Sender(
        connection.name,
        signers,
        tuple(secret for secret in (current, previous) if secret),
        _headers(connection.name, settings, "webhook_signature_headers", signature),
        Places(
            _headers(connection.name, settings, "webhook_id_headers", plain.id_headers),
            _texts(connection.name, settings, "webhook_id_fields", plain.id_fields),
            _headers(connection.name, settings, "webhook_event_headers", plain.type_headers),
            _texts(connection.name, settings, "webhook_event_fields", plain.type_fields),
        ),
    )


def _texts(connection: str, settings: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """A setting that is a list: a JSON array of texts, or one text with commas (``--set`` takes no array)."""
    given = settings.get(name)
    if given is None:
        return default
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise WrongWebhookSettings(f"connection {connection!r}: setting {name} must be a list of names")
    return tuple(one.strip() for one in listed if one.strip())


def _headers(connection: str, settings: Mapping[str, Any], name: str, default: tuple[bytes, ...]) -> tuple[bytes, ...]:
    names = _texts(connection, settings, name, tuple(one.decode("ascii") for one in default))
    if not all(one.isascii() for one in names):
        raise WrongWebhookSettings(f"connection {connection!r}: setting {name}: a header's name is ASCII")
    return tuple(one.lower().encode("ascii") for one in names)
