"""One ServiceNow instance over HTTP. Invariant: every table name in a path is a plain name, everything sent is text,
and the instance's own clock is the only one that windows are cut by.

Thread-safe, as the kernel's client is. Failures travel as the kernel's typed errors, or as those of ``answers``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.errors import Misconfigured, SystemFault
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.query import is_name
from st_pipelines.systems.servicenow.values import UnreadableValue, wire

Params = Sequence[tuple[str, str]]
Fault = TypeVar("Fault", bound=SystemFault)


@dataclass(frozen=True)
class Reading:
    """How tables are read. ``settle``: how far before the instance's clock a window ends, because a row's stamp is set
    before it is committed; ``overlap``: how far a poll begins before the newest stamp seen, for the same reason.
    ``smallest_page``: where an answer that breaks off is not asked for with still fewer rows. ``attempts``: how often
    a window is read by offsets when its rows move meanwhile."""

    page_rows: int = 1000
    smallest_page: int = 50
    settle: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(seconds=120)
    attempts: int = 4


class ServiceNow:
    """Make one a process with ``connect``, close it at the end. ``user_name``: whose token it is, where known."""

    def __init__(
        self, http: HttpClient, connection: str, *, reading: Reading | None = None, user_name: str = "",
        import_deadline_s: float = 300.0,
    ) -> None:  # fmt: skip
        self._http = http
        self.connection = connection
        self.reading = reading or Reading()
        self.user_name = user_name
        self.import_deadline_s = import_deadline_s
        self._clock: tuple[datetime, float] | None = None

    def read(
        self, path: str, params: Params = (), *, entity: str, reference: str = "",
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:  # fmt: skip
        """GET. ``check`` may raise ``ValueError`` or ``BadAnswer`` on an answer that is worth asking for again."""
        reply = self._http.read(path, params, entity=entity, reference=reference, check=check)
        self._look_at_clock(reply)
        return reply

    def write(
        self, method: str, path: str, body: Mapping[str, Any], params: Params = (), *, entity: str, reference: str,
        asking: bool = False,
    ) -> Reply:  # fmt: skip
        """POST or PATCH, sent once. A refusal speaks of this record: the connection does not rest because of it."""
        reply = self._http.write(
            method, path, params, content=msgspec.json.encode(body), entity=entity, reference=reference,
            asking=asking, of_the_record=True,
        )  # fmt: skip
        self._look_at_clock(reply)
        return reply

    def now(self, table: str) -> datetime:
        """The instance's clock, counted on from its last answer; asks for one row of ``table`` where there was none.

        Never later than the true one: the way of the answer only makes it slow."""
        if self._clock is None:
            self.read(table_path(self, table), [("sysparm_limit", "1"), ("sysparm_fields", "sys_id"),
                                                ("sysparm_no_count", "true")], entity=table)  # fmt: skip
        if self._clock is None:
            raise self.fault(Untrusted, "its answers carry no usable Date", table,
                             cure="let the gateway before the instance pass the Date header")  # fmt: skip
        theirs, since = self._clock
        return theirs + timedelta(seconds=time.monotonic() - since)

    def fault(self, kind: type[Fault], what: str, entity: str, reference: str = "", *, cure: str) -> Fault:
        return kind(what, connection=self.connection, entity=entity, reference=reference, cure=cure)

    @property
    def host(self) -> str:
        """Where the instance is said to be."""
        return self._http.host

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def _look_at_clock(self, reply: Reply) -> None:
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        self._clock = (theirs.replace(tzinfo=UTC) if theirs.tzinfo is None else theirs.astimezone(UTC),
                       time.monotonic())  # fmt: skip


def table_path(client: ServiceNow, table: str, sys_id: str = "") -> str:
    """The Table API's address of a table or record, without a version: an empty list is 200 there, 404 in v1."""
    if not is_name(table) or (sys_id and not (sys_id.isascii() and sys_id.isalnum() and len(sys_id) == 32)):
        raise client.fault(Misconfigured, f"{table[:80]!r} {sys_id[:40]!r} names no record", "table",
                           cure="correct the table's name in the profile")  # fmt: skip
    return f"/api/now/table/{table}/{sys_id}" if sys_id else f"/api/now/table/{table}"


def as_texts(client: ServiceNow, values: Mapping[str, Any], entity: str, reference: str) -> dict[str, str]:
    """The body of a write. Raises ``Misconfigured`` for what is never sent: a float, an unknown type, an odd name."""
    texts: dict[str, str] = {}
    for name, value in values.items():
        try:
            texts[name] = wire(value)
        except (TypeError, UnreadableValue) as error:
            raise client.fault(Misconfigured, f"{name}: {error}", entity, reference,
                               cure="correct the document at its source") from None  # fmt: skip
        if not is_name(name):
            raise client.fault(Misconfigured, f"{name[:80]!r} is no column name", entity, reference,
                               cure="correct the column in the profile")  # fmt: skip
    return texts
