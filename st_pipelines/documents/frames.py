"""The columnar form of documents: a row a document, a row a line. Invariant: exact decimals, ids as text, no floats.

Source side (``*_SOURCE``): what a source system hands to mapping, ERP-neutral, nothing mapped yet. A system builds
these in ``systems/<x>/documents.py``. Mapped side (``MAPPED_*``): the same documents with dispositions, accounts and
whole minor units; ``mapping`` builds them and ``mapping.rows`` turns their rows into ``MappedDocument`` values.
Dates are the source's calendar dates; ``modified_on`` is an instant as UTC microseconds.
"""

import pyarrow as pa

AMOUNT = pa.decimal128(23, 8)
INSTANT = pa.timestamp("us", tz="UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, data_type) for name, data_type in columns.items()])


_S, _D, _B, _I = pa.string(), pa.date32(), pa.bool_(), pa.int64()

# ``eligibility`` is empty for what may be posted, else the reason why not (``pending``, ``unknown status Foo``).
# ``unreadable`` is empty, or says which required field is missing or has an unknown value: the document is held.
_COMMON = {"doc_key": _S, "source_id": _S, "number": _S, "modified_on": INSTANT, "is_active": _B,
           "eligibility": _S, "unreadable": _S, "currency": _S, "business_unit": _S}  # fmt: skip

INVOICE_SOURCE = _schema(
    **_COMMON, customer_key=_S, customer_name=_S, invoice_date=_D, due_date=_D, sub_total=AMOUNT, tax_amount=AMOUNT,
    total=AMOUNT, tax_zone=_S, terms=_S, adjusts_key=_S, summary=_S)  # fmt: skip

INVOICE_LINE_SOURCE = _schema(
    doc_key=_S, sequence=_I, source_id=_S, business_unit=_S, item=_S, item_type=_S, gl_hint=_S, quantity=AMOUNT,
    amount=AMOUNT, description=_S)  # fmt: skip

PAYMENT_SOURCE = _schema(
    **_COMMON, customer_key=_S, customer_name=_S, payment_date=_D, amount=AMOUNT, unapplied=AMOUNT, payment_type=_S,
    refunds_key=_S, memo=_S)  # fmt: skip

APPLICATION_SOURCE = _schema(doc_key=_S, sequence=_I, invoice_key=_S, amount=AMOUNT)

BILL_SOURCE = _schema(
    **_COMMON, vendor_key=_S, vendor_name=_S, supplier_reference=_S, bill_date=_D, due_date=_D, amount=AMOUNT,
    tax_amount=AMOUNT, freight_amount=AMOUNT, other_amount=AMOUNT, terms=_S, purchase_order=_S, summary=_S)  # fmt: skip

# Supplier invoices that a procurement system has approved. ``business_unit``: the legal entity that is invoiced.
# ``supplier``: its code in the target. ``stands_as``: what the source calls it in the books, where it says that it is
# there. ``conflict``: why the rows of one invoice contradict each other; blank where they agree.
SUPPLIER_INVOICE_SOURCE = _schema(
    **_COMMON, supplier=_S, supplier_reference=_S, credit_memo=_B, invoice_date=_D, due_date=_D, amount=AMOUNT,
    tax_amount=AMOUNT, freight_amount=AMOUNT, purchase_order=_S, stands_as=_S, conflict=_S)  # fmt: skip

# ``order`` and ``order_line`` are blank on a line without purchase order; ``order_currency`` where it is not told.
SUPPLIER_INVOICE_LINE_SOURCE = _schema(
    doc_key=_S, sequence=_I, source_id=_S, gl_account=_S, cost_center=_S, quantity=AMOUNT, unit_price=AMOUNT,
    amount=AMOUNT, order=_S, order_line=_S, order_currency=_S, description=_S)  # fmt: skip

# ``receipt_key`` names the fact this line waits for: ``ST:<tenant>:receipt_line:<id>``, or the whole order's
# ``ST:<tenant>:purchase_order_received:<id>`` where the line does not name a receipt line.
BILL_LINE_SOURCE = _schema(
    doc_key=_S, sequence=_I, source_id=_S, item=_S, item_type=_S, gl_hint=_S, quantity=AMOUNT, unit_cost=AMOUNT,
    receipt_key=_S, description=_S)  # fmt: skip

PARTY_SOURCE = _schema(
    doc_key=_S, source_id=_S, role=_S, name=_S, party_type=_S, modified_on=INSTANT, is_active=_B, unreadable=_S,
    street=_S, unit=_S, city=_S, state=_S, zip=_S, country=_S, email=_S, phone=_S, terms=_S, tax_zone=_S,
    tax_exempt=_B, merged_into=_S)  # fmt: skip

# Purchasing. ``site`` decides the legal entity; ``status`` is the source's own word. ``amount`` of an order is the sum
# of its lines, each rounded to its currency; null where one cannot be read.
ORDER_SOURCE = _schema(
    doc_key=_S, modified_on=INSTANT, unreadable=_S, number=_S, supplier_key=_S, supplier=_S, site=_S, currency=_S,
    status=_S, order_date=_D, due_date=_D, amount=AMOUNT, terms=_S, terms_key=_S)  # fmt: skip

ORDER_LINE_SOURCE = _schema(
    doc_key=_S, modified_on=INSTANT, unreadable=_S, order_key=_S, order=_S, line=_S, item=_S, site=_S, currency=_S,
    order_date=_D, due_date=_D, quantity=AMOUNT, unit_price=AMOUNT, amount=AMOUNT, gl_account=_S, gl_account_key=_S,
    cost_center=_S, cost_center_key=_S)  # fmt: skip

# ``number`` identifies the receipt row; a correction is a row with a negative quantity. ``amount`` at the line's price.
RECEIPT_SOURCE = _schema(
    doc_key=_S, modified_on=INSTANT, unreadable=_S, line_key=_S, number=_S, order=_S, line=_S, currency=_S,
    received=_D, quantity=AMOUNT, amount=AMOUNT)  # fmt: skip

# What the source says has physically happened; recorded as facts that bills wait for.
FACT_SOURCE = _schema(key=_S, is_true=_B, detail=_S)

# A customer or vendor as the target should hold it; null on every other document.
PARTY = pa.struct({
    "role": _S, "doc_key": _S, "name": _S, "street": _S, "unit": _S, "city": _S, "state": _S, "zip": _S, "country": _S,
    "currency": _S, "is_active": _B, "email": _S, "phone": _S, "terms": _S, "tax_code": _S, "is_taxable": _B,
    "party_type": _S, "attributes": pa.map_(_S, _S)})  # fmt: skip

# A supplier as ``PARTY_SOURCE``, with the key of its payment term.
SUPPLIER_SOURCE = pa.schema([*PARTY_SOURCE, pa.field("terms_key", _S)])

# What of an order, a line or a receipt has no column of its own below; null on every other document. ``also``: what
# else must be there first, of a supplier too.
GOODS = pa.struct({
    "parent_key": _S, "order": _S, "line": _S, "item": _S, "quantity": AMOUNT, "unit_price": AMOUNT,
    "legal_entity": _S, "supplier": _S, "status": _S, "terms": _S, "gl_account": _S, "cost_center": _S,
    "also": pa.list_(_S)})  # fmt: skip

# ``control_account``: receivable or payable, the other side of the lines. ``total_minor`` keeps the source's sign.
# ``supplier_code``: the target's own code of a supplier that no posting of ours made. ``stands_as`` and ``is_final`` as
# in ``mapped.MappedDocument``.
MAPPED_DOCUMENT = _schema(
    flow=_S, kind=_S, doc_key=_S, number=_S, company=_S, business_unit=_S, party_key=_S, currency=_S, business_date=_D,
    due_date=_D, total_minor=_I, unapplied_minor=_I, disposition=_S, reason=_S, hold_code=_S, hold_key=_S,
    hold_detail=_S, hold_cure=_S, terms=_S, tax_code=_S, bank_account=_S, payment_type=_S, related_key=_S,
    reference=_S, purchase_order=_S, text=_S, modified_on=INSTANT, source_sha256=_S, control_account=_S,
    party=PARTY, goods=GOODS, supplier_code=_S, stands_as=_S, is_final=_B)  # fmt: skip

# Lines of ready (and, where they map, void) documents only. ``kind`` as in ``lines.Line``, or ``application``: the part
# of a payment that settles the invoice in ``needs``. A bill line's ``needs`` is the receipt it waits for. A line of
# kind ``matched`` names the order line whose goods it takes, their pieces and the price of one.
MAPPED_LINE = _schema(
    doc_key=_S, sequence=_I, kind=_S, business_unit=_S, gl_account=_S, cost_center=_S, sub_account=_S, tax_code=_S,
    amount_minor=_I, needs=_S, description=_S, source_id=_S, order=_S, order_line=_S, quantity=AMOUNT,
    unit_price=AMOUNT)  # fmt: skip

# What a source's own journal says, for reconciling only. One row a summary line of an entry: debit and credit as the
# source gives them. ``post_date`` is null where the source gives none.
_JOURNAL = {"business_unit": _S, "gl_account": _S, "currency": _S, "post_date": _D, "debit": AMOUNT, "credit": AMOUNT}
JOURNAL_SUMMARY = _schema(**_JOURNAL)

# One row a line of a journal entry. ``transaction``: the source's word for what was posted (``BankDeposit``). ``kind``
# and ``doc_key``: of the mapped document it belongs to, empty where we carry no such documents. ``modified_on``: when
# the entry last changed.
JOURNAL_DETAIL = _schema(**_JOURNAL, transaction=_S, kind=_S, doc_key=_S, modified_on=INSTANT)
