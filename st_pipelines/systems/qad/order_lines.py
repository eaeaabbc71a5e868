"""Purchase order lines as QAD holds them now: ordered, received, invoiced. Invariant: pieces received are the sum of
the receipts, not what the line says of itself.

What was invoiced is the line's own total of matched pieces; its money is counted at the order's price, which is what
receivers are matched at.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from st_pipelines.documents.money import CONTEXT, round_to_minor
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.changes import domains, modified_since
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.profile import Entity
from st_pipelines.systems.qad.wire_values import read_amount, read_date

_ZERO = Decimal(0)


def order_lines(client: QadClient, since: date) -> Iterator[OrderLineStanding]:
    """Of the orders dated ``since`` and later. Raises ``UntrustedAnswer`` or the kernel's errors."""
    header = client.profile.entity("purchaseOrder")
    first = datetime.combine(since, time(), UTC)
    for books in domains(client):
        heads = {
            str(one[header.wire("code")]): one for one in modified_since(client, "purchaseOrder", books, first)
            if (day := _date(client, one, header)) is not None and day >= since
        }  # fmt: skip
        received = _receipts(client, books, first, heads)
        for record in modified_since(client, "purchaseOrderLine", books, first):
            head = heads.get(_text(record, client.profile.entity("purchaseOrderLine"), "order"))
            if head is not None:
                yield _standing(client, record, head, received)


def _receipts(
    client: QadClient, books: Company, since: datetime, heads: Mapping[str, Record]
) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Pieces and money by order and line. A receipt is never older than its order."""
    receipt, header = client.profile.entity("receipt"), client.profile.entity("purchaseOrder")
    sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (_ZERO, _ZERO))
    for one in modified_since(client, "receipt", books, since):
        key = _text(one, receipt, "order"), _text(one, receipt, "line")
        if key[0] in heads:
            pieces, cost = _amount(one, receipt, "quantity"), _amount(one, receipt, "unitCost")
            money = round_to_minor(CONTEXT.multiply(pieces, cost), _text(heads[key[0]], header, "currency"))
            sums[key] = sums[key][0] + pieces, sums[key][1] + money
    return sums


def _standing(
    client: QadClient, record: Record, head: Record, received: dict[tuple[str, str], tuple[Decimal, Decimal]]
) -> OrderLineStanding:
    line, header = client.profile.entity("purchaseOrderLine"), client.profile.entity("purchaseOrder")
    key, currency = (_text(record, line, "order"), _text(record, line, "line")), _text(head, header, "currency")
    ordered, price = _amount(record, line, "quantity"), _amount(record, line, "price")
    invoiced = _amount(record, line, "invoiced") if line.has("invoiced") else _ZERO
    pieces, money = received[key]
    return OrderLineStanding(
        *key, books=_text(head, header, "site"), supplier=_text(head, header, "supplier"),
        item=_text(record, line, "item"), currency=currency, ordered=ordered, received=pieces, invoiced=invoiced,
        ordered_amount=round_to_minor(CONTEXT.multiply(ordered, price), currency), received_amount=money,
        invoiced_amount=round_to_minor(CONTEXT.multiply(invoiced, price), currency),
    )  # fmt: skip


def _date(client: QadClient, record: Record, entity: Entity) -> date | None:
    return read_date(record.get(entity.wire("orderDate")), client.profile, entity.wire("orderDate"))


def _amount(record: Record, entity: Entity, logical: str) -> Decimal:
    return read_amount(record.get(entity.wire(logical)), entity.wire(logical))


def _text(record: Record, entity: Entity, logical: str) -> str:
    value = record.get(entity.wire(logical)) if entity.has(logical) else None
    return "" if value is None else str(value)
