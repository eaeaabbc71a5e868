"""What goes wrong between a client and an instance: rates, broken answers, rows that move, rows that come late."""

import httpx
import msgspec
import pytest

from st_pipelines_tests.sandbox_servicenow.api import Api

SUPPLIERS = "sn_fin_supplier"


def test_without_a_rule_nothing_is_said_about_rates(api: Api) -> None:
    assert not any("ratelimit" in name for name in api.get("/api/now/table/sys_user").headers)


def test_a_rule_counts_and_refuses_with_the_time_to_wait(api: Api) -> None:
    (rule,) = api.act("add_rate_rule", limit=2, api="table", user="qad.integration")
    answers = [api.get("/api/now/table/sys_user") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert {one.headers["x-ratelimit-rule"] for one in answers} == {rule["sys_id"]}
    assert (
        answers[0].headers["x-ratelimit-limit"] == "2" and int(answers[0].headers["x-ratelimit-reset"]) > 1_700_000_000
    )
    assert (
        3590 <= int(answers[2].headers["retry-after"]) <= 3600 and "2 requests" in answers[2].json()["error"]["detail"]
    )
    assert api.user("admin").get("/api/now/table/sys_user").status_code == 200
    api.act("drop_rate_rules")
    assert api.get("/api/now/table/sys_user").status_code == 200


def test_a_storm_of_429s_can_be_armed(api: Api) -> None:
    api.control("faults", {"action": "rate_limit", "seconds": 3, "count": 2})
    statuses = [api.get("/api/now/table/sys_user") for _ in range(3)]
    assert [one.status_code for one in statuses] == [429, 429, 200] and statuses[0].headers["retry-after"] == "3"


@pytest.mark.parametrize("code", ["", "whole"])
def test_a_200_may_end_in_an_error(api: Api, code: str) -> None:
    api.control("faults", {"action": "over_time", "code": code})
    answer = api.get("/api/now/table/sys_choice")
    assert answer.status_code == 200 and b"Transaction cancelled: maximum execution time exceeded" in answer.content
    if code:
        assert answer.json()["error"]["message"].startswith("Transaction cancelled") and answer.json()["result"]
    else:
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(answer.content)


def test_a_write_may_be_done_without_an_answer(api: Api) -> None:
    api.control("faults", {"action": "apply_then_drop", "match": {"method": "POST", "path": "/import/"}})
    with pytest.raises(httpx.RemoteProtocolError):
        api.send("POST", "/api/now/import/sn_fcms_intg_imp_supplier",
                 {"u_erp_company_code": "S1", "u_erp_source": "QAD", "u_legal_name": "x"})  # fmt: skip
    assert len(api.rows(SUPPLIERS)) == 1


def test_many_rows_change_in_one_second(api: Api) -> None:
    api.act("fill", table=SUPPLIERS, count=25, fields={"name": "S{n}"}, per_second=10)
    assert len({row["sys_updated_on"] for row in api.rows(SUPPLIERS)}) == 3
    api.wait(60)
    api.act("bulk_update", table=SUPPLIERS, query="nameSTARTSWITHS1", fields={"city": "Austin"})
    assert {row["sys_updated_on"] for row in api.rows(SUPPLIERS, "city=Austin")} == {"2026-11-02 12:01:00"}
    assert len(api.rows(SUPPLIERS, "city=Austin")) == 11
    api.act("bulk_update", table=SUPPLIERS)
    assert {row["sys_mod_count"] for row in api.rows(SUPPLIERS)} == {"1", "2"}


def test_a_scan_by_offset_skips_when_somebody_saves_meanwhile(api: Api) -> None:
    api.act("fill", table=SUPPLIERS, count=10, fields={"name": "S{n}"})
    api.control("clock", {"advance": 1})
    api.control("faults", {"action": "saved_meanwhile", "match": {"path": SUPPLIERS}, "count": 1})
    seen: list[str] = []
    for offset in range(0, 10, 2):
        page = api.rows(SUPPLIERS, "ORDERBYsys_updated_on^ORDERBYsys_id", sysparm_limit=2, sysparm_offset=offset)
        seen += [row["name"] for row in page]
    assert len(seen) == 10 and len(set(seen)) == 9


def test_a_row_may_commit_behind_the_cursor(api: Api) -> None:
    api.act("write_late", table=SUPPLIERS, fields={"name": "late"})
    api.wait(5)
    api.create(SUPPLIERS, name="early")
    assert [row["name"] for row in api.rows(SUPPLIERS)] == ["early"]
    api.act("commit_late")
    rows = api.rows(SUPPLIERS, "ORDERBYsys_updated_on")
    assert [row["name"] for row in rows] == ["late", "early"] and rows[0]["sys_updated_on"] < rows[1]["sys_updated_on"]


def test_without_an_order_pages_may_overlap(api: Api) -> None:
    api.control("settings", {"unordered": "shuffled"})
    api.act("fill", table=SUPPLIERS, count=4, fields={"name": "S{n}"})
    names = [row["name"] for at in (0, 2) for row in api.rows(SUPPLIERS, sysparm_limit=2, sysparm_offset=at)]
    assert len(set(names)) < 4


def test_currency_fields_read_as_dollars_or_pairs(api: Api) -> None:
    api.create("sn_shop_purchase_order", erp_number="P1", total_amount="EUR;12.50")
    api.create("sn_shop_purchase_order", erp_number="P2", total_amount="12.50")
    assert [row["total_amount"] for row in api.rows("sn_shop_purchase_order")] == ["13.75", "12.50"], "both in dollars"
    api.control("settings", {"currency_reading": "pair"})
    assert api.rows("sn_shop_purchase_order")[0]["total_amount"] == "EUR;12.50"


def test_settings_are_checked_and_reset_brings_the_first_state_back(api: Api) -> None:
    assert api.http.post("/_sandbox/settings", json={"token_lief_s": 1}).status_code == 400
    api.create(SUPPLIERS, name="x")
    api.control("settings", {"currency_reading": "pair"})
    api.control("reset", {})
    api.renew()
    assert api.rows(SUPPLIERS) == [] and api.control("settings")["currency_reading"] == "amount"
    assert "client_secret" not in api.control("settings")


def test_a_url_that_is_too_long_never_arrives(api: Api) -> None:
    many = ",".join(f"nobody{n}" for n in range(3000))
    answer = api.get(f"/api/now/table/{SUPPLIERS}", sysparm_query=f"nameIN{many}")
    assert answer.status_code == 414


def test_answers_tell_the_instances_own_time(api: Api) -> None:
    """A client takes the upper bound of a poll from it."""
    assert api.get("/api/now/table/sys_user").headers.get_list("date") == ["Mon, 02 Nov 2026 12:00:00 GMT"]
    api.wait(90)
    assert api.ask_token().headers["date"] == "Mon, 02 Nov 2026 12:01:30 GMT"
    api.control("faults", {"action": "throttle", "seconds": 1})
    assert api.get("/api/now/table/sys_user").headers["date"] == "Mon, 02 Nov 2026 12:01:30 GMT"
