"""201 proves nothing: the state of each row does, and what cannot be accounted for is an unknown outcome."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from st_pipelines.systems.http.errors import Misconfigured, NotExecuted, OutcomeUnknown, Refused
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.imports import import_many, import_one
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines_tests.servicenow.hostile import Hostile

STAGING, TARGET = "sn_fcms_intg_imp_receipt", "sn_shop_receipt"
SET = "c" * 32
ROW = {"u_erp_receipt_number": "R1", "u_quantity_received": 4}


def said(*results: dict[str, Any]) -> Callable[[str, str, Any], tuple[int, Any]]:
    answer = {"import_set": "ISET1", "staging_table": STAGING, "result": list(results)}
    return lambda method, path, body: (201, answer)


def one(status: str, table: str = TARGET, **more: str) -> dict[str, Any]:
    return {"transform_map": "m", "table": table, "status": status, "sys_id": "a" * 32, **more}


@pytest.mark.parametrize("state", ["inserted", "updated", "ignored"])
def test_a_row_is_done_only_by_its_own_state(state: str, hostile: Hostile, client: ServiceNow) -> None:
    hostile.answer_write = said(one(state))
    found = import_one(client, STAGING, TARGET, ROW, reference="R1")
    assert (found.state, found.target_id) == (state, "a" * 32)
    assert json.loads(hostile.requests[-1][3]) == {"u_erp_receipt_number": "R1", "u_quantity_received": "4"}


def test_an_error_inside_201_is_an_error_with_the_instance_s_words(hostile: Hostile, client: ServiceNow) -> None:
    hostile.answer_write = said(one("error", error_message="No purchase order line", status_message="row skipped"))
    found = import_one(client, STAGING, TARGET, ROW, reference="R1")
    assert (found.state, found.target_id) == ("error", "")
    assert found.message == "No purchase order line; row skipped"


def test_one_of_several_maps_that_fails_fails_the_row(hostile: Hostile, client: ServiceNow) -> None:
    hostile.answer_write = said(one("inserted"), one("error", table="sn_shop_invoice", error_message="no"))
    assert import_one(client, STAGING, TARGET, ROW, reference="R1").state == "error"


def test_a_row_that_no_map_carried_to_the_target_is_pending(hostile: Hostile, client: ServiceNow) -> None:
    hostile.answer_write = said(one("inserted", table="u_elsewhere"))
    found = import_one(client, STAGING, TARGET, ROW, reference="R1")
    assert found.state == "pending"
    assert "no transform map" in found.message


@pytest.mark.parametrize(
    "answer",
    [(201, b'{"result": [{"status": "ins'), (200, b"<html>sleeping</html>"), (201, b"{}"),
     (201, {"result": [{"table": TARGET, "status": "done", "sys_id": "a" * 32}]}),
     (201, {"result": [{"table": TARGET, "status": "inserted", "sys_id": ""}]}),
     (200, {"result": [], "error": {"message": "Transaction cancelled"}}), (500, {"error": {"message": "script"}}),
     (0, {})],
)  # fmt: skip
def test_what_is_no_clear_answer_is_unknown_and_sent_once(
    answer: tuple[int, Any], hostile: Hostile, client: ServiceNow
) -> None:
    hostile.answer_write = lambda method, path, body: answer
    with pytest.raises(OutcomeUnknown):
        import_one(client, STAGING, TARGET, ROW, reference="R1")
    assert len([one for one in hostile.requests if one[0] == "POST"]) == 1


def test_a_refusal_of_one_record_does_not_rest_the_connection(hostile: Hostile, client: ServiceNow) -> None:
    refused = {"error": {"message": "Operation Failed", "detail": "mandatory field"}, "status": "failure"}
    hostile.answer_write = lambda method, path, body: (403, refused)
    for _ in range(3):
        with pytest.raises(Refused, match="mandatory field"):
            import_one(client, STAGING, TARGET, ROW, reference="R1")
    hostile.answer_write = said(one("inserted"))
    assert import_one(client, STAGING, TARGET, ROW, reference="R1").state == "inserted"


def test_a_float_is_never_sent(hostile: Hostile, client: ServiceNow) -> None:
    with pytest.raises(Misconfigured, match="float is never sent"):
        import_one(client, STAGING, TARGET, {"u_quantity_received": 1.5}, reference="R1")
    assert hostile.requests == []


class Many:
    """An asynchronous insertMultiple: rows appear as sent and are transformed after a few looks."""

    def __init__(self, hostile: Hostile, looks: int, states: dict[str, str], labels: bool = False) -> None:
        hostile.add_table(STAGING, ["u_erp_receipt_number", "sys_import_set", "sys_import_state",
                                    "sys_import_state_comment", "sys_target_sys_id"])  # fmt: skip
        self.rows, self.looks, self.states, self.labels = hostile.tables[STAGING], looks, states, labels
        hostile.answer_write, hostile.before = self.take, self.look

    def take(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        assert path == f"/api/now/import/{STAGING}/insertMultiple"
        for place, record in enumerate(body["records"]):
            key = "" if self.labels else record["u_erp_receipt_number"]
            self.rows.append({"sys_id": f"{place:032x}", "sys_import_set": SET, "sys_updated_on": "2026-10-01 00:00:00",
                              "sys_mod_count": "0", "u_erp_receipt_number": key, "sys_import_state": "pending",
                              "sys_import_state_comment": "", "sys_target_sys_id": ""})  # fmt: skip
        return 201, {"import_set_id": SET, "multi_import_set_id": "d" * 32}

    def look(self, table: str) -> None:
        if table == STAGING and self.rows:
            self.looks -= 1
            for row in self.rows if self.looks < 0 else ():
                row["sys_import_state"] = self.states.get(row["u_erp_receipt_number"], "inserted")
                row["sys_target_sys_id"] = "" if row["sys_import_state"] == "error" else "e" * 32
                row["sys_import_state_comment"] = "no order" if row["sys_import_state"] == "error" else ""


ROWS = [{"u_erp_receipt_number": f"R{n}"} for n in range(25)]


def test_many_rows_are_read_back_until_none_is_pending(hostile: Hostile, proof: Proof) -> None:
    Many(hostile, 2, {"R7": "error"})
    found = import_many(proof, STAGING, "u_erp_receipt_number", ROWS, reference="first load")
    assert len(found) == 25
    assert (found["R7"].state, found["R7"].message) == ("error", "no order")
    assert {one.state for key, one in found.items() if key != "R7"} == {"inserted"}
    assert len([one for one in hostile.requests if one[0] == "POST"]) == 1


@pytest.mark.parametrize(("looks", "labels", "why"), [(10**6, False, "still pending"), (0, True, "column labels")])
def test_rows_that_cannot_be_accounted_for_in_time_are_unknown(
    looks: int, labels: bool, why: str, hostile: Hostile, proof: Proof
) -> None:
    Many(hostile, looks, {}, labels)
    proof.client.import_deadline_s = 0.3
    with pytest.raises(OutcomeUnknown, match=why):
        import_many(proof, STAGING, "u_erp_receipt_number", ROWS, reference="first load")


def test_a_lost_row_is_unknown(hostile: Hostile, proof: Proof) -> None:
    many = Many(hostile, 0, {})
    proof.client.import_deadline_s = 0.3
    hostile.hidden = lambda table, row: table == STAGING and row["u_erp_receipt_number"] == "R3"
    with pytest.raises(OutcomeUnknown, match="1 of 25 rows"):
        import_many(proof, STAGING, "u_erp_receipt_number", ROWS, reference="first load")
    assert len(many.rows) == 25


def test_doubled_keys_are_refused_before_anything_is_sent(hostile: Hostile, proof: Proof) -> None:
    with pytest.raises(Misconfigured, match="1 different values"):
        import_many(proof, STAGING, "u_erp_receipt_number", [ROWS[0], ROWS[0]], reference="x")
    assert hostile.requests == []


def test_a_throttled_write_is_given_back_with_the_time_to_wait(hostile: Hostile, client: ServiceNow) -> None:
    client.read("/api/now/table/sys_user", entity="sign-in")
    body = b'{"error":{"message":"Rate limit exceeded","detail":"limit 100"},"status":"failure"}'
    hostile.once.append((429, {"Retry-After": "700", "X-RateLimit-Limit": "100"}, body))
    with pytest.raises(NotExecuted) as caught:
        import_one(client, STAGING, TARGET, ROW, reference="R1")
    assert caught.value.retry_after_s == 700
