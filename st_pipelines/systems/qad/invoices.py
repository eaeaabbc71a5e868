"""Customer and supplier invoices. Invariant: positive in their own sense; a void is a document of its own that turns
every line of what was posted and names it. QAD assigns the voucher number.

A supplier invoice that takes received goods (``matching``) leaves out the lines of these goods: QAD makes them itself
from the matching lines, and undoing a match is a person's work in QAD.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from st_pipelines.documents.bill import Bill, OrderMatch
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.bodies import Rendering, number, target_id
from st_pipelines.systems.qad.match_result import matched_content
from st_pipelines.systems.qad.posting_lines import (
    Leg,
    as_content,
    control,
    legs,
    line_differences,
    read_legs,
    reversed_legs,
    wire_lines,
    wire_taxes,
)  # fmt: skip
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import read_amount, read_date

VOID_SUFFIX = ":void"


@dataclass(frozen=True)
class Voucher:
    """What customer and supplier invoices have in common. ``line_side``: the side of a positive line, 1 = debit.
    ``party_code``: QAD's code of a party that was never posted by us. ``matches``: received goods that it takes."""

    party_field: str
    party_key: str
    reference: str
    description: str
    invoice_date: date
    posting_date: date
    due_date: date | None
    terms: str
    currency: str
    total: Decimal
    lines: tuple[Line, ...]
    line_side: int
    tax_code: str = ""
    party_code: str = ""
    matches: tuple[OrderMatch, ...] = ()

    @property
    def takes_goods(self) -> bool:
        return bool(self.matches)

    def form(self, *, void: bool) -> str:
        name = "credit_memo" if self.total < 0 else "invoice"
        if self.takes_goods and (void or name != "invoice"):
            raise CannotRender(
                f"{self.reference} takes received goods: a person undoes or credits the match in QAD, then records it "
                "here under the number that it has there (st-pipelines holds adopt)"
            )
        return f"void_of_{name}" if void else "matched_invoice" if self.takes_goods else name


def voucher(document: MappedDocument) -> Voucher:
    """Raises ``CannotRender`` for another payload."""
    held = document.payload
    if isinstance(held, Invoice):
        return Voucher("customer", held.customer_key, held.number, held.summary or held.number, held.invoice_date,
                       held.posting_date, held.due_date, held.terms, held.currency, held.total, held.lines, -1,
                       held.tax_code)  # fmt: skip
    if isinstance(held, Bill):
        text = held.summary or held.purchase_order or held.number
        return Voucher("supplier", held.vendor_key, held.supplier_reference or held.number, text, held.bill_date,
                       held.posting_date, held.due_date, held.terms, held.currency, held.total, held.lines,
                       1, party_code=held.supplier_code, matches=held.matches)  # fmt: skip
    raise CannotRender(f"{document.doc_key}: a {document.kind} needs an invoice or bill, not {type(held).__name__}")


def planned_legs(this: Voucher, entity: Entity, *, void: bool) -> list[Leg]:
    made = legs(this.lines, this.total, entity.control_account or "", this.line_side)
    return reversed_legs(made) if void else made


def create(this: Voucher, to: Rendering) -> Record:
    return _record(this, to, void=False, reference=this.reference, description=this.description)


def void(this: Voucher, to: Rendering, original: str) -> Record:
    """The reversing document. ``original``: the voucher that it undoes, as ``target_id``."""
    named = original.replace("|", "/")
    return _record(this, to, void=True, reference=this.reference, description=f"Void of {named}")


def _record(this: Voucher, to: Rendering, *, void: bool, reference: str, description: str) -> Record:
    if not this.total:
        raise CannotRender("a zero invoice moves nothing; it is recorded as nothing to post")
    entity, named = to.entity, this.form(void=void)
    if named not in entity.forms:
        raise CannotRender(f"the profile has no form {named} at {entity.path}; add it, then release this invoice")
    form = entity.forms[named]
    if not reference:
        raise CannotRender(f"{entity.wire('reference')}: the document has no number; give it one at its source")
    record = to.start()
    record[entity.wire("entity")] = to.books.entity
    record[entity.wire("daybook")] = form.daybook
    if entity.identity.get("domain"):
        record[entity.identity["domain"]] = to.books.domain
    to.put(record, "type", form.type)
    if form.status:
        to.put(record, "status", form.status)
    to.put(record, this.party_field, party_code(this, to))
    to.put(record, "reference", reference)
    to.put_line(record, "description", description)
    to.put_date(record, "invoiceDate", this.invoice_date)
    to.put_date(record, "postingDate", this.posting_date)
    to.put_date(record, "dueDate", this.due_date)
    if this.terms:
        to.put(record, "creditTerms", this.terms)
    to.put(record, "currency", this.currency)
    to.put_amount(record, "amount", abs(this.total), this.currency)
    taxes = wire_taxes(this.lines, this.tax_code, this.currency, 1 if this.total > 0 else -1, to)
    to.put_flag(record, "isTaxable", bool(taxes))
    record[entity.nested["taxes"].array] = taxes
    made = planned_legs(this, entity, void=void)
    if this.takes_goods:
        made = _without_goods(this, made, entity)
    record[entity.nested["postingLines"].array] = wire_lines(made, this.currency, to)
    return record


def party_code(this: Voucher, to: Rendering) -> str:
    """QAD's code of the customer or supplier."""
    return this.party_code or to.needed(this.party_key, "the party").number


