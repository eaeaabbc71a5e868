"""From a stored connection to a QAD client. Invariant: secrets go to the sign-in address of the same base URL only.

The base URL is the customer's whole tenant URL with context root and environment segment, never built from a name.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import TokenCache
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.auth import Auth, PasswordGrant, StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.errors import Misconfigured
from st_pipelines.systems.http.rate import RateGate
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.profile import Profile
from st_pipelines.systems.qad.profile_file import load_profile


class Settings(BaseModel):
    """Settings of a QAD connection. Seconds down to fractions; ``per_second`` empty = no limit but concurrency.

    ``quiet_period_s``: how long QAD may go on working on a request that timed out here; ask the administrator for the
    tenant's own time-outs. ``request_deadline_s`` bounds one request in all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    client_id: str = ""
    username: str = ""
    ca_file: str | None = None
    private_network: bool = False
    quiet_period_s: float = Field(default=120.0, ge=0)
    request_deadline_s: float = Field(default=60.0, gt=0)
    connect_timeout_s: float = Field(default=10.0, gt=0)
    per_second: float | None = Field(default=None, gt=0)
    reference_prefix: str = Field(default="ST:", min_length=2)


def connect(
    connection: Connection, engine: Engine, keyring: Keyring, *, profile: Path, companies: Sequence[str],
    reference_prefix: str = "",
) -> QadClient:  # fmt: skip
    """A client for one stored connection. Raises ``BrokenProfile`` or ``Misconfigured``; asks nothing yet.
    ``reference_prefix``: of the documents that are ours here; empty: the connection's own.

    Secrets: ``username`` (or as a setting) and ``password``."""
    settings, read = _settings(connection.name, connection.settings), load_profile(profile)
    limit = settings.request_deadline_s
    gate = None
    if settings.per_second is not None:
        gate = RateGate(engine, f"qad|{connection.name}", settings.per_second, connection=connection.name)
    http = HttpClient(
        connection.name,
        settings.base_url.rstrip("/"),
        _auth(connection, settings, read, engine, keyring),
        gate=gate,
        timeouts=Timeouts(settings.connect_timeout_s, limit, limit, limit, limit),
        ca_file=settings.ca_file,
        max_connections=read.limits.max_concurrency,
        private_network=settings.private_network,
    )
    return QadClient(http, read, companies, quiet_period_s=settings.quiet_period_s, request_deadline_s=limit,
                     reference_prefix=reference_prefix or settings.reference_prefix)  # fmt: skip


def _settings(name: str, given: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"settings of the connection: {faults}", connection=name,
                            cure="connections add it again with the right settings") from None  # fmt: skip


def _auth(connection: Connection, settings: Settings, profile: Profile, engine: Engine, keyring: Keyring) -> Auth:
    username: Secret | str = connection.secrets.get("username") or settings.username
    password = connection.secrets.get("password")
    missing = [name for name, value in (("username", username), ("password", password)) if not value]
    if profile.auth.mode == "password" and not settings.client_id:
        missing.append("client_id")
    if missing or password is None:
        raise Misconfigured(f"the connection has no {', '.join(missing)}", connection=connection.name,
                            cure="connections add it again, complete")  # fmt: skip
    if profile.auth.mode == "basic":
        plain = username.reveal() if isinstance(username, Secret) else username
        pair = base64.b64encode(f"{plain}:{password.reveal()}".encode()).decode()
        return StaticHeaders({"Authorization": Secret(f"Basic {pair}")})
    return PasswordGrant(
        connection.name,
        settings.base_url.rstrip("/") + profile.auth.token_path,
        settings.client_id,
        username,
        password,
        TokenCache(engine, keyring),
        ca_file=settings.ca_file,
        private_network=settings.private_network,
        default_life_s=profile.auth.token_life_s,
    )
