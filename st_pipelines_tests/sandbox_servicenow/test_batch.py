"""The Batch API: parts in order, each with its own outcome, and what is left unserved."""

import base64
from typing import Any

import msgspec

from st_pipelines_tests.sandbox_servicenow.api import Api

SUPPLIERS = "/api/now/table/sn_fin_supplier"


def part(number: int, method: str, url: str, body: Any = None) -> dict[str, Any]:
    made = {"id": str(number), "method": method, "url": url,
            "headers": [{"name": "Accept", "value": "application/json"},
                        {"name": "Content-Type", "value": "application/json"}]}  # fmt: skip
    return made if body is None else {**made, "body": base64.b64encode(msgspec.json.encode(body)).decode()}


def send(api: Api, *parts: dict[str, Any]) -> dict[str, Any]:
    answer = api.send("POST", "/api/now/v1/batch", {"batch_request_id": 7, "rest_requests": list(parts)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def body_of(served: dict[str, Any]) -> Any:
    return msgspec.json.decode(base64.b64decode(served["body"]))


def test_parts_are_served_in_order_with_their_own_status(api: Api) -> None:
    answer = send(
        api,
        part(1, "POST", SUPPLIERS, {"name": "Acme & Sons"}),
        part(2, "GET", f"{SUPPLIERS}?sysparm_query=name%3DAcme%20%26%20Sons&sysparm_fields=name"),
        part(3, "GET", "/api/now/table/u_nothing"),
        {**part(4, "GET", SUPPLIERS), "exclude_response_headers": True},
    )
    assert answer["batch_request_id"] == "7" and answer["unserviced_requests"] == []
    served = answer["serviced_requests"]
    assert [(one["id"], one["status_code"]) for one in served] == [("1", 201), ("2", 200), ("3", 400), ("4", 200)]
    assert body_of(served[1]) == {"result": [{"name": "Acme & Sons"}]}
    assert {"name": "x-total-count", "value": "1"} in served[1]["headers"] and "headers" not in served[3]
    assert body_of(served[2])["error"]["message"] == "Invalid table u_nothing"


def test_what_was_left_has_had_no_effect(api: Api) -> None:
    api.control("faults", {"action": "leave_unserviced"})
    parts = [part(n, "POST", SUPPLIERS, {"name": f"S{n}"}) for n in range(5)]
    answer = send(api, *parts)
    assert answer["unserviced_requests"] == ["2", "3", "4"] and len(api.rows("sn_fin_supplier")) == 2
    api.control("settings", {"batch_services": 1})
    assert len(send(api, *parts[2:])["serviced_requests"]) == 1


def test_sizes_leave_parts_over(api: Api) -> None:
    api.control("settings", {"batch_item_bytes": 100, "batch_answer_bytes": 500})
    big = part(1, "POST", SUPPLIERS, {"name": "x" * 200})
    answer = send(api, big, *(part(n, "GET", f"{SUPPLIERS}/{'0' * 32}") for n in range(2, 9)))
    assert answer["unserviced_requests"][0] == "1" and 1 < len(answer["unserviced_requests"]) < 7


def test_parts_run_in_the_senders_name(api: Api) -> None:
    reader = api.user("procurement.reader")
    answer = send(reader, part(1, "POST", SUPPLIERS, {"name": "x"}), part(2, "POST", "/api/now/v1/batch", {}))
    assert [one["status_code"] for one in answer["serviced_requests"]] == [403, 400]
