"""The Table API: rows by query, one record, insert, update. Invariant: what a write's reply does not show as sent is
named, because a column that may not be written is ignored without an error.

Rows come with stored values, references as bare sys_ids; every field that was asked for and is missing may not be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from st_pipelines.systems.http.errors import BadAnswer, NotFound, OutcomeUnknown, Refused
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicenow import batch
from st_pipelines.systems.servicenow.answers import Row, row_of, rows_of, total_of
from st_pipelines.systems.servicenow.client import Params, ServiceNow, as_texts, table_path
from st_pipelines.systems.servicenow.values import UnreadableValue, money, stored

LONGEST_QUERY = 7000  # characters as encoded; gateways cut URLs from 8 kB on
_PLAIN = (("sysparm_display_value", "false"), ("sysparm_exclude_reference_link", "true"))


@dataclass(frozen=True)
class Rows:
    """``total``: how many match, readable or not; None where it was not told (or not asked for)."""

    rows: list[Row]
    total: int | None


@dataclass(frozen=True)
class Written:
    """``ignored``: columns that hold something else than was sent, after the instance's rules and rights."""

    sys_id: str
    row: Row
    ignored: tuple[str, ...]


def select(
    client: ServiceNow, table: str, query: str, columns: Sequence[str], *, limit: int, offset: int = 0,
    counted: bool = True, reference: str = "", gives_up_at_once: bool = False,
) -> Rows:  # fmt: skip
    """One answer. A short one proves nothing: rights are applied after the limit. An answer that ends in an error is
    asked for again like a lost one; ``gives_up_at_once``: raises ``BrokenOff`` instead, for a caller that asks for
    fewer rows then."""
    params = [("sysparm_query", query), ("sysparm_fields", ",".join(columns)), ("sysparm_limit", str(limit)), *_PLAIN]
    if offset:
        params.append(("sysparm_offset", str(offset)))
    if not counted:
        params.append(("sysparm_no_count", "true"))
    path = table_path(client, table)
    if len(quote(query, safe="")) > LONGEST_QUERY:
        reply = _through_batch(client, path, params, table)
    else:
        check = None if gives_up_at_once else rows_of
        reply = client.read(path, params, entity=table, reference=reference, check=check)
    return Rows(rows_of(reply), total_of(reply))


def get(client: ServiceNow, table: str, sys_id: str, columns: Sequence[str]) -> Row | None:
    """One record by its sys_id. None where there is none, or where it may not be read: that looks alike."""
    params = [("sysparm_fields", ",".join(columns)), *_PLAIN]
    try:
        reply = client.read(table_path(client, table, sys_id), params, entity=table, reference=sys_id, check=row_of)
    except NotFound:
        return None
    return row_of(reply)


def insert(client: ServiceNow, table: str, values: Mapping[str, Any], *, reference: str) -> Written:
    """One new record. Not repeatable: find it by its external id first. Raises the kernel's errors of a write."""
    return _written(client, "POST", table, "", values, reference)


def update(client: ServiceNow, table: str, sys_id: str, values: Mapping[str, Any], *, reference: str) -> Written:
    """Changes these columns of one record; the others stay."""
    return _written(client, "PATCH", table, sys_id, values, reference)


def _written(
    client: ServiceNow, method: str, table: str, sys_id: str, values: Mapping[str, Any], reference: str
) -> Written:
    texts = as_texts(client, values, table, reference)
    shown = dict.fromkeys(["sys_id", "sys_mod_count", "sys_updated_on", *texts])
    params = [("sysparm_fields", ",".join(shown)), ("sysparm_input_display_value", "false"), *_PLAIN]
    reply = client.write(method, table_path(client, table, sys_id), texts, params, entity=table, reference=reference)
    row = row_of(reply)
    made = str(row.get("sys_id") or "")
    if not made or (sys_id and made != sys_id):
        raise client.fault(OutcomeUnknown, f"answered {reply.status} without the record's sys_id", table, reference,
                           cure="nothing by hand: it is read back and settled")  # fmt: skip
    return Written(made, row, tuple(name for name, text in texts.items() if not same(row.get(name), text)))


def same(held: Any, sent: str) -> bool:
    """Whether a column holds what was sent; ``USD;1.50`` and ``1.5`` are the same, ``1.50`` and ``1.5`` too."""
    try:
        text = stored(held)
        if text == sent:
            return True
        ours, theirs = money(sent, "XXX"), money(text, "XXX")
    except UnreadableValue:
        return False
    if ours is None or theirs is None or not (_numeric(sent) and _numeric(text)):
        return False
    return ours[1] == theirs[1] and (ours[0] == theirs[0] or "XXX" in (ours[0], theirs[0]))


def _numeric(text: str) -> bool:
    """False for what begins like a code (``00123``), which is not the number it looks like."""
    digits = text.rpartition(";")[2].lstrip("-")
    return bool(digits) and not (digits.startswith("0") and digits[1:2].isdigit())


def _through_batch(client: ServiceNow, path: str, params: Params, table: str) -> Reply:
    """A query that is too long for a URL is asked inside a body."""
    reply = batch.read_parts(client, [batch.Part("1", path, params)], entity=table)["1"]
    if not 200 <= reply.status < 300:
        kind = Refused if 400 <= reply.status < 500 else BadAnswer
        what = f"answered {reply.status} to a part of a batch"
        if kind is Refused:
            raise Refused(what, status=reply.status, reply=reply, connection=client.connection, entity=table)
        raise client.fault(BadAnswer, what, table, cure="run it again later")
    return reply