def _without_goods(this: Voucher, made: Sequence[Leg], entity: Entity) -> list[Leg]:
    """What is left to say when QAD posts the goods itself. ``made``: the control line, then a leg for each line that is
    not zero."""
    kinds = ["control", *(line.kind for line in this.lines if line.amount)]
    goods = {leg.gl_account for leg, kind in zip(made, kinds, strict=True) if kind == "matched"}
    if goods != {entity.received_account}:
        raise CannotRender(f"goods are mapped to account {', '.join(sorted(goods)) or 'none'}; QAD clears "
                           f"{entity.received_account} (received_account in the profile)")  # fmt: skip
    rest = [leg for leg, kind in zip(made, kinds, strict=True) if kind != "matched"]
    if any(leg.gl_account in (entity.received_account, entity.variance_account) for leg in rest):
        raise CannotRender(f"a line is allocated to {entity.received_account} or {entity.variance_account or 'none'}, "
                           f"which QAD posts itself when it matches; allocate it elsewhere")  # fmt: skip
    return rest


def found(record: Record, kind: str, entity: Entity, profile: Profile, company: str, party: str) -> Found:
    """``party``: the external reference of the record's customer or supplier. Raises ``UntrustedAnswer``."""
    party_field = "customer" if entity.has("customer") else "supplier"
    try:
        amount = read_amount(record.get(entity.wire("amount")), entity.wire("amount"))
        dates = {name: read_date(record.get(entity.wire(name)), profile, entity.wire(name))
                 for name in ("invoiceDate", "postingDate", "dueDate")}  # fmt: skip
    except ValueError as error:
        raise UntrustedAnswer(f"{entity.path} {record.get(entity.wire('externalReference'))}: {error}") from error
    currency = str(record.get(entity.wire("currency")) or "")
    total = _sign(record, entity) * amount
    held, reference = read_legs(record, entity), str(record[entity.wire("externalReference")])
    matched = matched_content(record, entity, held, currency)
    if matched:
        held = _at_invoice_price(held, entity)
    content = {
        "party": party,
        "party_code": str(record.get(entity.wire(party_field)) or ""),
        "type": str(record.get(entity.wire("type")) or ""),
        "reference": str(record.get(entity.wire("reference")) or ""),
        **{name: day.isoformat() if day else "" for name, day in dates.items()},
        "reverses": reference.removesuffix(VOID_SUFFIX) if reference.endswith(VOID_SUFFIX) else "",
        **matched,
        **as_content(held),
    }
    return Found(kind, company, reference, target_id(record, entity), number(record, entity), dates["postingDate"],
                 currency, total, control(held, currency), content)  # fmt: skip


def _at_invoice_price(held: Sequence[Leg], entity: Entity) -> list[Leg]:
    """QAD splits matched goods into their cost and a price variance; what was planned, and what the source knows, is
    their sum. The variance by itself stays visible in the content."""
    return [replace(leg, gl_account=entity.received_account or "") if leg.gl_account == entity.variance_account else leg
            for leg in held]  # fmt: skip


def _sign(record: Record, entity: Entity) -> int:
    """A document type that the profile does not know cannot be signed, so it raises."""
    held = str(record.get(entity.wire("type")) or "")
    if held == entity.forms["credit_memo"].type:
        return -1
    if held in (entity.forms[name].type for name in ("invoice", "matched_invoice") if name in entity.forms):
        return 1
    raise UntrustedAnswer(f"{entity.path}: type {held!r} is not among the profile's forms")


def differences(this: Voucher, held: Found, entity: Entity, *, void: bool) -> list[str]:
    """Total, currency, dates, party, accounts (M4)."""
    total = -this.total if void else this.total
    said = []
    if held.total is None or held.total != total:
        said.append(f"total: planned {total}, QAD holds {held.total}")
    if held.currency != this.currency:
        said.append(f"currency: planned {this.currency}, QAD holds {held.currency}")
    for name, day in (("invoiceDate", this.invoice_date), ("postingDate", this.posting_date)):
        if held.content.get(name) != day.isoformat():
            said.append(f"{entity.wire(name)}: planned {day}, QAD holds {held.content.get(name) or 'none'}")
    if this.party_code:
        same = this.party_code == held.content.get("party_code")
    else:
        same = is_same_party(this.party_key, held.content.get("party", ""))
    if not same:
        planned = this.party_code or this.party_key
        said.append(f"{entity.wire(this.party_field)}: planned {planned}, QAD holds {named_party(held)}")
    if held.content.get("reference") != this.reference:
        said.append(
            f"{entity.wire('reference')}: planned {this.reference!r}, QAD holds {held.content.get('reference')!r}"
        )
    return said + line_differences(planned_legs(this, entity, void=void), held.content)


def is_same_party(key: str, held: str) -> bool:
    """A party made again after a void carries ``:2`` behind its key."""
    return held == key or (held.startswith(f"{key}:") and held.removeprefix(f"{key}:").isdigit())


def named_party(held: Found) -> str:
    return f"{held.content.get('party') or 'a party that is not ours'} ({held.content.get('party_code')})"


def books_see(old: Voucher, new: Voucher) -> bool:
    """Whether the books would show it otherwise. Descriptions and terms are not money; dates and accounts are."""

    def seen(this: Voucher) -> object:
        lines = sorted((leg.place, leg.amount) for leg in legs(this.lines, this.total, "", this.line_side))
        taxes = sorted((line.tax_code, line.amount) for line in this.lines if line.kind == "tax")
        taken = sorted((match.order, match.line, match.quantity, match.unit_price) for match in this.matches)
        return (this.party_key, this.party_code, this.reference, this.invoice_date, this.posting_date, this.due_date,
                this.currency, this.total, lines, taxes, taken)  # fmt: skip

    return seen(old) != seen(new)
