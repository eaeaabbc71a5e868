"""ServiceTitan to QAD: customers and vendors before documents, invoices before payments, receipts before bills.

Invariant: only the pairing is here; reading is in ``servicetitan.py``, posting in ``qad.py``, rules in ``mapping``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from st_pipelines.integrations import qad, servicetitan
from st_pipelines.integrations.registry import needed
from st_pipelines.integrations.road import Fact, Flow, Road, SourceDay
from st_pipelines.mapping.columns import FINANCIAL

if TYPE_CHECKING:
    from st_pipelines.mapping.frames import MappedFrames
    from st_pipelines.mapping.options import MappingOptions
    from st_pipelines.mapping.reference import Reference
    from st_pipelines.mapping.tables import Mapping as MappingTables


def _options(day: SourceDay) -> "MappingOptions":
    from st_pipelines.mapping.options import MappingOptions

    given = day.integration.options
    control, rounding = needed(given.control_accounts, "control_accounts"), needed(given.rounding, "rounding")
    return MappingOptions(
        source_tag=f"ST:{day.integration.source.tenant}",
        party_company=day.integration.target.companies[0],
        currency=given.currency, currencies=given.currencies, receivable_account=control.receivable,
        payable_account=control.payable, rounding_account=rounding.account,
        rounding_limit=rounding.limit, bill_amount=given.bill_amount,
    )  # fmt: skip


def _invoices(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.invoices import map_invoices
    from st_pipelines.systems.servicetitan import documents

    given = day.integration
    frames = documents.invoices(day.tables, given.source.tenant, given.options)
    return map_invoices(*frames, day.mapping, day.reference, _options(day))


def _payments(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.payments import map_payments
    from st_pipelines.systems.servicetitan import documents

    given = day.integration
    frames = documents.payments(day.tables, given.source.tenant, given.options)
    return map_payments(*frames, day.mapping, day.reference, _options(day))


def _bills(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.bills import map_bills
    from st_pipelines.systems.servicetitan import documents

    given = day.integration
    frames = documents.bills(day.tables, given.source.tenant, given.options)
    return map_bills(*frames, day.mapping, day.reference, _options(day))


def _customers(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.parties import map_parties
    from st_pipelines.systems.servicetitan import documents

    frame = documents.customers(day.tables, day.integration.source.tenant)
    return map_parties(frame, day.mapping, day.reference, _options(day))


def _vendors(day: SourceDay) -> "MappedFrames":
    from st_pipelines.mapping.parties import map_parties
    from st_pipelines.systems.servicetitan import documents

    frame = documents.vendors(day.tables, day.integration.source.tenant)
    return map_parties(frame, day.mapping, day.reference, _options(day))


def _receipts(day: SourceDay) -> Sequence[Fact]:
    from st_pipelines.systems.servicetitan import documents

    table = documents.facts(day.tables, day.integration.source.tenant)
    return [Fact(**row) for row in table.to_pylist()]


def _coverage(tables: "MappingTables", reference: "Reference") -> Sequence[object]:
    from st_pipelines.mapping.coverage import check

    return check(tables, reference)


# Codes that every line of a document is checked against.
ANALYSIS = ("target_gl_accounts", "target_cost_centers", "target_sub_accounts")

ROAD = Road(
    source=servicetitan.SOURCE,
    target=qad.TARGET,
    tables=FINANCIAL,
    options=frozenset({"currencies", "eligible_statuses", "control_accounts", "rounding", "bill_amount",
                       "second_witness", "mark_exported", "journal_sync", "witness_accounts"}),
    needs=("control_accounts.receivable", "control_accounts.payable", "rounding"),
    coverage=_coverage,
    flows=(
        Flow(
            "customers", "Customers with their business relation.",
            reads=("customers", "customer_contacts", "locations"),
            joins=("source_payment_terms", "source_tax_zones", "target_credit_terms", "target_tax_codes"),
            map=_customers, kinds=("business_relation", "linked_relation", "customer", "customer_domain"),
            aligns=("customer", "customer"),
        ),
        Flow(
            "vendors", "Vendors with their business relation.",
            reads=("vendors",), joins=("source_payment_terms", "target_credit_terms", "target_tax_codes"),
            map=_vendors, kinds=("business_relation", "linked_relation", "supplier"), aligns=("vendor", "supplier"),
        ),
        Flow(
            "invoices", "Customer invoices and credit memos.",
            reads=("invoices",),
            joins=("source_business_units", "source_tax_zones", "source_gl_accounts", "source_payment_terms",
                   "target_credit_terms", "target_tax_codes", *ANALYSIS),
            map=_invoices, kinds=("customer_invoice",), after=("customers",), reconciled_kinds=("customer_invoice",),
            marks="invoices",
        ),
        Flow(
            "payments", "Customer payments and refunds, applied to invoices.",
            reads=("payments",), joins=("source_business_units", "source_payment_types", "target_gl_accounts"),
            map=_payments, kinds=("customer_payment",), after=("customers", "invoices"),
            reconciled_kinds=("customer_payment",),
        ),
        Flow(
            "bills", "Supplier invoices from inventory bills, once received.",
            reads=("bills", "receipts", "purchase_orders"),
            joins=("source_business_units", "source_gl_accounts", "source_payment_terms", "target_credit_terms",
                   *ANALYSIS),
            map=_bills, kinds=("supplier_invoice",), after=("vendors",), reconciled_kinds=("supplier_invoice",),
            facts=_receipts, marks="bills",
        ),
    ),
)  # fmt: skip
