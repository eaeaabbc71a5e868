"""Whole cents to the two forms that ServiceTitan uses. Invariant: both are exact, no float in between.

The small objects that many records share (accounts, units, batches) are made once and must not be changed in place.
"""

from decimal import Decimal
from functools import cache
from typing import Any

from st_pipelines.sandbox.business.company import ACCOUNT, UNIT
from st_pipelines.sandbox.business.model import Address


def text(cents: int) -> str:
    """The accounting module's form: ``-12.50``."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def number(cents: int) -> Decimal:
    """The other modules' form: a JSON number with two decimals."""
    return Decimal(cents).scaleb(-2)


def unit_cost_text(ten_thousandths: int) -> str:
    """At least two decimals, at most four: ``8.125``, ``1749.99``."""
    whole, rest = divmod(ten_thousandths, 10_000)
    return f"{whole}.{rest // 100:02d}{f'{rest % 100:02d}'.rstrip('0')}"


def unit_cost_number(ten_thousandths: int) -> Decimal:
    return Decimal(unit_cost_text(ten_thousandths))


def cents_of(amount: str) -> int:
    """Back from the text form."""
    return int(Decimal(amount).scaleb(2))


def address(one: Address) -> dict[str, Any]:
    return {"street": one.street, "unit": one.unit or None, "city": one.city, "state": one.state, "zip": one.zip,
            "country": one.country}  # fmt: skip


@cache
def business_unit(identity: int) -> dict[str, Any]:
    return {"id": identity, "name": UNIT[identity].name}


@cache
def account(identity: int | None) -> dict[str, Any] | None:
    """A general ledger account as lines of the accounting module carry it."""
    if identity is None:
        return None
    one = ACCOUNT[identity]
    return {"id": one.id, "name": one.name, "number": one.number, "type": one.kind, "detailType": one.detail}


@cache
def batch(day: int | None) -> dict[str, Any] | None:
    if day is None:
        return None
    return {"id": 30_000_000 + day, "number": str(4_000 + day), "name": f"Daily batch {day}"}
