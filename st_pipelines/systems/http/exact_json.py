"""JSON without surprises. Invariant: what decodes is exactly what was written, or it does not decode (H2)."""

from decimal import Decimal
from typing import Any

import msgspec

LARGEST = 64 * 1024 * 1024


class MalformedJson(ValueError):
    """Not JSON as we accept it. The text gives the reason and the place, never content."""


def decode(content: bytes) -> Any:
    """Objects, arrays, str, int, ``Decimal`` (never float), bool, None. Raises ``MalformedJson``."""
    return msgspec.json.Decoder(float_hook=Decimal).decode(content)
