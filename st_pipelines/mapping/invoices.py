"""Customer invoices and credit memos: source columns to mapped columns. Invariant: total = Σ lines + tax, to the cent,
or held; what rounding leaves is a line on the rounding account."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import INVOICE_LINE_SOURCE, INVOICE_SOURCE
from st_pipelines.mapping.amounts import Amounts, exact
from st_pipelines.mapping.assembly import documents_table
from st_pipelines.mapping.balance import Balance, add_up_text, balance, decimal_text
from st_pipelines.mapping.digest import source_digests
from st_pipelines.mapping.dispositions import decide
from st_pipelines.mapping.effective import Ints
from st_pipelines.mapping.findings import Columns
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.header import HeaderNames, read_header
from st_pipelines.mapping.intake import take_in
from st_pipelines.mapping.item_lines import described, map_item_lines
from st_pipelines.mapping.ledger_lines import LineSet, lines_table
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.residual import rounding_lines
from st_pipelines.mapping.tables import Mapping
from st_pipelines.mapping.target_codes import Terms
from st_pipelines.mapping.tax import InvoiceTax

FLOW, KIND = "invoices", "customer_invoice"
_NAMES = HeaderNames(date="invoice_date", party_key="customer_key", party="customer", control="receivable")
_MATTERS = ("is_active", "eligibility", "unreadable", "number", "currency", "business_unit", "customer_key",
            "invoice_date", "due_date", "sub_total", "tax_amount", "total", "tax_zone", "terms", "adjusts_key",
            "summary")  # fmt: skip
_LINE_MATTERS = ("source_id", "business_unit", "item", "item_type", "gl_hint", "amount", "description")


def map_invoices(
    documents: pa.Table, lines: pa.Table, mapping: Mapping, reference: Reference, options: MappingOptions
) -> MappedFrames:
    """``documents``: schema ``INVOICE_SOURCE``; ``lines``: ``INVOICE_LINE_SOURCE``. Raises ``BrokenFrames`` where they
    contradict each other; everything that is wrong with a document is a disposition."""
    intake = take_in(documents, lines, options, documents_as=INVOICE_SOURCE, lines_as=INVOICE_LINE_SOURCE)
    sub_total, tax, total = (exact(intake.text(name)) for name in ("sub_total", "tax_amount", "total"))
    amounts = exact(intake.line_text("amount"))
    line_values: Columns = {name: intake.line_text(name) for name in ("sequence", "item", "item_type", "gl_hint")}
    header = read_header(intake, _NAMES, sub_total.present & tax.present & total.present, line_values,
                         mapping, reference, options)  # fmt: skip
    findings, unit = header.findings, header.money.unit
    taxed = InvoiceTax(intake, header, tax.whole != 0, mapping, reference)
    terms = Terms("customer", mapping, reference).map(intake.text("terms"), header.days, findings)
    sums = balance(intake, unit, amounts, sub_total, (tax,), total)
    items = map_item_lines(intake, header, ~amounts.present, amounts.moves, mapping["invoice_accounts"], reference)
    rounding = rounding_lines(sums.residual_minor, header, options, reference)
    sums.report(findings, options.rounding_limit, unit, _arithmetic(sums, unit, sub_total, tax, total))

    decided = decide(intake, findings, header.unreadable, sums.nothing)
    opposite = (sums.line_minor < 0) != (total.whole < 0)[intake.doc_of]
    kinds = pa.array(["revenue", "discount"], pa.string()).take(pa.array(opposite.astype(np.int64)))
    item_lines = LineSet(intake.doc_of, kinds, sums.line_minor, {**described(intake), **items.columns})
    columns = {
        **header.columns,
        "due_date": intake.text("due_date"),
        "total_minor": pa.array(sums.total_minor),
        "terms": terms,
        "tax_code": taxed.codes,
        "related_key": intake.text("adjusts_key"),
        "text": intake.text("summary"),
        "source_sha256": source_digests(intake, _MATTERS, _LINE_MATTERS),
    }
    sets = [item_lines.of(sums.line_minor != 0), taxed.lines(sums.charges_minor[0]), rounding]
    return MappedFrames(
        documents_table(intake, decided, findings, FLOW, KIND, columns),
        lines_table(sets, intake.text("doc_key"), decided.posts),
    )


def _arithmetic(sums: Balance, unit: Ints, sub_total: Amounts, tax: Amounts, total: Amounts) -> Columns:
    """The two sums as a sentence: ``lines 100.00, subtotal 99.00`` or ``subtotal 99.00 + tax 8.17, total 108.25``."""

    def sentence(places: Ints) -> pa.Array:
        texts = [decimal_text(one, unit, places) for one in (sub_total, tax, total)]
        lines = add_up_text([("lines", decimal_text(sums.lines, unit, places))], "subtotal", texts[0])
        header = add_up_text([("subtotal", texts[0]), ("tax", texts[1])], "total", texts[2])
        return pc.if_else(pa.array(sums.lines_agree[places]), header, lines)

    return {"unbalanced": sentence}
