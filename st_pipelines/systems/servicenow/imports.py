"""The Import Set API: rows into staging tables, which transform maps carry on. Invariant: HTTP 201 proves nothing; only
a row's own state does, and each row is accounted for.

Values are text, keys are the staging table's column names, unknown keys are lost silently. After ``insertMultiple`` the
rows are read back from the staging table itself until none is pending, and compared with what was sent.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from st_pipelines.systems.http.errors import Misconfigured, OutcomeUnknown
from st_pipelines.systems.http.redact import one_line
from st_pipelines.systems.servicenow.answers import Row, whole
from st_pipelines.systems.servicenow.client import ServiceNow, as_texts
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import all_of, equals, is_name, query
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import UnreadableValue, stored

State = Literal["inserted", "updated", "ignored", "skipped", "error", "pending"]
DONE: tuple[State, ...] = ("inserted", "updated", "ignored")
_STATES: tuple[str, ...] = get_args(State)
_SET, _STATE, _COMMENT, _TARGET = "sys_import_set", "sys_import_state", "sys_import_state_comment", "sys_target_sys_id"
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.2, 5.0


@dataclass(frozen=True)
class Imported:
    """What became of one row. ``target_id``: sys_id of the record it made or changed; empty where there is none.

    ``ignored``: nothing changed, or the map passed over the row: the message and a read-back tell which."""

    state: State
    target_id: str = ""
    message: str = ""


def import_one(client: ServiceNow, staging: str, target: str, values: Mapping[str, Any], *, reference: str) -> Imported:
    """One row, transformed before the answer comes. ``target``: the table that the transform map must reach.

    Raises the kernel's errors of a write; ``OutcomeUnknown`` for an answer without a readable state."""
    texts = as_texts(client, values, staging, reference)
    reply = client.write("POST", _path(client, staging), texts, entity=staging, reference=reference)
    said = whole(reply)
    results = said.get("result") if isinstance(said, dict) else None
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise client.fault(OutcomeUnknown, f"answered {reply.status} without the row's states", staging, reference,
                           cure="nothing by hand: the record is read back and settled")  # fmt: skip
    made = [_outcome(client, one, staging, reference) for one in results]
    failed = [one for one in made if one.state in ("error", "skipped")]
    reached = [one for one, result in zip(made, results, strict=True) if result.get("table") == target]
    if failed:  # one of several maps failed: the row is not done
        return failed[0]
    return reached[0] if reached else Imported("pending", message=f"no transform map of {staging} reached {target}")


def import_many(
    proof: Proof, staging: str, key: str, rows: Sequence[Mapping[str, Any]], *, reference: str
) -> dict[str, Imported]:
    """All rows in one import set, by the value of their ``key`` column. For first loads.

    Raises the kernel's errors of a write, and ``OutcomeUnknown`` where the rows cannot be read back whole in time: each
    document is then looked for by its external id."""
    client = proof.client
    bodies = [as_texts(client, values, staging, reference) for values in rows]
    sent = {body.get(key, ""): body for body in bodies}
    if "" in sent or len(sent) != len(bodies):
        raise client.fault(Misconfigured, f"{len(bodies)} rows with {len(sent)} different values of {key}", staging,
                           reference, cure="send each record once, with its key")  # fmt: skip
    known = proof.columns(staging, [_SET, _STATE, _COMMENT, _TARGET, key])  # before anything is sent
    reply = client.write("POST", _path(client, staging, "/insertMultiple"), {"records": bodies}, entity=staging,
                         reference=reference)  # fmt: skip
    said = whole(reply)
    import_set = str(said.get("import_set_id") or "") if isinstance(said, dict) else ""
    if not (import_set.isalnum() and len(import_set) == 32):
        raise _unsettled(client, staging, reference, "answered without an import_set_id")
    asked = query(all_of(equals(known[_SET], import_set)), order_by=[known[key]])
    give_up, pause = time.monotonic() + client.import_deadline_s, _FIRST_LOOK_S
    while True:
        found = _read_back(client, staging, key, asked, len(sent), import_set, reference)
        pending = [value for value in sent if value not in found or found[value].state == "pending"]
        if not pending and found.keys() == sent.keys():
            return found
        if time.monotonic() + pause > give_up:
            if not found.keys() & sent.keys():
                raise _unsettled(client, staging, reference, f"the rows read back show no {key}: this table takes "
                                 "column labels; set insert_multiple in the profile")  # fmt: skip
            raise _unsettled(client, staging, reference, f"{len(pending)} of {len(sent)} rows are still pending")
        time.sleep(pause)  # the transformation runs there, and nothing tells us when it is done
        pause = min(pause * 2, _LONGEST_LOOK_S)


def _read_back(
    client: ServiceNow, staging: str, key: str, asked: str, expected: int, import_set: str, reference: str
) -> dict[str, Imported]:
    answer = select(client, staging, asked, ["sys_id", _SET, key, _STATE, _COMMENT, _TARGET], limit=expected + 1,
                    reference=reference)  # fmt: skip
    found: dict[str, Imported] = {}
    for row in answer.rows:
        if stored(row.get(_SET)) != import_set:
            raise _unsettled(client, staging, reference, "rows of another import set came back")
        value = stored(row.get(key))
        if value and value in found:
            raise _unsettled(client, staging, reference, f"two rows have {key} = {value!r}")
        if value:
            found[value] = _outcome(client, {"status": row.get(_STATE), "sys_id": row.get(_TARGET),
                                             "status_message": row.get(_COMMENT)}, staging, reference)  # fmt: skip
    return found


def _outcome(client: ServiceNow, one: Row, staging: str, reference: str) -> Imported:
    try:
        state, target = stored(one.get("status")), stored(one.get("sys_id"))
        told = [stored(one.get(name)) for name in ("error_message", "status_message")]
    except UnreadableValue as error:
        raise _unsettled(client, staging, reference, f"a state that cannot be read ({error})") from None
    if state not in _STATES:
        raise _unsettled(client, staging, reference, f"the state {state[:40]!r}, which is not known")
    message = one_line("; ".join(dict.fromkeys(filter(None, told))), 500)
    if state in ("inserted", "updated") and not target:
        raise _unsettled(client, staging, reference, f"{state}, but without the record's sys_id")
    return Imported(cast("State", state), "" if state in ("error", "skipped") else target, message)


def _path(client: ServiceNow, staging: str, more: str = "") -> str:
    if not is_name(staging):
        raise client.fault(Misconfigured, f"{staging[:80]!r} is no table", "staging table",
                           cure="correct the profile")  # fmt: skip
    return f"/api/now/import/{staging}{more}"


def _unsettled(client: ServiceNow, staging: str, reference: str, why: str) -> OutcomeUnknown:
    return client.fault(OutcomeUnknown, f"the import: {why}", staging, reference,
                        cure="nothing by hand: each record is read back by its external id and settled")  # fmt: skip
