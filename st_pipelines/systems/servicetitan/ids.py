"""ServiceTitan's ids are numbers, ids at the port are text. Invariant: a text that is not exactly one id is refused,
never cut or guessed."""

import re
from collections.abc import Iterable

_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def number(text: str) -> int:
    """Raises ``ValueError`` for what is no id."""
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no id of ServiceTitan")
    return int(text)


def numbers(texts: Iterable[str]) -> list[int]:
    """Distinct and ascending."""
    return sorted({number(text) for text in texts})
