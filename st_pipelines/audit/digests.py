"""Digests of ledger rows that the trail keeps, so that the rows are held by the chain too. Invariant: every column that
never changes is in the digest, in the order of the tables' own lists here.

Written when a row is made (``posting/rows.py``, ``posting/versions.py``), compared by ``audit/verify.py``.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

VERSION_COLUMNS = (
    "version_id", "integration", "flow", "doc_key", "version", "kind", "content_sha256", "source_sha256",
    "mapping_version", "disposition", "reason", "company", "currency", "amount_minor", "business_date",
    "partition_key", "label", "run_id", "recorded_at",
)  # fmt: skip
POSTING_COLUMNS = (
    "posting_id", "integration", "flow", "kind", "doc_key", "seq", "op", "target", "company", "external_ref",
    "request_key", "version_id", "previous_version_id", "currency", "amount_minor", "business_date", "partition_key",
    "run_id", "created_at",
)  # fmt: skip
CONTROL_COLUMNS = ("line", "business_unit", "gl_account", "cost_center", "amount_minor")

_encode = msgspec.json.Encoder().encode


def version_digest(row: Mapping[str, Any]) -> str:
    """Of a document version with its stored document."""
    return version_digest_of([row[name] for name in VERSION_COLUMNS], row["document"])


def version_digest_of(values: Sequence[Any], document: bytes) -> str:
    """``values`` in the order of ``VERSION_COLUMNS``."""
    return hashlib.sha256(_encode([*values, hashlib.sha256(document).hexdigest()])).hexdigest()


def posting_digest(row: Mapping[str, Any], needs: Iterable[str], control: Iterable[Sequence[Any]]) -> str:
    """Of a posting with its needs and its control lines (values in the order of ``CONTROL_COLUMNS``)."""
    return posting_digest_of([row[name] for name in POSTING_COLUMNS], needs, control)


def posting_digest_of(values: Sequence[Any], needs: Iterable[str], control: Iterable[Sequence[Any]]) -> str:
    return hashlib.sha256(_encode([list(values), sorted(needs), [list(line) for line in control]])).hexdigest()
