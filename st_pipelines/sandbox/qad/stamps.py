"""What QAD writes on every record it stores. Invariant: the concurrency hash differs after each write."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from st_pipelines.sandbox.qad.served import ServedEntity

Record = dict[str, Any]
_encode = msgspec.json.Encoder(decimal_format="number").encode
USER = "api.user"
STAMPS = ("concurrencyHash", "lastModifiedDate", "lastModifiedTime", "lastModifiedUser")


def stamped(entity: ServedEntity, record: Mapping[str, Any], before: Mapping[str, Any] | None, now: str) -> Record:
    """The record as it will be stored: last-modified date and, apart, time as seconds of the day (server zone UTC)."""
    stored = dict(record)
    previous = "" if before is None else before["concurrencyHash"]
    stored.pop("concurrencyHash", None)
    if "lastModifiedDate" in entity.fields:
        seconds = int(now[11:13]) * 3600 + int(now[14:16]) * 60 + int(now[17:19])
        stored["lastModifiedDate"] = now[:10] + "T00:00:00.000Z"
        stored["lastModifiedTime"], stored["lastModifiedUser"] = seconds, USER
    content = previous.encode() + entity.key_of(stored).encode() + _encode(stored)
    stored["concurrencyHash"] = hashlib.blake2b(content, digest_size=12).hexdigest()
    return stored
