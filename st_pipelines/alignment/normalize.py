"""Names, e-mails, phones and addresses in a form in which spellings meet. Invariant: applying it twice changes nothing.

The result compares, it never identifies: nothing is stored under it and nothing is sent with it. An empty result means
that there is nothing to compare, so two empty ones are not equal.
"""

import re
import unicodedata

from st_pipelines.documents.parties import Address

_NOT_A_WORD = re.compile(r"[^\w]+|_", re.UNICODE)
# Legal forms say little about who it is, and are written or left out at will.
_LEGAL_FORMS = frozenset(
    ("inc", "incorporated", "llc", "ltd", "limited", "corp", "corporation", "co", "company", "gmbh", "plc", "lp", "llp")
)
_STREET_WORDS = {
    "street": "st", "avenue": "ave", "boulevard": "blvd", "road": "rd", "drive": "dr", "lane": "ln", "court": "ct",
    "suite": "ste", "apartment": "apt", "building": "bldg", "north": "n", "south": "s", "east": "e", "west": "w",
    "highway": "hwy", "parkway": "pkwy", "place": "pl", "floor": "fl",
}  # fmt: skip
_NANP = "1"  # the country code that North American numbers are written with or without
_EXTENSION = re.compile(r"(?i)(?:ext\.?|x)\s*\d")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def words(written: str) -> list[str]:
    """Case-folded words without accents and punctuation; letters of other scripts stay."""
    apart = written.replace("'", "").replace("’", "").replace("&", " and ")
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", apart).casefold())
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    return [word for word in _NOT_A_WORD.split(unicodedata.normalize("NFC", plain.casefold())) if word]


def name(written: str) -> str:
    """``O'Brien & Söhne, Inc.`` is ``and obrien sohne``: words in order of the alphabet, legal forms left out where
    something else is left. ``Smith, John`` and ``John Smith`` meet."""
    every = words(written)
    telling = [word for word in every if word not in _LEGAL_FORMS]
    return " ".join(sorted(telling or every))


def email(written: str) -> str:
    """Folded by case; empty for what is no address."""
    tidy = unicodedata.normalize("NFC", written).strip().casefold()
    return tidy if _EMAIL.fullmatch(tidy) else ""


def phone(written: str) -> str:
    """Digits only, a leading North American 1 left out, an extension left out; empty for fewer than seven digits."""
    number = _EXTENSION.split(written, maxsplit=1)[0]
    digits = "".join(str(unicodedata.digit(character)) for character in number if character.isdigit())
    if len(digits) == 11 and digits.startswith(_NANP):
        digits = digits[1:]
    return digits if len(digits) >= 7 else ""


def tax_id(written: str) -> str:
    """Letters and digits only: ``12-3456789`` and ``123456789`` meet. Empty for fewer than five."""
    plain = "".join(words(written))
    return plain if len(plain) >= 5 else ""


def address(written: Address) -> str:
    """Street with its unit, and the postal code's first five signs; empty where either is missing."""
    street = " ".join(_STREET_WORDS.get(word, word) for word in words(f"{written.street} {written.unit}"))
    code = "".join(words(written.zip))[:5]
    return f"{street} {code}" if street and code else ""
