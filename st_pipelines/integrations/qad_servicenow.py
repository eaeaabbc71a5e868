"""QAD to ServiceNow: suppliers before orders, orders before their lines, lines before what was received of them.

Invariant: only the pairing is here; reading is in ``qad.py``, posting in ``servicenow.py``, rules in ``mapping``.
"""

from typing import TYPE_CHECKING

from st_pipelines.integrations import qad, servicenow
from st_pipelines.integrations.road import Flow, Road, SourceDay
from st_pipelines.mapping.columns import PROCUREMENT

if TYPE_CHECKING:
    from st_pipelines.mapping.frames import MappedFrames
    from st_pipelines.mapping.procurement import ProcurementOptions


def _options(day: SourceDay) -> "ProcurementOptions":
    from st_pipelines.mapping.procurement import ProcurementOptions

    given = day.integration.options
    codes: dict[str, bool] = {name: rules.retired == "send" for name, rules in day.integration.codes.items()}
    return ProcurementOptions(day.integration.target.companies[0], (given.currency, *given.currencies), codes)


def _suppliers(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.procurement import map_suppliers
    from st_pipelines.systems.qad import procurement_documents

    return map_suppliers(procurement_documents.suppliers(day.tables), day.mapping, day.reference, _options(day))


def _supplier_details(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.procurement import map_supplier_details
    from st_pipelines.systems.qad import procurement_documents

    given = procurement_documents.suppliers(day.tables)
    return map_supplier_details(given, day.mapping, day.reference, _options(day))


def _orders(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.procurement import map_orders
    from st_pipelines.systems.qad import procurement_documents

    return map_orders(procurement_documents.orders(day.tables), day.mapping, day.reference, _options(day))


def _lines(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.procurement import map_order_lines
    from st_pipelines.systems.qad import procurement_documents

    return map_order_lines(procurement_documents.lines(day.tables), day.mapping, day.reference, _options(day))


def _receipts(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.procurement import map_receipts
    from st_pipelines.systems.qad import procurement_documents

    return map_receipts(procurement_documents.receipts(day.tables), day.mapping, day.reference, _options(day))


ROAD = Road(
    source=qad.SOURCE,
    target=servicenow.TARGET,
    tables=PROCUREMENT,
    options=frozenset({"currencies"}),
    order_measures=("ordered", "received"),
    flows=(
        Flow(
            "suppliers", "Suppliers with name and address; retired ones are inactive.",
            reads=("suppliers", "purchase_orders"), joins=(), map=_suppliers, kinds=("supplier",),
            codes=("payment_terms",),
        ),
        Flow(
            "supplier_details", "Which legal entities buy from a supplier, and by which number.",
            reads=("suppliers", "purchase_orders"), joins=("target_legal_entities",), map=_supplier_details,
            kinds=("supplier_detail",), after=("suppliers",),
        ),
        Flow(
            "purchase_orders", "Headers of purchase orders.",
            reads=("purchase_orders",), joins=("source_sites", "target_legal_entities"), map=_orders,
            kinds=("purchase_order",), after=("suppliers",), codes=("payment_terms",),
        ),
        Flow(
            "purchase_order_lines", "Lines of purchase orders: what was ordered, in money and in pieces.",
            reads=("purchase_orders",), joins=("source_sites", "source_gl_accounts", "source_cost_centers"), map=_lines,
            kinds=("purchase_order_line",), codes=("gl_accounts", "cost_centers"),
            after=("purchase_orders",), reconciled_kinds=("purchase_order_line",),
        ),
        Flow(
            "receipts", "Goods receipts; corrections are negative and add up with the others.",
            reads=("receipts",), joins=("source_sites",), map=_receipts, kinds=("goods_receipt",),
            after=("purchase_order_lines",), reconciled_kinds=("goods_receipt",),
        ),
    ),
)  # fmt: skip
