"""What a signed delivery says about itself: its id and its type. Invariant: asked after the signature only (W4).

No value in here is ever posted: the record is read again from the source (W7). Nothing is built from the body but the
few texts that are looked for, so a number in it never becomes a float.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

DEEPEST = 64  # levels of nesting
MOST_VALUES = 50_000

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_anything = msgspec.json.Decoder(msgspec.Raw)
_name = msgspec.json.Decoder(str | int)
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True)
class Places:
    """Where a sender puts an event's id and type: header names in small letters, then fields of the body's top level.

    Headers are not signed. By default none is asked for the id: who sends a captured delivery again under ever new
    ids would fill the inbox.
    """

    id_headers: tuple[bytes, ...] = ()
    id_fields: tuple[str, ...] = ("eventId", "event_id", "id")
    type_headers: tuple[bytes, ...] = (b"x-servicetitan-event",)
    type_fields: tuple[str, ...] = ("eventType", "event_type", "type", "event")


@dataclass(frozen=True)
class Event:
    """``event_id`` and ``event_type`` are empty where none was found; ``unusable``: why nobody can read the body."""

    event_id: str = ""
    event_type: str = ""
    unusable: str = ""


def read_event(body: bytes, headers: Iterable[tuple[bytes, bytes]], places: Places) -> Event:
    """Never raises: what cannot be read is kept, with the reason, for a person to see."""
    given = dict(headers)
    in_header = _in_headers(given, places.type_headers)
    try:
        body.decode("utf-8")
        _check_size(body)
        fields = _fields(body)
    except UnicodeDecodeError:
        return Event(event_type=in_header, unusable="not UTF-8")
    except (_TooMuch, RecursionError) as error:
        return Event(event_type=in_header, unusable=str(error) if isinstance(error, _TooMuch) else "nested too deep")
    except msgspec.DecodeError:
        return Event(event_type=in_header, unusable="not JSON")
    return Event(
        _in_headers(given, places.id_headers) or _in_body(fields, places.id_fields),
        in_header or _in_body(fields, places.type_fields),
    )


def _fields(body: bytes) -> Mapping[str, msgspec.Raw]:
    """The top level, undecoded; none where the body is an array or one value."""
    if body.lstrip()[:1] == b"{":
        return _top.decode(body)
    _anything.decode(body)
    return {}


class _TooMuch(ValueError):
    """A body that is deeper or larger in values than anything that ServiceTitan sends."""


def _check_size(body: bytes) -> None:
    """Counts of bytes are upper bounds; only a body above them is looked at without its texts."""
    opened = body.count(b"{") + body.count(b"[")
    if opened <= DEEPEST and opened + body.count(b",") < MOST_VALUES:
        return
    bare = _TEXTS.sub(b"", body)
    if bare.count(b",") + bare.count(b"{") + bare.count(b"[") >= MOST_VALUES:
        raise _TooMuch(f"more than {MOST_VALUES} values")
    depth = 0
    for bracket in _BRACKETS.findall(bare):
        depth += 1 if bracket in b"{[" else -1
        if depth > DEEPEST:
            raise _TooMuch(f"nested deeper than {DEEPEST}")


def _in_headers(given: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> str:
    return next((given[name].decode("latin-1").strip() for name in names if given.get(name)), "")


def _in_body(fields: Mapping[str, msgspec.Raw], names: tuple[str, ...]) -> str:
    """The first of these fields that holds a text or a whole number."""
    for name in names:
        if name in fields:
            try:
                if found := str(_name.decode(fields[name])):
                    return found
            except msgspec.DecodeError:
                continue
    return ""
