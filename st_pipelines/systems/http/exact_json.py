"""JSON without surprises. Invariant: what decodes is exactly what was written, or it does not decode (H2).

msgspec reads numbers into ``Decimal`` without a float, refuses NaN, Infinity, lone surrogates, bad UTF-8 and trailing
text, but keeps the last of two equal keys. Going over four megabytes in Python to find those would cost more than the
decoding, so counts decide: in compact JSON ``":`` stands once for each key, and else only inside texts, which come out
of the encoder again as they were. If the value, encoded again, has as many of them, no key was lost. In all doubtful
cases the slow, exact parser of the standard library decides.
"""

import json
from decimal import Decimal
from typing import Any

import msgspec

LARGEST = 64 * 1024 * 1024  # bytes
LONGEST_NUMBER = 64  # characters
LARGEST_EXPONENT = 400  # 1E+999999999 is valid JSON and a trap for whoever turns it into an int


class MalformedJson(ValueError):
    """Not JSON as we accept it. The text gives the reason, never content."""


def decode(content: bytes) -> Any:
    """Objects, arrays, str, int, ``Decimal`` (never float), bool, None. Raises ``MalformedJson``."""
    if len(content) > LARGEST:
        raise MalformedJson(f"larger than {LARGEST} bytes")
    try:
        value = _decoder.decode(content)
        certain = not _doubtful(content) and msgspec.json.encode(value).count(b'":') == content.count(b'":')
    except RecursionError:
        raise MalformedJson("nested too deep") from None
    except UnicodeDecodeError:
        raise MalformedJson("not UTF-8") from None
    except MalformedJson as error:
        raise MalformedJson(str(error)) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedJson(str(error)) from None
    if not certain:
        _refuse_double_keys(content)
    return value


def _doubtful(content: bytes) -> bool:
    """True where the counts prove nothing: blanks between key and colon, or an escaped quote or colon."""
    if b" :" in content or any(blank in content and blank + b":" in content for blank in (b"\n", b"\r", b"\t")):
        return True
    if b"\\u00" not in content:
        return False
    return any(escape in content for escape in (b"\\u0022", b"\\u003a", b"\\u003A"))


def _number(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise MalformedJson(f"a number of more than {LONGEST_NUMBER} characters")
    number = Decimal(text)
    if not -LARGEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT:
        raise MalformedJson("a number with an absurd exponent")
    return number


def _refuse_double_keys(content: bytes) -> None:
    try:
        json.loads(content, object_pairs_hook=_no_double, parse_float=_nothing, parse_int=_nothing)
    except MalformedJson:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedJson(f"two parsers disagree about it ({type(error).__name__})") from None


def _no_double(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise MalformedJson("an object holds the same key twice")


def _nothing(_text: str) -> None:
    return None


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_number)
