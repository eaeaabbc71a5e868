"""Makes the client of a stored connection. Invariant: a connection for another tenant than the integration's
makes none.

Settings: ``tenant``; optional ``base_url`` and ``auth_url`` (production where absent), ``ca_file``,
``private_network``, ``rate_per_s``, ``timeout_s``, ``page_size``, ``look_ahead``, ``overlap_s``, ``span_records``,
``quiet_period_s``.
Secrets: ``app_key``, ``client_id``, ``client_secret``.
"""

import hashlib
from datetime import timedelta

import msgspec
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import TokenCache
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.auth import ClientCredentials
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.connection_settings import read_settings, wrong
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.rate import RateGate
from st_pipelines.systems.servicetitan.tenant import Reading, ServiceTitan

PRODUCTION = "https://api.servicetitan.io"
PRODUCTION_AUTH = "https://auth.servicetitan.io"
TOKEN_PATH = "/connect/token"
SECRETS = ("app_key", "client_id", "client_secret")


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``auth_url``: the auth server without path. ``rate_per_s``: calls a second that ServiceTitan grants per app and
    tenant. ``timeout_s``: of one call in all. ``quiet_period_s``: how long a write that timed out may still be done."""

    tenant: str
    base_url: str = PRODUCTION
    auth_url: str = PRODUCTION_AUTH
    ca_file: str | None = None
    private_network: bool = False
    rate_per_s: float = 60.0
    timeout_s: float = 100.0
    page_size: int = 300
    look_ahead: int = 3
    overlap_s: float = 600.0
    span_records: int = 5000
    quiet_period_s: float = 120.0


def connect(connection: Connection, engine: Engine, keyring: Keyring, *, tenant: str = "") -> ServiceTitan:
    """``tenant``: the integration's pin, compared with the connection's before anything is sent. Raises
    ``Misconfigured``."""
    settings = _checked(connection)
    if tenant and tenant != settings.tenant:
        raise wrong(connection, f"it is for tenant {settings.tenant}, the integration is pinned to tenant {tenant}")
    secrets, ca_file, private = connection.secrets, settings.ca_file, settings.private_network
    auth = ClientCredentials(
        connection.name, settings.auth_url.rstrip("/") + TOKEN_PATH, secrets["client_id"], secrets["client_secret"],
        TokenCache(engine, keyring), extra_headers={"ST-App-Key": secrets["app_key"]},
        ca_file=ca_file, private_network=private,
    )  # fmt: skip
    scope = rate_scope(secrets["app_key"], settings.tenant)
    http = HttpClient(
        connection.name, settings.base_url, auth,
        gate=RateGate(engine, scope, settings.rate_per_s, connection=connection.name),
        timeouts=Timeouts(total_s=settings.timeout_s), max_connections=settings.look_ahead + 1,
        ca_file=ca_file, private_network=private,
    )  # fmt: skip
    reading = Reading(
        timedelta(seconds=settings.overlap_s), settings.page_size, settings.look_ahead,
        span_records=settings.span_records,
    )  # fmt: skip
    return ServiceTitan(
        http, auth, connection.name, settings.tenant, reading,
        request_deadline_s=settings.timeout_s, quiet_period_s=settings.quiet_period_s,
    )  # fmt: skip


def _checked(connection: Connection) -> Settings:
    settings = read_settings(connection, Settings, SECRETS)
    if not (settings.tenant.isascii() and settings.tenant.isdigit() and len(settings.tenant) < 20):
        raise wrong(connection, "its tenant must be the tenant's number")
    if not (1 <= settings.page_size <= 5000 and 1 <= settings.look_ahead <= 16 and 0 <= settings.overlap_s <= 86400):
        raise wrong(connection, "page_size must be 1-5000, look_ahead 1-16, overlap_s 0-86400")
    if not 0 <= settings.span_records <= 100_000:
        raise wrong(connection, "span_records must be 0-100000")
    return settings


def rate_scope(app_key: Secret, tenant: str) -> str:
    """One gate per app and tenant, whatever the connection is called; the key itself is not in it."""
    return f"servicetitan|{hashlib.sha256(app_key.reveal().encode()).hexdigest()[:16]}|{tenant}"
