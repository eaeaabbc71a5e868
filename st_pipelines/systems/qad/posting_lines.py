"""The ledger lines of an invoice in QAD's form. Invariant: debits equal credits, or nothing is rendered.

QAD wants positive amounts with a side. On a customer invoice a positive line is a credit and the receivable a debit; on
a supplier invoice the other way round. A credit note follows by its signs, a void by turning every side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import ControlLine
from st_pipelines.documents.money import to_minor
from st_pipelines.posting.target import CannotRender
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag
from st_pipelines.systems.qad.bodies import Rendering
from st_pipelines.systems.qad.profile import Entity
from st_pipelines.systems.qad.wire_values import one_line, read_amount, wire_amount

PREFIX = "line "  # of the content members that hold an account's net movement


@dataclass(frozen=True)
class Leg:
    """One ledger line; ``amount`` debit positive."""

    gl_account: str
    cost_centre: str
    sub_account: str
    amount: Decimal
    description: str = ""

    @property
    def place(self) -> str:
        return f"{self.gl_account}/{self.cost_centre}/{self.sub_account}"


def legs(lines: Sequence[Line], total: Decimal, control_account: str, line_side: int) -> list[Leg]:
    """Control line first, then the document's lines. ``line_side``: -1 where a positive line is a credit (customer
    invoices), 1 where it is a debit (supplier invoices). Zero lines move nothing and are left out."""
    made = [Leg(control_account, "", "", -line_side * total)]
    made += [Leg(line.gl_account, line.cost_center, line.sub_account, line_side * line.amount, line.description)
             for line in lines if line.amount]  # fmt: skip
    if sum((leg.amount for leg in made), Decimal(0)):
        added = sum((line.amount for line in lines), Decimal(0))
        raise CannotRender(f"the lines add up to {added}, the total is {total}; map the document again")
    return made


def reversed_legs(of: Sequence[Leg]) -> list[Leg]:
    return [Leg(leg.gl_account, leg.cost_centre, leg.sub_account, -leg.amount, leg.description) for leg in of]


def wire_lines(of: Sequence[Leg], currency: str, to: Rendering) -> list[Record]:
    return [
        to.nested("postingLines", {
            "sequence": sequence,
            "glAccount": leg.gl_account,
            "subAccount": leg.sub_account,
            "costCentre": leg.cost_centre,
            "project": "",
            "description": one_line(leg.description),
            "amount": wire_amount(abs(leg.amount), currency, f"line {sequence} amount"),
            "isDebit": leg.amount > 0,
        })
        for sequence, leg in enumerate(of, start=1)
    ]  # fmt: skip


def wire_taxes(lines: Sequence[Line], tax_code: str, currency: str, sign: int, to: Rendering) -> list[Record]:
    """What the tax lines are for; their money is already among the posting lines. A zone without tax is one zero entry,
    a tax without code (a supplier's, posted as cost) is none."""
    taxed = [(line.tax_code, line.gl_account, line.amount) for line in lines if line.kind == "tax" and line.tax_code]
    if not taxed and tax_code:
        taxed = [(tax_code, "", Decimal(0))]
    return [
        to.nested("taxes", {
            "sequence": sequence,
            "taxCode": code,
            "glAccount": account,
            "amount": wire_amount(sign * amount, currency, f"tax {code}"),
        })
        for sequence, (code, account, amount) in enumerate(taxed, start=1)
    ]  # fmt: skip


def read_legs(record: Record, entity: Entity) -> list[Leg]:
    """The lines as QAD holds them. Raises ``UntrustedAnswer`` where they are absent or unreadable."""
    array = entity.nested["postingLines"]
    lines = record.get(array.array)
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise UntrustedAnswer(f"{entity.path}: a record without {array.array}; the accounts cannot be compared")
    wire, made = array.fields, []
    for line in lines:
        amount = _amount(line, wire["amount"], entity)
        debit = flag(line.get(wire["isDebit"]), f"{array.array}.{wire['isDebit']}")
        account, centre, sub = (str(line.get(wire[name]) or "") for name in ("glAccount", "costCentre", "subAccount"))
        made.append(Leg(account, centre, sub, amount if debit else -amount))
    return made


def _amount(line: Record, wire: str, entity: Entity) -> Decimal:
    try:
        return read_amount(line.get(wire), wire)
    except ValueError as error:
        raise UntrustedAnswer(f"{entity.path}: {error}") from error


def control(of: Sequence[Leg], currency: str) -> tuple[ControlLine, ...]:
    """Debit positive, in minor units. QAD knows no business unit; its cost centre stands for it."""
    return tuple(ControlLine("", leg.gl_account, leg.cost_centre, to_minor(leg.amount, currency)) for leg in of)


def net(of: Sequence[Leg]) -> dict[str, Decimal]:
    """Movement by account, cost centre and sub-account; places where nothing remains are left out."""
    moved: dict[str, Decimal] = {}
    for leg in of:
        moved[leg.place] = moved.get(leg.place, Decimal(0)) + leg.amount
    return {place: amount for place, amount in moved.items() if amount}


def as_content(of: Sequence[Leg]) -> dict[str, str]:
    return {PREFIX + place: format(amount, "f") for place, amount in sorted(net(of).items())}


def line_differences(planned: Sequence[Leg], content: Mapping[str, str]) -> list[str]:
    """One sentence for each account whose movement differs."""
    expected = net(planned)
    held = {name.removeprefix(PREFIX): Decimal(value) for name, value in content.items() if name.startswith(PREFIX)}
    return [
        f"account {place} (GL/cost centre/sub-account): planned {expected.get(place, Decimal(0))}, QAD holds "
        f"{held.get(place, Decimal(0))}"
        for place in sorted(expected.keys() | held.keys())
        if expected.get(place, Decimal(0)) != held.get(place, Decimal(0))
    ]  # fmt: skip
