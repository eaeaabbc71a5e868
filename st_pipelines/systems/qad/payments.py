"""Customer payments and refunds. Invariant: allocations plus the unapplied rest are the amount.

A refund is a form of its own, positive in its own sense. A void is a status of the same record; it settles nothing.
"""

from collections.abc import Mapping
from decimal import Decimal

from st_pipelines.documents.mapped import ControlLine, MappedDocument
from st_pipelines.documents.money import to_minor
from st_pipelines.documents.payment import Payment
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.bodies import Rendering, keys_of, number, target_id
from st_pipelines.systems.qad.invoices import is_same_party, named_party
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import one_line, read_amount, read_date, wire_amount


def of(document: MappedDocument) -> Payment:
    if not isinstance(document.payload, Payment):
        raise CannotRender(
            f"{document.doc_key}: a {document.kind} needs a payment, not {type(document.payload).__name__}"
        )
    return document.payload


def create(payment: Payment, to: Rendering, invoices: Entity) -> Record:
    """``invoices``: the entity whose vouchers the allocations name."""
    if not payment.amount and not payment.applications:
        raise CannotRender("a zero payment moves nothing; it is recorded as nothing to post")
    entity, form = to.entity, to.entity.forms["refund" if payment.amount < 0 else "receipt"]
    record = to.start()
    record[entity.wire("entity")] = to.books.entity
    record[entity.wire("daybook")] = form.daybook
    if entity.identity.get("domain"):
        record[entity.identity["domain"]] = to.books.domain
    to.put(record, "type", form.type)
    to.put(record, "status", form.status)
    to.put(record, "customer", to.needed(payment.customer_key, "the customer").number)
    to.put(record, "bankAccount", payment.bank_account)
    to.put_date(record, "paymentDate", payment.payment_date)
    to.put_date(record, "postingDate", payment.posting_date)
    to.put(record, "currency", payment.currency)
    to.put_amount(record, "amount", abs(payment.amount), payment.currency)
    to.put(record, "reference", payment.number)
    memo = f"Refund of {payment.refunds_key}" if payment.refunds_key else one_line(payment.memo)
    to.put(record, "description", memo)
    record[entity.nested["allocations"].array] = allocations(payment, to, invoices)
    return record


def allocations(payment: Payment, to: Rendering, invoices: Entity) -> list[Record]:
    """One record for each settled invoice, by its voucher keys. Raises ``CannotRender`` where they do not add up."""
    applied = sum((part.amount for part in payment.applications), Decimal(0))
    if applied + payment.unapplied != payment.amount:
        raise CannotRender(f"applied {applied} and unapplied {payment.unapplied} are not the amount {payment.amount}")
    sign = _sense(payment)
    made = []
    for part in payment.applications:
        if not part.amount:
            raise CannotRender(f"{part.invoice_key}: an application of nothing; map the payment again")
        invoice = to.needed(part.invoice_key, "the invoice")
        made.append(to.nested("allocations", {
            **{name: _as_number(value) for name, value in keys_of(invoice.target_id, invoices).items()},
            "amount": wire_amount(sign * part.amount, payment.currency, f"application to {part.invoice_key}"),
            "discount": wire_amount(Decimal(0), payment.currency, "discount"),
        }))  # fmt: skip
    return made


def _as_number(value: str) -> str | int:
    """Year and voucher are numbers on the wire; a code with leading zeros stays text."""
    return int(value) if value.isdecimal() and value.isascii() and str(int(value)) == value else value


def _sense(payment: Payment) -> int:
    """A refund's parts are positive in its own sense. A credit memo that a payment takes along stays negative."""
    return -1 if payment.amount < 0 else 1


def with_allocations(current: Record, payment: Payment, to: Rendering, invoices: Entity) -> Record:
    """QAD's whole record with the new allocations; its concurrency hash travels along."""
    return {**current, to.entity.nested["allocations"].array: allocations(payment, to, invoices)}


def voided(current: Record, to: Rendering) -> Record:
    return {**current, to.entity.wire("status"): to.entity.forms["void"].status}


def is_void(record: Record, entity: Entity) -> bool:
    return bool(record.get(entity.wire("status")) == entity.forms["void"].status)


