"""What ServiceNow's answers mean. Invariant: HTTP 200 counts only with a whole body of the expected shape and no error
in it.

A time-out while an answer streams leaves 200 with an error object behind the rows (broken JSON, or a second top-level
member); a sleeping instance answers 200 with HTML.
"""

from typing import Any

import msgspec

from st_pipelines.systems.http.errors import BadAnswer, OutcomeUnknown, Refused, SystemFault
from st_pipelines.systems.http.exact_json import MalformedJson, decode
from st_pipelines.systems.http.redact import one_line
from st_pipelines.systems.http.reply import Reply

Row = dict[str, Any]

_CANCELLED = b"Transaction cancelled"


class BrokenOff(BadAnswer):
    """A success that ends in an error, is cut off, or is no JSON: worth asking again, for fewer rows."""


class Untrusted(BadAnswer):
    """A whole answer to another question than was asked: a dropped condition, another order, a value not asked for."""


class Ambiguous(Untrusted):
    """Two records where one is to be found."""


class NotProven(Untrusted):
    """A column that the instance does not know, or of which that cannot be told: no question is asked with it."""


class _Rows(msgspec.Struct):
    result: list[Row] | None = None
    error: Any = msgspec.UNSET


_rows: msgspec.json.Decoder[_Rows] = msgspec.json.Decoder(_Rows, float_hook=lambda text: _exact(text))


def rows_of(reply: Reply) -> list[Row]:
    """The rows of a list. Raises ``BrokenOff``. Texts are as written; a bare number comes as int or ``Decimal``."""
    try:
        body = _rows.decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MalformedJson) as error:
        raise _broken(reply, str(error)) from None
    if body.error is not msgspec.UNSET:
        raise _broken(reply, f"an error inside a success: {problem_of(body.error)}")
    if body.result is None:
        raise _broken(reply, "no result in it")
    return body.result


def row_of(reply: Reply) -> Row:
    """The one record of an answer. Raises ``BrokenOff``, or ``OutcomeUnknown`` where this answers a write."""
    body = whole(reply)
    row = body.get("result") if isinstance(body, dict) else None
    if not isinstance(row, dict):
        raise _broken(reply, "no record in it")
    return row


def whole(reply: Reply) -> Any:
    """The JSON of an answer without an error in it."""
    try:
        body = decode(reply.content)
    except MalformedJson as error:
        raise _broken(reply, str(error)) from None
    if isinstance(body, dict) and "error" in body:
        raise _broken(reply, f"an error inside a success: {problem_of(body['error'])}")
    return body


def problem_of(error: Any) -> str:
    """Message and detail of an error object, on one line."""
    if not isinstance(error, dict):
        return one_line(str(error))
    return one_line(": ".join(str(error[name]) for name in ("message", "detail") if error.get(name)))


def said(fault: SystemFault) -> str:
    """What the instance itself said in a refusal; the fault's own text where it said nothing."""
    reply = fault.reply if isinstance(fault, Refused) else None
    try:
        body = decode(reply.content) if reply is not None else None
    except MalformedJson:
        body = None
    return (problem_of(body["error"]) if isinstance(body, dict) and "error" in body else "") or fault.what


def total_of(reply: Reply) -> int | None:
    """How many rows match, readable or not; None where it was not told."""
    text = reply.headers.get("x-total-count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _broken(reply: Reply, why: str) -> SystemFault:
    kind = OutcomeUnknown if reply.written else BrokenOff
    if reply.content.lstrip()[:1] == b"<":
        why = "a web page: the instance sleeps, or a gateway stands before it"
    elif _CANCELLED in reply.content[-4096:]:
        why = "the instance cancelled it (execution time exceeded)"
    return kind(
        f"answered {reply.status} with {one_line(why)}",
        connection=reply.connection, entity=reply.entity, reference=reply.reference,
        cure="nothing by hand: it is read back and settled" if reply.written else
        "run it again; if it stays, wake the instance or ask its administrator for the transaction quota",
    )  # fmt: skip


def _exact(text: str) -> Any:
    return decode(text.encode())
