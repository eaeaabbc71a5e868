"""The control routes: state, log, clock, reset. They work whatever is armed, and they hold no secret."""

from decimal import Decimal

import pytest

from st_pipelines_tests.sandbox.qad_client import BASE, Qad, exact, invoice


def test_state_lists_entities_and_their_records(qad: Qad) -> None:
    customer = qad.customer()
    entities = qad.http.get("/_sandbox/state").json()["entities"]
    assert (entities["customers"], entities["gl_accounts"]) == (1, 20)
    qad.create("customerInvoices", **invoice(customer["customerCode"], "10.10"))
    answer = exact(
        qad.http.get("/_sandbox/state", params={"entity": "customer_invoices", "customLong0": "ST:1:invoice:1"})
    )
    assert answer["count"] == 1 and answer["records"][0]["invoiceAmountTC"] == Decimal("10.10")
    assert (
        exact(qad.http.get("/_sandbox/state", params={"entity": "customer_invoices", "customLong0": "no"}))["count"]
        == 0
    )


def test_control_answers_below_the_base_path_too(qad: Qad) -> None:
    assert qad.http.get(f"{BASE}/_sandbox/state").json() == qad.http.get("/_sandbox/state").json()


def test_control_is_never_hit_by_a_fault(qad: Qad) -> None:
    qad.arm("drop_before", count=None)
    assert qad.http.get("/_sandbox/log").status_code == 200
    assert qad.http.delete("/_sandbox/faults").json()["faults"] == []
    assert qad.get("/api/webshell/workspaces").status_code == 200


def test_the_log_keeps_paths_and_statuses_and_no_secret(qad: Qad) -> None:
    qad.http.post(
        f"{BASE}/oauth/token?grant_type=password&client_id=qad-client&username=api.user&password=api.password"
    )
    qad.get("/api/erp/glAccounts", {"sharedSetCode": "COA", "glCode": "4000"})
    text = qad.http.get("/_sandbox/log").text
    assert qad.token not in text and "api.password" not in text and "api.user" not in text
    seen = exact(qad.http.get("/_sandbox/log"))["requests"]
    assert [(one["method"], one["path"], one["status"]) for one in seen[-2:]] == [
        ("POST", f"{BASE}/oauth/token", 200),
        ("GET", f"{BASE}/api/erp/glAccounts", 200),
    ]
    assert seen[-1]["query"] == "sharedSetCode=COA&glCode=4000"
    qad.http.delete("/_sandbox/log")
    assert qad.http.get("/_sandbox/log").json() == {"total": 0, "requests": []}


def test_reset_brings_the_seeded_books_back(qad: Qad) -> None:
    before = qad.http.get("/_sandbox/state").json()
    qad.customer()
    qad.arm("throttle", count=None)
    qad.http.post("/_sandbox/clock", json={"advance": 86400})
    assert qad.http.post("/_sandbox/reset").json() == before
    assert qad.http.get("/_sandbox/faults").json()["faults"] == []
    assert qad.http.get("/_sandbox/clock").json() == {"now": "2026-11-02T12:00:00.000Z", "ticking": False}


def test_the_clock_moves_when_told_and_ticks_when_told(qad: Qad) -> None:
    def clock(**order: object) -> str:
        return str(qad.http.post("/_sandbox/clock", json=order).json()["now"])

    assert clock(advance=1.5) == "2026-11-02T12:00:01.500Z"
    assert clock(now="2026-12-01T00:00:00+01:00") == "2026-11-30T23:00:00.000Z"
    assert clock() == clock()
    clock(ticking=True)
    first = clock()
    while clock() == first:
        pass
    assert clock(ticking=False) > first


@pytest.mark.parametrize("order", [{"now": "2026-12-01T00:00:00"}, {"now": "soon"}, {"later": 1}])
def test_a_clock_order_without_sense_is_refused(qad: Qad, order: dict[str, object]) -> None:
    assert qad.http.post("/_sandbox/clock", json=order).status_code == 400


@pytest.mark.parametrize("fault", [{"action": "explode"}, {"action": "delay", "sceonds": 1}, {}, {"action": "status"}])
def test_a_fault_without_sense_is_refused_with_a_reason(qad: Qad, fault: dict[str, object]) -> None:
    answer = qad.http.post("/_sandbox/faults", json=fault)
    assert answer.status_code == 400 and answer.json()["error"]
    assert qad.http.get("/_sandbox/faults").json()["faults"] == []