def found(record: Record, entity: Entity, profile: Profile, company: str, party: str) -> Found:
    """A refund is negative. A voided payment moves nothing: no control lines, ``void`` says yes.
    Raises ``UntrustedAnswer`` for what cannot be read."""
    array = entity.nested["allocations"]
    parts = record.get(array.array) or []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise UntrustedAnswer(f"{entity.path}: {array.array} is not a list of records")
    try:
        amount = _sign(record, entity) * read_amount(record.get(entity.wire("amount")), entity.wire("amount"))
        applied = sum(
            (read_amount(part.get(array.fields["amount"]), array.fields["amount"]) for part in parts), Decimal(0)
        )
        days = {name: read_date(record.get(entity.wire(name)), profile, entity.wire(name))
                for name in ("paymentDate", "postingDate")}  # fmt: skip
    except ValueError as error:
        raise UntrustedAnswer(f"{entity.path} {record.get(entity.wire('externalReference'))}: {error}") from error
    void, currency = is_void(record, entity), str(record.get(entity.wire("currency")) or "")
    bank = str(record.get(entity.wire("bankAccount")) or "")
    content = {
        "party": party,
        "party_code": str(record.get(entity.wire("customer")) or ""),
        "amount": format(amount, "f"),
        "applied": format(applied, "f"),
        "applications": str(len(parts)),
        "bank_account": bank,
        "reference": str(record.get(entity.wire("reference")) or ""),
        "void": "yes" if void else "no",
        **{name: day.isoformat() if day else "" for name, day in days.items()},
    }
    reference = str(record[entity.wire("externalReference")])
    control = () if void else _control(bank, entity, amount, currency)
    return Found("customer_payment", company, reference, target_id(record, entity), number(record, entity),
                 days["postingDate"], currency, amount, control, content)  # fmt: skip


def _control(bank: str, entity: Entity, total: Decimal, currency: str) -> tuple[ControlLine, ...]:
    """Bank debit, receivable credit; the other way round for a refund. QAD makes these two lines itself."""
    minor = to_minor(total, currency)
    if not minor:
        return ()
    return (ControlLine("", bank, "", minor), ControlLine("", entity.control_account or "", "", -minor))


def _sign(record: Record, entity: Entity) -> int:
    if not entity.has("type"):
        return 1
    held = str(record.get(entity.wire("type")) or "")
    if held == entity.forms["refund"].type:
        return -1
    if held == entity.forms["receipt"].type:
        return 1
    raise UntrustedAnswer(f"{entity.path}: type {held!r} is not among the profile's forms")


def differences(payment: Payment, held: Found, entity: Entity, *, void: bool) -> list[str]:
    """Total, currency, dates, party, bank account and what is applied (M4)."""
    if void:
        return (
            []
            if held.content.get("void") == "yes"
            else [f"{entity.wire('status')}: planned void, QAD holds it as valid"]
        )
    said = []
    if held.content.get("void") == "yes":
        said.append(f"{entity.wire('status')}: QAD holds it as void")
    planned: Mapping[str, tuple[str, str]] = {
        "currency": (payment.currency, held.currency),
        "bank_account": (payment.bank_account, held.content.get("bank_account", "")),
        "paymentDate": (payment.payment_date.isoformat(), held.content.get("paymentDate", "")),
        "postingDate": (payment.posting_date.isoformat(), held.content.get("postingDate", "")),
        "applications": (str(len(payment.applications)), held.content.get("applications", "")),
    }
    said += [
        f"{name}: planned {wanted}, QAD holds {has or 'none'}"
        for name, (wanted, has) in planned.items()
        if wanted != has
    ]
    applied = _sense(payment) * (payment.amount - payment.unapplied)
    for name, amount in (("amount", payment.amount), ("applied", applied)):
        if Decimal(held.content.get(name) or "0") != amount:
            said.append(f"{name}: planned {amount}, QAD holds {held.content.get(name) or 'none'}")
    if not is_same_party(payment.customer_key, held.content.get("party", "")):
        said.append(f"customer: planned {payment.customer_key}, QAD holds {named_party(held)}")
    return said


def change(old: Payment, new: Payment) -> str:
    """``update`` where only allocations are added or grow; ``replace`` for anything else that the books see."""

    def head(this: Payment) -> object:
        return (this.customer_key, this.currency, this.payment_date, this.posting_date, this.amount, this.bank_account,
                this.number, this.refunds_key)  # fmt: skip

    if head(old) != head(new):
        return "replace"
    before, after = _parts(old), _parts(new)
    if before == after:
        return "none"
    gains = all(abs(after.get(key, Decimal(0))) >= abs(amount) for key, amount in before.items())
    return "update" if gains else "replace"


def _parts(payment: Payment) -> dict[str, Decimal]:
    summed: dict[str, Decimal] = {}
    for part in payment.applications:
        summed[part.invoice_key] = summed.get(part.invoice_key, Decimal(0)) + part.amount
    return summed
