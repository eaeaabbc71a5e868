"""Exact money: text to Decimal to whole minor units and back. Invariant: no float ever enters.

Amounts travel as ``Decimal`` with a currency code beside them; columns and the ledger hold whole minor
units (cents) as integers. Minor units per currency follow ISO 4217.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, FloatOperation, InvalidOperation, Overflow
from functools import lru_cache

CONTEXT = Context(prec=34, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow, FloatOperation])

_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?")

# Only what differs from two places; every other ISO 4217 currency that is legal tender has two.
_MINOR_UNITS_OTHER_THAN_TWO = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
    "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0,
    "XOF": 0, "XPF": 0,
    "QTY": 6,
}  # fmt: skip

NO_CURRENCY = "XXX"  # ISO 4217: no currency; stands for a text that is no currency code
PIECES = "QTY"  # no currency: quantities of goods, so that they are added up and compared as exactly as amounts are


class InvalidAmount(ValueError):
    """A text that is not a plain decimal amount, or has more decimals than its currency."""


def parse_amount(text: str) -> Decimal:
    """``"-12.50"`` to ``Decimal``. Refuses NaN, exponents, underscores and non-ASCII digits, which
    ``Decimal()`` itself would take. At most 15 digits before and 8 after the point."""
    if not _AMOUNT.fullmatch(text):
        raise InvalidAmount(f"not a plain decimal amount: {text[:40]!r}")
    return Decimal(text)


@lru_cache(maxsize=512)
def minor_unit(currency: str) -> int:
    """Decimals of a currency: 2 for USD, 0 for JPY, 3 for KWD."""
    if not _CURRENCY.fullmatch(currency):
        raise InvalidAmount(f"not an ISO 4217 currency code: {currency[:10]!r}")
    return _MINOR_UNITS_OTHER_THAN_TWO.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Whole minor units. Raises ``InvalidAmount`` where the amount does not fit: rounding is a mapping decision."""
    scaled = CONTEXT.scaleb(amount, minor_unit(currency))
    whole = int(scaled)
    if whole != scaled:
        raise InvalidAmount(f"{amount} has more decimals than {currency} allows")
    return whole


def from_minor(minor: int, currency: str) -> Decimal:
    """The exact inverse of ``to_minor``, always with the currency's number of decimals: 1250 USD is 12.50."""
    return CONTEXT.scaleb(Decimal(minor), -minor_unit(currency))


def round_to_minor(amount: Decimal, currency: str) -> Decimal:
    """Half-up, away from zero: the one rounding rule of the house (reliability $3)."""
    return amount.quantize(Decimal(1).scaleb(-minor_unit(currency)), rounding=ROUND_HALF_UP, context=CONTEXT)
