"""From a stored connection to a ServiceNow client. Invariant: client id and secret go into the form of the token
address of the same instance, never into a URL.

Settings: ``base_url`` (the instance, without a path); optional ``username`` (the OAuth application user, for the
onboarding check) and the others of ``Settings``. Secrets: ``client_id``, ``client_secret``.
"""

from datetime import timedelta

import msgspec
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.tokens import TokenCache
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.auth import ClientCredentials
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.connection_settings import read_settings, wrong
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.rate import RateGate
from st_pipelines.systems.servicenow.client import Reading, ServiceNow

TOKEN_PATH = "/oauth_token.do"
SECRETS = ("client_id", "client_secret")
TOKEN_LIFE_S = 1800  # where the answer does not say
WAITED_OUT_S = 3  # the last seconds of a token, in which asking gives the same one again


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Seconds. ``rate_per_s``: what the rate rules of the instance leave to this user (they count by the hour);
    ``at_once``: requests in flight, about 4 a user. ``import_deadline_s``: how long an import set may take;
    ``quiet_period_s``: how long one that was cut off may still be applied. ``webhook_…``: where a Business Rule puts
    signature, id and name of an event; the receiver reads them."""

    base_url: str
    username: str = ""
    ca_file: str | None = None
    private_network: bool = False
    rate_per_s: float = 20.0
    at_once: int = 4
    timeout_s: float = 100.0
    page_rows: int = 1000
    settle_s: float = 30.0
    overlap_s: float = 120.0
    import_deadline_s: float = 300.0
    quiet_period_s: float = 120.0
    webhook_signature_headers: str | list[str] | None = None
    webhook_id_headers: str | list[str] | None = None
    webhook_id_fields: str | list[str] | None = None
    webhook_event_headers: str | list[str] | None = None
    webhook_event_fields: str | list[str] | None = None


def connect(connection: Connection, engine: Engine, keyring: Keyring) -> ServiceNow:
    """A client for one stored connection. Raises ``Misconfigured``; asks nothing yet."""
    settings = _checked(connection)
    base_url = settings.base_url.rstrip("/")
    auth = ClientCredentials(
        connection.name, base_url + TOKEN_PATH, connection.secrets["client_id"], connection.secrets["client_secret"],
        TokenCache(engine, keyring), ca_file=settings.ca_file, private_network=settings.private_network,
        default_life_s=TOKEN_LIFE_S, waits_out_s=WAITED_OUT_S,
    )  # fmt: skip
    http = HttpClient(
        connection.name, base_url, auth,
        gate=RateGate(engine, f"servicenow|{connection.name}", settings.rate_per_s, connection=connection.name),
        timeouts=Timeouts(total_s=settings.timeout_s), max_connections=settings.at_once,
        ca_file=settings.ca_file, private_network=settings.private_network,
    )  # fmt: skip
    reading = Reading(
        page_rows=settings.page_rows, settle=timedelta(seconds=settings.settle_s),
        overlap=timedelta(seconds=settings.overlap_s),
    )  # fmt: skip
    return ServiceNow(http, connection.name, reading=reading, user_name=settings.username,
                      import_deadline_s=settings.import_deadline_s)  # fmt: skip


def quiet_period_s(connection: Connection) -> float:
    """How long a cut-off import may still be applied. Raises ``Misconfigured``."""
    return _checked(connection).quiet_period_s


def _checked(connection: Connection) -> Settings:
    settings = read_settings(connection, Settings, SECRETS)
    if not (1 <= settings.page_rows <= 10_000 and 1 <= settings.at_once <= 16):
        raise wrong(connection, "page_rows must be 1-10000, at_once 1-16")
    if not (0 <= settings.settle_s <= 3600 and 0 <= settings.overlap_s <= 86_400 and settings.import_deadline_s > 0):
        raise wrong(connection, "settle_s must be 0-3600, overlap_s 0-86400, import_deadline_s more than 0")
    return settings
