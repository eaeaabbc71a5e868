"""ServiceNow to QAD: approved supplier invoices, against the goods of their orders or where they are coded.

Invariant: only the pairing is here; reading is in ``servicenow_source.py``, posting in ``qad.py``, rules in
``mapping``.
"""

from typing import TYPE_CHECKING

from st_pipelines.integrations import qad, servicenow_source
from st_pipelines.integrations.registry import needed
from st_pipelines.integrations.road import Flow, Road, SourceDay
from st_pipelines.mapping.columns import INVOICED

if TYPE_CHECKING:
    from st_pipelines.mapping.frames import MappedFrames
    from st_pipelines.mapping.options import MappingOptions


def _options(day: SourceDay) -> "MappingOptions":
    from st_pipelines.mapping.options import MappingOptions

    given = day.integration.options
    control, rounding = needed(given.control_accounts, "control_accounts"), needed(given.rounding, "rounding")
    return MappingOptions(
        source_tag=f"SN:{day.integration.source.tenant}", party_company=day.integration.target.companies[0],
        currency=given.currency, currencies=given.currencies, receivable_account="",
        payable_account=control.payable, received_account=control.received, rounding_account=rounding.account,
        rounding_limit=rounding.limit,
    )  # fmt: skip


def _invoices(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.supplier_invoices import map_supplier_invoices
    from st_pipelines.systems.servicenow.invoice_documents import supplier_invoices

    frames = supplier_invoices(day.tables, day.integration.source.tenant)
    return map_supplier_invoices(*frames, day.mapping, day.reference, _options(day))


ROAD = Road(
    source=servicenow_source.SOURCE,
    target=qad.TARGET_WITH_SUPPLIERS,
    tables=INVOICED,
    options=frozenset({"currencies", "control_accounts", "rounding", "mark_exported", "tell_holds"}),
    order_measures=("invoiced",),
    needs=("control_accounts.payable", "control_accounts.received", "rounding"),
    flows=(
        Flow(
            "supplier_invoices", "Approved supplier invoices and credit memos; those of an order wait for its goods.",
            reads=("invoices",),
            joins=("target_suppliers", "target_gl_accounts", "target_cost_centers", "target_sub_accounts"),
            map=_invoices, kinds=("supplier_invoice",), reconciled_kinds=("supplier_invoice",), takes_goods=True,
            marks="invoices",
        ),
    ),
)  # fmt: skip
