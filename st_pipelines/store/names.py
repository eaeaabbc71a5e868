"""Names that may become parts of a path. Invariant: nothing outside these two patterns ever does (reliability H7)."""

import re

_NAME = re.compile(r"[a-z0-9_]{1,64}")
_PARTITION = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?|current")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BadName(ValueError):
    """A name that could leave the store's root or hide characters."""


def name(text: str) -> str:
    """An integration, layer, entity or table: ``[a-z0-9_]{1,64}``."""
    if not _NAME.fullmatch(text):
        raise BadName(f"not usable as a name in the store: {text[:70]!r}; use [a-z0-9_], at most 64")
    return text


def partition(text: str) -> str:
    """A day ``2026-10-31``, a month ``2026-10``, or ``current`` for what has no partitions."""
    if not _PARTITION.fullmatch(text):
        raise BadName(f"not a partition key: {text[:70]!r}; use YYYY-MM-DD, YYYY-MM or current")
    return text


def digest(text: str) -> str:
    """A SHA-256 in lower-case hex."""
    if not _DIGEST.fullmatch(text):
        raise BadName(f"not a SHA-256 digest: {text[:70]!r}")
    return text
