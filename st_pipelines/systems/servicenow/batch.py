"""The Batch API: several requests in one. Invariant: HTTP 200 says nothing about the parts; what was not serviced is
asked again where it reads, and given back as not sent where it writes.

Parts run one after the other and not in one transaction; thirty seconds for all, what did not fit is listed.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

from st_pipelines.systems.http.errors import NotExecuted, OutcomeUnknown, Unreachable
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicenow.answers import Row, whole
from st_pipelines.systems.servicenow.client import Params, ServiceNow

PATH = "/api/now/v1/batch"
_ATTEMPTS = 3  # of one batch of reads that makes no headway


class Became(Enum):
    SERVED = "served: see its status"
    NOT_SENT = "not serviced: it was not executed"
    UNKNOWN = "missing or unreadable in the answer: it may have been executed"


@dataclass(frozen=True)
class Part:
    """``path`` is percent-encoded, ``params`` are encoded here; ``body`` is JSON."""

    id: str
    path: str
    params: Params = ()
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PartReply:
    """``reply`` only where served; its status may be any."""

    became: Became
    reply: Reply | None = None


def read_parts(client: ServiceNow, parts: Sequence[Part], *, entity: str) -> dict[str, Reply]:
    """The answers by id, whatever their status. What was left is asked again, as long as something is serviced."""
    left, found, fruitless = {part.id: part for part in parts}, dict[str, Reply](), 0
    if any(part.method != "GET" for part in parts):
        raise ValueError("only reads are asked again")
    while left:
        try:
            answers = _send(client, list(left.values()), entity, "")
        except OutcomeUnknown as fault:
            answers, why = {}, fault.what  # reads change nothing: to ask again is safe
        except NotExecuted as fault:
            if fault.retry_after_s > 0 or type(fault) is not NotExecuted:
                raise
            answers, why = {}, fault.what
        else:
            why = f"{len(left)} of {len(parts)} parts were not serviced"
        served = {id_: one.reply for id_, one in answers.items() if one.reply is not None}
        found.update(served)
        left = {id_: part for id_, part in left.items() if id_ not in served}
        fruitless = 0 if served else fruitless + 1
        if left and fruitless >= _ATTEMPTS:
            raise client.fault(Unreachable, f"a batch made no headway: {why}", entity,
                               cure="run it again later; ask for less at once if it stays")  # fmt: skip
    return found


def write_parts(client: ServiceNow, parts: Sequence[Part], *, entity: str, reference: str) -> dict[str, PartReply]:
    """Sent once. Raises what one write raises where nothing is known of all; else says of each part what became of
    it."""
    return _send(client, parts, entity, reference)


def _send(client: ServiceNow, parts: Sequence[Part], entity: str, reference: str) -> dict[str, PartReply]:
    body = {"batch_request_id": "1", "rest_requests": [_request(part) for part in parts]}
    reply = client.write("POST", PATH, body, entity=f"batch of {entity}", reference=reference)
    said = whole(reply)
    if not isinstance(said, dict) or str(said.get("batch_request_id")) != "1":
        raise client.fault(OutcomeUnknown, "answered a batch with something else", entity, reference,
                           cure="nothing by hand: it is read back and settled")  # fmt: skip
    outcomes = {part.id: PartReply(Became.UNKNOWN) for part in parts}
    for id_ in _listed(said.get("unserviced_requests")):
        if str(id_) in outcomes:
            outcomes[str(id_)] = PartReply(Became.NOT_SENT)
    for one in _listed(said.get("serviced_requests")):
        id_ = str(one.get("id")) if isinstance(one, dict) else ""
        answer = _reply(reply, one, entity) if id_ in outcomes else None
        if answer is not None:
            outcomes[id_] = PartReply(Became.SERVED, answer)
    return outcomes


def _request(part: Part) -> Row:
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in part.params)
    headers = [{"name": "Accept", "value": "application/json"}, {"name": "Content-Type", "value": "application/json"}]
    request: Row = {"id": part.id, "method": part.method, "url": f"{part.path}?{asked}" if asked else part.path,
                    "headers": headers}  # fmt: skip
    if part.body is not None:
        request["body"] = base64.b64encode(part.body).decode("ascii")
    return request


def _reply(batch: Reply, one: Mapping[str, Any], entity: str) -> Reply | None:
    """None for a part without a status or with a body that is not base64: nothing is known of it."""
    status, text = one.get("status_code"), one.get("body") or ""
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599 or not isinstance(text, str):
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    headers = {str(each.get("name", "")).lower(): str(each.get("value", ""))
               for each in _listed(one.get("headers")) if isinstance(each, dict)}  # fmt: skip
    return Reply(status, headers, content, batch.connection, entity, str(one.get("id")), written=False)


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
