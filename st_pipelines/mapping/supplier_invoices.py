"""Approved supplier invoices of a procurement system: source columns to mapped columns. Invariant: lines, tax and
freight are the amount, to the cent, or the invoice is held; a line of an order goes on the account of received goods
and takes them, every other line where it is coded.

What was posted is final: a later change in the source waits for a person.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import SUPPLIER_INVOICE_LINE_SOURCE, SUPPLIER_INVOICE_SOURCE
from st_pipelines.mapping.amounts import Amounts, exact
from st_pipelines.mapping.analysis import Judged, account_state, judge_coded
from st_pipelines.mapping.assembly import documents_table
from st_pipelines.mapping.balance import Balance, add_up_text, balance, decimal_text
from st_pipelines.mapping.charges import BillCharges
from st_pipelines.mapping.columns import CHARGES
from st_pipelines.mapping.digest import source_digests
from st_pipelines.mapping.dispositions import decide
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, constant
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.header import Header, HeaderNames, read_header
from st_pipelines.mapping.intake import Intake, is_blank, take_in
from st_pipelines.mapping.ledger_lines import LineSet, blanks, judged_columns, lines_table
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.residual import rounding_lines
from st_pipelines.mapping.tables import Mapping

FLOW, KIND = "supplier_invoices", "supplier_invoice"
_NAMES = HeaderNames(date="invoice_date", party_key="supplier", party="supplier", control="payable",
                     unit="legal_entity")  # fmt: skip
_MATTERS = ("eligibility", "unreadable", "conflict", "currency", "business_unit", "supplier", "supplier_reference",
            "credit_memo", "invoice_date", "due_date", "amount", "tax_amount", "freight_amount",
            "purchase_order")  # fmt: skip
_LINE_MATTERS = ("gl_account", "cost_center", "quantity", "unit_price", "amount", "order", "order_line", "description")
_LINE_NAMES = ("sequence", "order", "order_line", "order_currency")


@dataclass(frozen=True)
class _Coded:
    """``matched``: which lines take an order's goods."""

    matched: Flags
    judged: Judged


def map_supplier_invoices(
    documents: pa.Table, lines: pa.Table, mapping: Mapping, reference: Reference, options: MappingOptions
) -> MappedFrames:
    """``documents``: schema ``SUPPLIER_INVOICE_SOURCE``; ``lines``: ``SUPPLIER_INVOICE_LINE_SOURCE``. Raises
    ``BrokenFrames``."""
    intake = take_in(documents, lines, options, documents_as=SUPPLIER_INVOICE_SOURCE,
                     lines_as=SUPPLIER_INVOICE_LINE_SOURCE)  # fmt: skip
    stated, amounts = exact(intake.text("amount")), exact(intake.line_text("amount"))
    charges = tuple(_charge(intake, charge) for charge in CHARGES)
    line_values: Columns = {name: intake.line_text(name) for name in _LINE_NAMES}
    header = read_header(intake, _NAMES, stated.present, line_values, mapping, reference, options)
    _report_header(intake, header, reference)
    coded = _coding(intake, header, amounts, reference, options)
    charged = tuple(charge.whole != 0 for charge in charges)
    on_accounts = BillCharges(intake.text("business_unit"), header, charged, mapping, reference)

    findings, unit = header.findings, header.money.unit
    sums = balance(intake, unit, amounts, None, charges, stated)
    rounding = rounding_lines(sums.residual_minor, header, options, reference)
    sums.report(findings, options.rounding_limit, unit, _arithmetic(sums, unit, charges, stated))
    # A row that is not to be posted need not be complete: what it lacks is no reason to hold it.
    decided = decide(intake, findings, header.unreadable & intake.blank("eligibility"), sums.nothing)
    columns = {
        **header.columns,
        "due_date": intake.text("due_date"), "total_minor": pa.array(sums.total_minor),
        "reference": intake.text("supplier_reference"), "purchase_order": intake.text("purchase_order"),
        "supplier_code": intake.text("supplier"), "stands_as": intake.text("stands_as"),
        "is_final": pa.repeat(pa.scalar(True), len(intake)),
        "source_sha256": source_digests(intake, _MATTERS, _LINE_MATTERS),
    }  # fmt: skip
    items = _lines(intake, coded, sums, options).of(sums.line_minor != 0)
    return MappedFrames(
        documents_table(intake, decided, findings, FLOW, KIND, columns),
        lines_table([items, *on_accounts.lines(sums.charges_minor), rounding], intake.text("doc_key"), decided.posts),
    )


def _charge(intake: Intake, charge: str) -> Amounts:
    """Zero where the source has no such charge."""
    name = f"{charge}_amount"
    if name not in intake.documents.column_names:
        return Amounts(np.zeros(len(intake), dtype=np.int64), np.ones(len(intake), dtype=np.bool_))
    return exact(intake.text(name))


def _report_header(intake: Intake, header: Header, reference: Reference) -> None:
    findings, suppliers = header.findings, intake.text("supplier")
    states = [reference.suppliers.get(code) for code in suppliers.to_pylist()]
    values: Columns = {
        "supplier": suppliers,
        "supplier_at": pc.binary_join_element_wise(intake.text("number"), " in the source", " "),
    }
    findings.on_documents(np.array([state is None for state in states], dtype=np.bool_), "supplier.unknown", values)
    findings.on_documents(np.array([state is False for state in states], dtype=np.bool_), "supplier.inactive", values)
    findings.on_documents(~intake.blank("conflict"), "invoice.conflict", {"conflict": intake.text("conflict")})
    findings.on_documents(intake.blank("supplier_reference"), "supplier_reference.missing")


