"""Supplier invoices from bills: source columns to mapped columns. Invariant: Σ quantity × cost + tax + freight + other
is the gross amount, to the cent, or the bill is held; it waits for every receipt that it pays."""

import pyarrow as pa

from st_pipelines.documents.frames import BILL_LINE_SOURCE, BILL_SOURCE
from st_pipelines.mapping.amounts import Amounts, exact, product
from st_pipelines.mapping.assembly import documents_table
from st_pipelines.mapping.balance import Balance, add_up_text, balance, decimal_text
from st_pipelines.mapping.charges import BillCharges
from st_pipelines.mapping.columns import CHARGES
from st_pipelines.mapping.digest import source_digests
from st_pipelines.mapping.dispositions import decide
from st_pipelines.mapping.effective import Ints
from st_pipelines.mapping.findings import Columns
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.header import HeaderNames, read_header
from st_pipelines.mapping.intake import is_blank, take_in
from st_pipelines.mapping.item_lines import described, map_item_lines
from st_pipelines.mapping.ledger_lines import LineSet, lines_table, repeated
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.residual import rounding_lines
from st_pipelines.mapping.tables import Mapping
from st_pipelines.mapping.target_codes import Terms

FLOW, KIND = "bills", "supplier_invoice"
_NAMES = HeaderNames(date="bill_date", party_key="vendor_key", party="vendor", control="payable")
_MATTERS = ("is_active", "eligibility", "unreadable", "number", "currency", "business_unit", "vendor_key",
            "supplier_reference", "bill_date", "due_date", "amount", "tax_amount", "freight_amount", "other_amount",
            "terms", "purchase_order", "summary")  # fmt: skip
_LINE_MATTERS = ("source_id", "item", "item_type", "gl_hint", "quantity", "unit_cost", "receipt_key", "description")


def map_bills(
    documents: pa.Table, lines: pa.Table, mapping: Mapping, reference: Reference, options: MappingOptions
) -> MappedFrames:
    """``documents``: schema ``BILL_SOURCE``; ``lines``: ``BILL_LINE_SOURCE``. A line of cost zero posts nothing
    but keeps its receipt as a line of kind ``receipt``. Raises ``BrokenFrames``."""
    intake = take_in(documents, lines, options, documents_as=BILL_SOURCE, lines_as=BILL_LINE_SOURCE)
    stated = exact(intake.text("amount"))
    charges = tuple(exact(intake.text(f"{charge}_amount")) for charge in CHARGES)
    costs = product(intake.line_text("quantity"), intake.line_text("unit_cost"))
    present = stated.present
    for charge in charges:
        present = present & charge.present
    line_values: Columns = {name: intake.line_text(name) for name in ("sequence", "item", "item_type", "gl_hint")}
    header = read_header(intake, _NAMES, present, line_values, mapping, reference, options)
    findings, unit = header.findings, header.money.unit
    findings.on_documents(intake.blank("supplier_reference"), "supplier_reference.missing")
    terms = Terms("vendor", mapping, reference).map(intake.text("terms"), header.days, findings)
    charged = tuple(charge.whole != 0 for charge in charges)
    on_accounts = BillCharges(intake.text("business_unit"), header, charged, mapping, reference)

    total = stated if options.bill_amount == "gross" else _with(stated, charges)
    sums = balance(intake, unit, costs, None if options.bill_amount == "gross" else stated, charges, total)
    counts = costs.moves
    items = map_item_lines(intake, header, ~costs.present, counts, mapping["bill_accounts"], reference)
    rounding = rounding_lines(sums.residual_minor, header, options, reference)
    sums.report(findings, options.rounding_limit, unit, _arithmetic(sums, unit, charges, stated, options))

    decided = decide(intake, findings, header.unreadable, sums.nothing)
    needs = {"needs": intake.line_text("receipt_key")}
    posting = sums.line_minor != 0
    size = len(intake.doc_of)
    expenses = LineSet(
        intake.doc_of, repeated("expense", size), sums.line_minor, {**described(intake), **items.columns, **needs}
    )
    receipts = LineSet(intake.doc_of, repeated("receipt", size), sums.line_minor, {**described(intake), **needs})
    columns = {
        **header.columns,
        "due_date": intake.text("due_date"),
        "total_minor": pa.array(sums.total_minor),
        "terms": terms,
        "reference": intake.text("supplier_reference"),
        "purchase_order": intake.text("purchase_order"),
        "text": intake.text("summary"),
        "source_sha256": source_digests(intake, _MATTERS, _LINE_MATTERS),
    }
    sets = [
        expenses.of(posting),
        *on_accounts.lines(sums.charges_minor),
        rounding,
        receipts.of(~posting & ~is_blank(needs["needs"])),
    ]
    return MappedFrames(
        documents_table(intake, decided, findings, FLOW, KIND, columns),
        lines_table(sets, intake.text("doc_key"), decided.posts),
    )


def _with(stated: Amounts, charges: tuple[Amounts, ...]) -> Amounts:
    """A net amount plus its charges."""
    whole, present = stated.whole, stated.present
    for charge in charges:
        whole, present = whole + charge.whole, present & charge.present
    return Amounts(whole, present)


def _arithmetic(
    sums: Balance, unit: Ints, charges: tuple[Amounts, ...], stated: Amounts, options: MappingOptions
) -> Columns:
    """Both sums as a sentence: ``lines 80.00 + tax 6.60 + freight 0.00 + other 0.00, amount 86.61``."""

    def sentence(places: Ints) -> pa.Array:
        parts = [("lines", decimal_text(sums.lines, unit, places))]
        if options.bill_amount == "gross":
            parts += [(name, decimal_text(one, unit, places)) for name, one in zip(CHARGES, charges, strict=True)]
        return add_up_text(parts, "amount", decimal_text(stated, unit, places))

    return {"unbalanced": sentence}
