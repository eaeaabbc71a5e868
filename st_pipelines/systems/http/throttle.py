"""How long the other side asks us to wait. Invariant: nothing it says parks us for more than 15 minutes (R2)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from st_pipelines.systems.http.exact_json import MalformedJson, decode

LONGEST_WAIT_S = 15 * 60.0
_LARGEST_BODY = 64 * 1024
_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_TITLE = re.compile(r"(?i)\btry again in ([0-9]{1,18}(?:\.[0-9]{1,9})?) *s(?:ec(?:ond)?s?)?\b")


def wait_s(headers: Mapping[str, str], content: bytes = b"", now: datetime | None = None) -> float | None:
    """Seconds to wait, 0 to 900, or none where nothing usable is said. ``headers`` by lower-case name.

    ``Retry-After`` in seconds or as an HTTP date (measured from the answer's own ``Date``, so that a wrong clock does
    not count); else ServiceTitan's body, whose ``title`` ends "… try again in N seconds".
    """
    header = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(header):
        return _capped(float(header))
    if header:
        then, since = _date(header), _date(headers.get("date", "")) or now or datetime.now(UTC)
        if then is not None:
            return _capped((then - since).total_seconds())
    return _from_title(content)


def _from_title(content: bytes) -> float | None:
    if not 0 < len(content) <= _LARGEST_BODY:
        return None
    try:
        body: Any = decode(content)
    except MalformedJson:
        return None
    title = body.get("title") if isinstance(body, dict) else None
    found = _TITLE.search(title) if isinstance(title, str) else None
    return _capped(float(found[1])) if found else None


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


def _date(text: str) -> datetime | None:
    if not text or len(text) > 64 or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
