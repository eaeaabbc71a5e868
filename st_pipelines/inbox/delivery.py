"""One webhook delivery as it comes in. Invariant: whatever the sender wrote, it can be stored on either database.

The event's own id is used as key only where it is short and printable; everything else goes by the digest of the body.
"""

import hashlib
import re
from dataclasses import dataclass

LONGEST_ID = 200
LONGEST_TYPE = 200
_PLAIN_ID = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_ID}}}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that was accepted and is not yet stored. ``unusable``: why nobody can act on it; empty where one can.

    Made by ``arrival``.
    """

    connection: str
    event_key: str
    event_type: str
    body: bytes
    body_sha256: str
    unusable: str = ""


def arrival(connection: str, body: bytes, *, event_id: str = "", event_type: str = "", unusable: str = "") -> Arrival:
    """``event_id``: the event's own id, empty where it has none; ``event_type`` as received."""
    digest = hashlib.sha256(body).hexdigest()
    key = event_id if _PLAIN_ID.fullmatch(event_id) else f"sha256:{digest}"
    return Arrival(connection, key, _UNPRINTABLE.sub("\ufffd", event_type[:LONGEST_TYPE]), body, digest, unusable)


def other_body(arrived: Arrival) -> str:
    """The key of a delivery whose id came before *with another body*: a sender that puts the record's id where an
    event's id is expected would lose its second event otherwise."""
    return f"{arrived.event_key} sha256:{arrived.body_sha256}"
