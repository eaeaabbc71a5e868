"""Names that may become parts of a path. Invariant: nothing outside these two patterns ever does (reliability H7)."""

import re
from datetime import date

_NAME = re.compile(r"[a-z0-9_]{1,64}")
_PARTITION = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2}(_e[0-9]{1,19})?)?|current")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BadName(ValueError):
    """A name that could leave the store's root or hide characters."""


def name(text: str) -> str:
    """An integration, layer, entity or table: ``[a-z0-9_]{1,64}``."""
    if not _NAME.fullmatch(text):
        raise BadName(f"not usable as a name in the store: {text[:70]!r}; use [a-z0-9_], at most 64")
    return text


def partition(text: str) -> str:
    """A day ``2026-10-31``, a month ``2026-10``, single records read on a day ``2026-10-31_e1793430000000000``, or
    ``current`` for what has no partitions."""
    if not _PARTITION.fullmatch(text):
        raise BadName(f"not a partition key: {text[:70]!r}; use YYYY-MM-DD, YYYY-MM or current")
    return text


def of_events(day: date, read_at_us: int) -> str:
    """Key of records that were read one by one, because an event named them: the local day and instant of reading."""
    return partition(f"{day.isoformat()}_e{read_at_us}")


def events_read_at(key: str) -> int | None:
    """The instant of reading (microseconds) in a key made by ``of_events``; None for any other key."""
    _, mark, instant = partition(key).partition("_e")
    return int(instant) if mark else None


def digest(text: str) -> str:
    """A SHA-256 in lower-case hex."""
    if not _DIGEST.fullmatch(text):
        raise BadName(f"not a SHA-256 digest: {text[:70]!r}")
    return text