def _coding(intake: Intake, header: Header, amounts: Amounts, reference: Reference, options: MappingOptions) -> _Coded:
    """Reports on every line that moves money."""
    blank = {name: is_blank(intake.line_text(name)) for name in ("order", "order_line", "gl_account", "order_currency")}
    matched, moves = ~blank["order"], amounts.moves
    sub_accounts = header.units.lookup.take("sub_account", header.unit_rows[intake.doc_of])
    judged = judge_coded(intake.line_text("gl_account"), intake.line_text("cost_center"), sub_accounts,
                         moves & ~matched & ~blank["gl_account"], reference)  # fmt: skip
    if matched.any() and (problem := account_state(options.received_account, reference)):
        with_order = np.zeros(len(intake), dtype=np.bool_)
        with_order[intake.doc_of[matched]] = True
        written = constant("integration.yaml, control_accounts.received")
        header.findings.on_documents(
            with_order, problem, {"gl_account": constant(options.received_account), "gl_account_at": written}
        )
    currency = header.columns["currency"].take(pa.array(intake.doc_of))
    differs = ~blank["order_currency"] & np.asarray(
        pc.not_equal(intake.line_text("order_currency"), currency).to_numpy(zero_copy_only=False), dtype=np.bool_
    )
    pieces = exact(intake.line_text("quantity"))
    values = _line_texts(intake, header, judged, currency)
    header.findings.on_lines([
        (~amounts.present, "amount.unreadable", None),
        (matched & differs, "currency.order_differs", values),
        (matched & blank["order_line"], "order_line.missing", values),
        (matched & moves & ~pieces.moves, "order_line.no_quantity", values),
        (~matched & moves & blank["gl_account"], "coding.missing", values),
        *((judged.has(problem), "coding.unfit" if problem == "gl_account.analysis" else problem, values)
          for problem in ("gl_account.unknown", "gl_account.inactive", "cost_center.unknown", "cost_center.inactive",
                          "sub_account.unknown", "sub_account.inactive", "gl_account.analysis")),
    ])  # fmt: skip
    return _Coded(matched, judged)


def _line_texts(intake: Intake, header: Header, judged: Judged, currency: pa.Array) -> Columns:
    units, rows = header.units.lookup, header.unit_rows[intake.doc_of]

    def where(places: Ints) -> pa.Array:
        of = pa.array(intake.doc_of[places])
        sequence = intake.line_text("sequence").take(pa.array(places)).cast(pa.string())
        return pc.binary_join_element_wise(
            "line ", sequence, " of ", intake.text("number").take(of), " in the source", ""
        )

    return {
        "number": lambda places: intake.text("number").take(pa.array(intake.doc_of[places])),
        "currency": currency, "gl_account_at": where, "cost_center_at": where,
        "sub_account_at": lambda places: units.at("sub_account", rows[places]),
        "sub_account": lambda places: judged.texts(places, lambda verdict: verdict.sub_account),
        "gl_account": lambda places: judged.texts(places, lambda verdict: verdict.gl_account),
        "cost_center": lambda places: judged.texts(places, lambda verdict: verdict.cost_center),
        "analysis": lambda places: judged.texts(places, lambda verdict: verdict.detail),
    }  # fmt: skip


def _lines(intake: Intake, coded: _Coded, sums: Balance, options: MappingOptions) -> LineSet:
    matched, size = pa.array(coded.matched), len(intake.doc_of)
    own, none = judged_columns(coded.judged), pa.scalar(None, intake.line_text("quantity").type)
    columns = {
        "gl_account": pc.if_else(matched, pa.scalar(options.received_account), own["gl_account"]),
        "cost_center": own["cost_center"], "sub_account": own["sub_account"], "tax_code": blanks(size),
        "business_unit": intake.text("business_unit").take(pa.array(intake.doc_of)),
        "description": intake.line_text("description"), "source_id": intake.line_text("source_id"),
        "order": intake.line_text("order"), "order_line": intake.line_text("order_line"),
        "quantity": pc.if_else(matched, intake.line_text("quantity"), none),
        "unit_price": pc.if_else(matched, intake.line_text("unit_price"), none),
    }  # fmt: skip
    kind = pc.if_else(matched, pa.scalar("matched"), pa.scalar("expense"))
    return LineSet(intake.doc_of, kind, sums.line_minor, columns)


def _arithmetic(sums: Balance, unit: Ints, charges: tuple[Amounts, ...], stated: Amounts) -> Columns:
    """``lines 80.00 + tax 6.60 + freight 0.00 + other 0.00, amount 86.61``."""

    def sentence(places: Ints) -> pa.Array:
        parts = [("lines", decimal_text(sums.lines, unit, places))]
        parts += [(name, decimal_text(one, unit, places)) for name, one in zip(CHARGES, charges, strict=True)]
        return add_up_text(parts, "amount", decimal_text(stated, unit, places))

    return {"unbalanced": sentence}
