"""Payments and refunds: source columns to mapped columns. Invariant: applications + unapplied rest = amount, exactly;
cash is never rounded."""

import numpy as np
import pyarrow as pa

from st_pipelines.documents.frames import APPLICATION_SOURCE, PAYMENT_SOURCE
from st_pipelines.mapping.amounts import Amounts, Sums, exact, totals
from st_pipelines.mapping.analysis import account_state
from st_pipelines.mapping.assembly import documents_table
from st_pipelines.mapping.balance import add_up_text, balance, decimal_text
from st_pipelines.mapping.digest import source_digests
from st_pipelines.mapping.dispositions import decide
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.header import Header, HeaderNames, read_header
from st_pipelines.mapping.intake import is_blank, take_in
from st_pipelines.mapping.ledger_lines import LineSet, lines_table, repeated
from st_pipelines.mapping.named_rows import NamedLookup
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping

FLOW, KIND = "payments", "customer_payment"
_NAMES = HeaderNames(date="payment_date", party_key="customer_key", party="customer", control="receivable")
_MATTERS = ("is_active", "eligibility", "unreadable", "number", "currency", "business_unit", "customer_key",
            "payment_date", "amount", "unapplied", "payment_type", "refunds_key", "memo")  # fmt: skip


def map_payments(
    documents: pa.Table, applications: pa.Table, mapping: Mapping, reference: Reference, options: MappingOptions
) -> MappedFrames:
    """``documents``: schema ``PAYMENT_SOURCE``; ``applications``: ``APPLICATION_SOURCE``, which become lines of kind
    ``application`` whose ``needs`` is the invoice. Raises ``BrokenFrames``."""
    intake = take_in(documents, applications, options, documents_as=PAYMENT_SOURCE, lines_as=APPLICATION_SOURCE)
    amount, unapplied = exact(intake.text("amount")), exact(intake.text("unapplied"))
    applied = exact(intake.line_text("amount"))
    header = read_header(intake, _NAMES, amount.present & unapplied.present, {}, mapping, reference, options)
    findings, unit = header.findings, header.money.unit
    types = NamedLookup("payment_type", mapping["payment_types"], reference)
    found = types.find(intake.text("payment_type"), header.days)
    found.report(findings)
    _report_banks(types, found.rows, header, reference)

    counts = applied.moves
    no_invoice = is_blank(intake.line_text("invoice_key")) & counts
    findings.on_lines([(~applied.present, "amount.unreadable", None), (no_invoice, "invoice.missing", None)])
    moved = totals(counts.astype(np.int64), intake.bounds) > 0
    _report_kind_of_payment(header, intake.blank("refunds_key"), amount, moved)
    sums = balance(intake, unit, applied, None, (unapplied,), amount)

    def sentence(places: Ints) -> pa.Array:
        parts = [
            ("applied", decimal_text(sums.lines, unit, places)),
            ("unapplied", decimal_text(unapplied, unit, places)),
        ]
        return add_up_text(parts, "amount", decimal_text(amount, unit, places))

    exactly = sums.lines.plus(Sums.of(unapplied, unit), unit).same(Sums.of(amount, unit))
    findings.on_documents(~exactly, "unbalanced", {"unbalanced": sentence})
    parts_of_lines = totals(
        (applied.whole % np.repeat(unit, np.diff(intake.bounds)) != 0).astype(np.int64), intake.bounds
    )
    fraction = (amount.whole % unit != 0) | (unapplied.whole % unit != 0) | (parts_of_lines > 0)
    findings.on_documents(fraction, "fraction", {"amounts": sentence})

    decided = decide(intake, findings, header.unreadable, (amount.whole == 0) & ~moved & exactly)
    lines = LineSet(
        intake.doc_of, repeated("application", len(intake.doc_of)), sums.line_minor,
        {"needs": intake.line_text("invoice_key")},
    )  # fmt: skip
    columns = {
        **header.columns,
        "total_minor": pa.array(sums.total_minor),
        "unapplied_minor": pa.array(sums.charges_minor[0]),
        "bank_account": types.lookup.take("bank_account", found.rows),
        "payment_type": types.lookup.take("name", found.rows),
        "related_key": intake.text("refunds_key"),
        "text": intake.text("memo"),
        "source_sha256": source_digests(intake, _MATTERS, ("invoice_key", "amount")),
    }
    return MappedFrames(
        documents_table(intake, decided, findings, FLOW, KIND, columns),
        lines_table([lines.of(counts)], intake.text("doc_key"), decided.posts),
    )


def _report_banks(types: NamedLookup, rows: Ints, header: Header, reference: Reference) -> None:
    """The bank account of a payment type must exist and be active in the target."""
    states = [account_state(code, reference) for code in types.lookup.table.values("bank_account")] + [""]
    values: Columns = {
        "gl_account": lambda places: types.lookup.take("bank_account", rows[places]),
        "gl_account_at": lambda places: types.lookup.at("bank_account", rows[places]),
    }
    for problem in sorted(set(states) - {""}):
        hit = np.array([state == problem for state in states], dtype=np.bool_)
        header.findings.on_documents(hit[rows], problem, values)


def _report_kind_of_payment(header: Header, names_no_original: Flags, amount: Amounts, moved: Flags) -> None:
    findings = header.findings
    findings.on_documents((amount.whole < 0) & names_no_original, "refund.original_missing")
    findings.on_documents((amount.whole > 0) & ~names_no_original, "refund.positive")
    findings.on_documents((amount.whole == 0) & moved, "reallocation")
