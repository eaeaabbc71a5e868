"""Purchase order lines as the instance holds them now: ordered, received, invoiced. Invariant: only orders that carry
our ERP source; pieces received are the sum of the receipts.

What was invoiced is the line's own total, which the instance keeps over all of its approved invoices.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from st_pipelines.documents.money import CONTEXT, round_to_minor
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.standing_records import listed
from st_pipelines.systems.servicenow.values import amount

_ZERO, _EVER = Decimal(0), date(9999, 12, 31)


def order_lines(instance: Instance, since: date) -> Iterator[OrderLineStanding]:
    """Of the orders dated ``since`` and later. Raises ``Untrusted`` where some may not be read."""
    company = instance.profile.instance_name
    heads = {one.content["number"]: one.content for one in listed(instance, "purchase_order", company, since, _EVER)}
    received: dict[tuple[str, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (_ZERO, _ZERO))
    for one in listed(instance, "goods_receipt", company, since, _EVER):
        key, pieces = (one.content["order"], one.content["order_line"]), amount(one.content["quantity"]) or _ZERO
        before = received[key]
        received[key] = before[0] + pieces, before[1] + (one.total or _ZERO)
    for one in listed(instance, "purchase_order_line", company, since, _EVER):
        content = one.content
        key, head = (content["order"], content["line_number"]), heads.get(content["order"], {})
        price = amount(content["unit_price"]) or _ZERO
        invoiced = amount(content.get("invoiced_quantity", "")) or _ZERO
        yield OrderLineStanding(
            *key, books=head.get("legal_entity", ""), supplier=head.get("supplier", ""), item=content.get("item", ""),
            currency=one.currency, ordered=amount(content["quantity"]) or _ZERO, received=received[key][0],
            invoiced=invoiced, ordered_amount=one.total or _ZERO, received_amount=received[key][1],
            invoiced_amount=round_to_minor(CONTEXT.multiply(invoiced, price), one.currency),
        )  # fmt: skip
