"""Who signed these bytes. Invariant: the digest is taken over the raw body, before anything else looks into it (W1).

ServiceTitan signs with HMAC-SHA256; the name of its header and the spelling of the digest are not published, so the
names are a setting and both spellings are read. Nothing shows a signed timestamp: an old delivery sent again carries a
good signature, and is recognised by the inbox.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Collection, Iterable

SHORTEST_SECRET = 24  # bytes (W3); ServiceTitan's keys have 32 to 64 characters
MOST_PRESENTED = 4  # signatures of one request that are looked at
_DIGEST = 32
_NOBODY = (secrets.token_bytes(_DIGEST),)  # compared where nothing was presented, so that the work is the same

Keys = tuple[bytes, bytes]


def keys(current: bytes, previous: bytes = b"") -> Keys:
    """The two secrets that may have signed. Where there is one only, a random one takes the second place: the same work
    is done for every sender."""
    if len(current) < SHORTEST_SECRET or 0 < len(previous) < SHORTEST_SECRET:
        raise ValueError(f"a webhook secret has {SHORTEST_SECRET} bytes at least")
    return current, previous or secrets.token_bytes(_DIGEST)


def nobodys_keys() -> Keys:
    """Two secrets that nobody knows, for whoever is not a sender."""
    return keys(secrets.token_bytes(_DIGEST))


def presented(headers: Iterable[tuple[bytes, bytes]], names: Collection[bytes]) -> list[bytes]:
    """The digests in the headers of these names, decoded; whatever does not decode is left out."""
    found = [_digest(value) for name, value in headers if name in names]
    return [digest for digest in found[:MOST_PRESENTED] if digest is not None]


def signed(body: bytes, given: Collection[bytes], signers: Keys) -> bool:
    """Has one of the two signed exactly these bytes? The same work whatever is given and whatever the answer."""
    good = False
    for key in signers:
        right = hmac.digest(key, body, "sha256")
        for one in given or _NOBODY:
            good |= hmac.compare_digest(right, one)
    return good


def _digest(value: bytes) -> bytes | None:
    """32 bytes from lowercase or uppercase hex, else from base64, with or without ``sha256=`` before it."""
    text = value.strip().removeprefix(b"sha256=")
    if len(text) > 2 * _DIGEST:
        return None
    try:
        if len(text) == 2 * _DIGEST:
            return binascii.unhexlify(text)
        decoded = base64.b64decode(text.translate(_URL_SAFE) + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) == _DIGEST else None


_URL_SAFE = bytes.maketrans(b"-_", b"+/")
