"""Names that identify a document everywhere. Invariant: the same source record always gives the same key.

``doc_key``       ``<tag>:<tenant>:<type>:<id>``, e.g. ``ST:1234:invoice:98765``; the ledger's identity.
``external_ref``  what the target stores; equal to the key where it fits, with ``:2``, ``:3`` … for a document
                  created again after a void (reliability L12).
``request_key``   deterministic name of one write, for targets that deduplicate by one (reliability L4).
"""

import base64
import hashlib
import re

_PART = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


def doc_key(tag: str, tenant: str, document_type: str, source_id: int | str) -> str:
    """Raises ``ValueError`` for a part that could be confused with a separator or hide characters."""
    parts = (tag, tenant, document_type, str(source_id))
    for part in parts:
        if not _PART.fullmatch(part):
            raise ValueError(f"not usable in a document key: {part[:70]!r}")
    return ":".join(parts)


_PLAIN = re.compile(r"[A-Za-z0-9_]")


def coded(*codes: str) -> str:
    """Codes that a source identifies a record by, as the last part of a key: ``RC7`` and ``2`` are ``RC7-2``, and every
    other character is ``.`` and two hex digits a byte, so that two records never share a key. Raises ``ValueError`` for
    a blank code."""
    if not all(codes):
        raise ValueError(f"a blank code cannot be part of a key: {codes}")
    return "-".join(
        "".join(one if _PLAIN.fullmatch(one) else "".join(f".{byte:02x}" for byte in one.encode()) for one in code)
        for code in codes
    )


LONGEST_PART = 64  # characters of a key's part
_DIGEST = 26  # characters: 130 bits
_BROKEN = re.compile(r"\.[0-9a-f]?\Z")  # a character's digits that were cut through


def fitting(text: str) -> str:
    """What ``coded`` gives, cut where it does not fit: a readable beginning, ``..`` and a digest of the whole. What
    fits stays as it is and never holds ``..``, so that no two codes share a key."""
    if len(text) <= LONGEST_PART:
        return text
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:_DIGEST]
    return f"{_BROKEN.sub('', text[: LONGEST_PART - _DIGEST - 2])}..{digest}"


def first_of(text: str) -> tuple[str, bool]:
    """The first code of what ``fitting`` gave, and whether that is all of it; else only how it begins."""
    kept, cut, _ = text.partition("..")
    first, more, _ = kept.partition("-")
    plain = re.sub(r"\.([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), first).encode("latin-1")
    return plain.decode(errors="ignore"), bool(more) or not cut  # a cut may go through a character


def codes_of(text: str) -> tuple[str, ...]:
    """The way back from ``coded``."""
    return tuple(
        re.sub(r"\.([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), part).encode("latin-1").decode()
        for part in text.split("-")
    )


def external_ref(key: str, generation: int = 1) -> str:
    """The reference that the target carries: the key itself, suffixed from the second life on."""
    return key if generation == 1 else f"{key}:{generation}"


def request_key(key: str, op: str, seq: int, target: str, company: str, length: int = 52) -> str:
    """Base32 of SHA-256 over the write's identity, cut to what the target takes (L4). Never time, never random."""
    identity = "|".join((key, op, str(seq), target, company)).encode()
    return base64.b32encode(hashlib.sha256(identity).digest()).decode().rstrip("=").lower()[:length]
