"""Suppliers, orders, lines and receipts of a tenant, by the names of its profile. Invariant: every column that is asked
for is the profile's, every column that is filtered by is proven, every state is read by its label.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Generic, TypeVar

from st_pipelines.systems.servicenow import records
from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.choices import labels
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.fields import Fields
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID, Window
from st_pipelines.systems.servicenow.pages import Page
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import AllOf
from st_pipelines.systems.servicenow.read import Reader
from st_pipelines.systems.servicenow.records import Unreadable
from st_pipelines.systems.servicenow.values import UnreadableValue, stored

Record = TypeVar("Record")
_EVER, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Batch(Generic[Record]):
    """What one page held. ``page`` is as it came, for storing before anything else."""

    page: Page
    records: list[Record]
    unreadable: list[Unreadable]


class Entity(Generic[Record]):
    """One kind of record of one tenant."""

    def __init__(self, proof: Proof, profile: Profile, name: str, make: Callable[[Fields], Record],
                 states: Sequence[str] = ()) -> None:  # fmt: skip
        self.name, self.table = name, profile.table(name)
        self._proof, self._profile, self._make, self._states = proof, profile, make, states

    @property
    def shown(self) -> list[str]:
        return list(dict.fromkeys([SYS_ID, STAMP, *self.table.columns.values()]))

    def reader(self, filter_by: Sequence[str] = ()) -> Reader:
        """``filter_by``: our names of columns for a base filter."""
        return Reader(self._proof, self.table.table, tuple(self.shown),
                      tuple(self.table.column(name) for name in filter_by))  # fmt: skip

    def window(self, start: datetime, end: datetime, base: AllOf = ()) -> Iterator[Batch[Record]]:
        """What was last modified in [start, end)."""
        for page in self.reader().window(Window.between(start, end), base):
            yield self.batch(page)

    def whole(self) -> Iterator[Batch[Record]]:
        """Every record there is; one that changes meanwhile may come twice, the later time as it is then. Two windows:
        what leaves the first while it is read stands in the second."""
        now = self._proof.client.now(self.table.table) - self._proof.client.reading.settle
        yield from self.window(_EVER, now)
        yield from self.window(now, _NEVER)

    def batch(self, page: Page) -> Batch[Record]:
        made, unreadable = self.read(page.rows)
        return Batch(page, made, unreadable)

    def read(self, rows: Sequence[Row]) -> tuple[list[Record], list[Unreadable]]:
        made: list[Record] = []
        unreadable: list[Unreadable] = []
        for row in rows:
            try:
                made.append(self._make(Fields(row, self.table, self._labels, self._profile.currency)))
            except UnreadableValue as error:
                unreadable.append(Unreadable(self.table.table, str(row.get(SYS_ID, "")), self._number(row), str(error)))
        return made, unreadable

    def _number(self, row: Row) -> str:
        try:
            return stored(row.get(self.table.columns.get("number", "number")))
        except UnreadableValue:
            return ""

    @cached_property
    def _labels(self) -> dict[str, dict[str, str]]:
        found = {}
        for state in self._states:
            column = self.table.column(state)
            found[state] = dict(labels(self._proof, self.table.table, column, self._profile.language))
        return found


class Procurement:
    """What is read of one tenant. ``proof`` is shared, so that each table is proven once a process."""

    def __init__(self, client: ServiceNow, profile: Profile, proof: Proof | None = None) -> None:
        self.profile, self.proof = profile, proof or Proof(client)
        make = self._entity
        self.suppliers: Entity[records.Supplier] = make("suppliers", records.supplier)
        self.purchase_orders: Entity[records.PurchaseOrder] = make("purchase_orders", records.purchase_order, "status")
        self.order_lines: Entity[records.OrderLine] = make("purchase_order_lines", records.order_line)
        self.receipts: Entity[records.Receipt] = make("receipts", records.receipt, "status")
        outbound = "outbound_" if profile.invoices.road == "outbound" else ""
        self.invoices: Entity[records.Invoice] = make(f"{outbound}invoices", records.invoice, "state")
        self.invoice_lines: Entity[records.InvoiceLine] = make(f"{outbound}invoice_lines", records.invoice_line)

    def learn(self) -> None:
        """Of all tables at once, for a run that reads them all."""
        self.proof.learn(table.table for table in self.profile.tables.values())

    def _entity(self, name: str, make: Callable[[Fields], Record], *states: str) -> "Entity[Record]":
        return Entity(self.proof, self.profile, name, make, states)
