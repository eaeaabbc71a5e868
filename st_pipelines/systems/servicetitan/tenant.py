"""One ServiceTitan tenant over HTTP. Invariant: every path names the tenant that the connection is pinned to, and the
token was issued for that tenant.
"""

import base64
import binascii
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from st_pipelines.credentials.secret import Secret
from st_pipelines.systems.http.auth import Auth
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.errors import BadAnswer, SignInRefused
from st_pipelines.systems.http.reply import Reply

log = logging.getLogger("st_pipelines.servicetitan")

SKEW_WORTH_A_WARNING, SKEW_REFUSED = timedelta(seconds=30), timedelta(minutes=5)  # reliability X10

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reading:
    """How lists are read. ``overlap``: how far before a window its reading starts (X1). ``look_ahead``: pages asked for
    at once. ``attempts``: how often a window is read when its rows move meanwhile (X5). ``span_records``: the most
    records (and the most ids) for which several days are read together, because these are in memory."""

    overlap: timedelta = timedelta(minutes=10)
    page_size: int = 300  # 54 pages a second are more than 16,000 records, and a page is a megabyte
    look_ahead: int = 3
    attempts: int = 4
    span_records: int = 5000


class ServiceTitan:
    """Thread-safe. Make one a process with ``connect``, close it at the end."""

    def __init__(
        self, http: HttpClient, auth: Auth, connection: str, tenant: str, reading: Reading | None = None, *,
        request_deadline_s: float = 100.0, quiet_period_s: float = 120.0,
    ) -> None:  # fmt: skip
        """``quiet_period_s``: how long ServiceTitan may still work on a write that timed out here."""
        self._http, self._auth = http, auth
        self.connection, self.tenant = connection, tenant
        self.reading = reading or Reading()
        self.request_deadline_s, self.quiet_period_s = request_deadline_s, quiet_period_s
        self._identified = False
        self._lock = threading.Lock()

    def read(
        self, module: str, path: str, params: Params, *, entity: str, reference: str = "",
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:  # fmt: skip
        """GET below the tenant. ``check`` may raise ``ValueError`` on an answer that is worth asking for again."""
        self.identify()
        reply = self._http.read(self._path(module, path), params, entity=entity, reference=reference, check=check)
        self._compare_clocks(reply)
        return reply

    def write(
        self, module: str, path: str, content: bytes, *, entity: str, reference: str, asking: bool = False,
        method: str = "POST",
    ) -> Reply:  # fmt: skip
        """POST or PATCH below the tenant, sent once: see ``HttpClient.write``."""
        self.identify()
        return self._http.write(
            method, self._path(module, path), content=content, entity=entity, reference=reference, asking=asking
        )

    def identify(self) -> None:
        """Signs in and compares the tenant that the token was issued for with the pinned one, once a process.

        Raises ``SignInRefused`` for another tenant. A token that does not name its tenant proves nothing and passes:
        the gateway then decides by the tenant in the path.
        """
        with self._lock:
            if self._identified:
                return
            named = str(self.claims().get("tenant", ""))
            if named and named != self.tenant:
                raise SignInRefused(
                    f"the credentials belong to tenant {named}, the connection is pinned to tenant {self.tenant}",
                    connection=self.connection, cure="add the connection again with the right tenant's credentials",
                )  # fmt: skip
            self._identified = True

    def claims(self) -> Mapping[str, Any]:
        """What the current access token says about itself; empty where it is opaque. Not verified, only a hint."""
        carried = next((v for k, v in self._auth.headers().items() if k.lower() == "authorization"), "")
        token = carried.reveal() if isinstance(carried, Secret) else carried
        parts = token.removeprefix("Bearer ").split(".")
        if len(parts) != 3:
            return {}
        try:
            found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), parse_float=str)
        except (binascii.Error, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def close(self) -> None:
        self._http.close()

    def _path(self, module: str, path: str) -> str:
        return f"/{module}/v2/tenant/{self.tenant}/{path}"

    def _compare_clocks(self, reply: Reply) -> None:
        """Windows are cut by our clock and filled by theirs (X10)."""
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", ""))
        except ValueError:
            return
        skew = abs(datetime.now(UTC) - theirs.astimezone(UTC))
        if skew >= SKEW_REFUSED:
            raise BadAnswer(
                f"its clock and ours differ by {skew.total_seconds():.0f} s: windows would have gaps",
                connection=self.connection, cure="set this machine's clock, then run the day again",
            )  # fmt: skip
        if skew >= SKEW_WORTH_A_WARNING:
            log.warning("%s: its clock and ours differ by %.0f s", self.connection, skew.total_seconds())
