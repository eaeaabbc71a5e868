"""Amounts as a person reads them. Invariant: whole minor units in, digits out; no float on the way.

Used by the report, the exports and the command line, so that one amount looks the same everywhere.
"""

from st_pipelines.documents.money import PIECES, InvalidAmount, minor_unit


def decimals(currency: str) -> int:
    """Decimals of a currency; two for what is not a currency code, so that a broken code can still be shown."""
    try:
        return minor_unit(currency)
    except InvalidAmount:
        return 2


def plain(minor: int, currency: str) -> str:
    """``-123456`` USD to ``-1234.56``: what machines read."""
    return _digits(minor, currency, "")


def amount(minor: int, currency: str) -> str:
    """``-123456`` USD to ``-1,234.56``: what people read, the currency beside it in a column or a heading. Pieces come
    without the decimals that they do not have: ``1,251`` or ``12.5``."""
    text = _digits(minor, currency, ",")
    return text.rstrip("0").rstrip(".") if currency == PIECES else text


def money(minor: int, currency: str) -> str:
    """``-123456`` USD to ``-1,234.56 USD``, millionths of a piece to ``12.5 pieces``."""
    return f"{amount(minor, currency)} {'pieces' if currency == PIECES else currency}"


def pieces(minor: int) -> str:
    """Millionths of a piece to ``1,251`` or ``12.5``."""
    return amount(minor, PIECES)


def _digits(minor: int, currency: str, separator: str) -> str:
    places = decimals(currency)
    whole, fraction = divmod(abs(minor), 10**places)
    text = f"{whole:,}".replace(",", separator)
    if places:
        text += f".{fraction:0{places}d}"
    return f"-{text}" if minor < 0 else text
