"""Customers, locations and vendors by API: bodies and answers as published, external data seen by its owner alone, and
our own target's bodies against the published request schemas."""

import json
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.documents.parties import Address, Party
from st_pipelines.systems.servicetitan import party_bodies
from st_pipelines.systems.servicetitan.party_records import APPLICATION, KEY
from st_pipelines_tests.sandbox_servicetitan import published
from st_pipelines_tests.sandbox_servicetitan.api import TENANT, Api
from st_pipelines_tests.sandbox_servicetitan.test_answers_fit_the_published_documents import checked

REFERENCE = "QAD:CUST:customer:C0000007"
PARTY = Party("customer", REFERENCE, "Łódź & Sons", Address("1 Main St", "", "Austin", "TX", "78701", "USA"), "USD",
              email="ap@example.test", phone="512 555 0100")  # fmt: skip


def body_problems(specs: Path, module: str, path: str, method: str, body: Any) -> list[str]:
    found = published.operation(specs, module, path, method)
    (content,) = [one for kind, one in found["requestBody"]["content"].items() if kind == "application/json"]
    return published.problems(specs, module, content["schema"], json.loads(json.dumps(body)))


def patch(api: Api, module: str, path: str, body: Any) -> Any:
    return api.http.patch(f"/{module}/v2/tenant/{TENANT}{path}", json=body, headers=api.headers)


@pytest.mark.parametrize("role", ["customer", "vendor"])
def test_our_bodies_fit_the_published_requests(specs: Path, role: str) -> None:
    party = Party(role, REFERENCE, PARTY.name, PARTY.address, "USD", email=PARTY.email, phone=PARTY.phone)
    module, path = ("crm", "/customers") if role == "customer" else ("inventory", "/vendors")
    assert body_problems(specs, module, path, "post", party_bodies.new(party, REFERENCE)) == []
    assert body_problems(specs, module, f"{path}/{{id}}", "patch", party_bodies.change(party, REFERENCE)) == []


def test_a_customer_is_made_with_its_location_and_contacts(api: Api, specs: Path) -> None:
    answer = api.post("crm", "/customers", party_bodies.new(PARTY, REFERENCE))
    made = checked(specs, "crm", "/customers", answer, "POST")
    assert [one["customerId"] for one in made["locations"]] == [made["id"]]
    assert {one["type"] for one in made["contacts"]} == {"Email", "Phone"}
    contacts = api.get("crm", "/customers/contacts", customerIds=str(made["id"]))["data"]
    assert {one["value"] for one in contacts} == {"ap@example.test", "512 555 0100"}
    changed = checked(specs, "crm", "/customers/{id}", patch(api, "crm", f"/customers/{made['id']}", {"name": "New"}),
                      "PATCH")  # fmt: skip
    assert changed["name"] == "New" and changed["modifiedOn"] > made["modifiedOn"]


def test_external_data_is_found_and_shown_with_its_own_guid_only(api: Api) -> None:
    made = json.loads(api.post("crm", "/customers", party_bodies.new(PARTY, REFERENCE)).content)["id"]
    asked = {"externalDataApplicationGuid": APPLICATION, "externalDataKey": KEY}
    (found,) = api.get("crm", "/customers", **asked, externalDataValues=f"{REFERENCE},other")["data"]
    assert (found["id"], found["externalData"]) == (made, [{"key": KEY, "value": REFERENCE}])
    assert api.get("crm", "/customers", **asked, externalDataValues="other")["data"] == []
    other = {**asked, "externalDataApplicationGuid": "00000000-0000-0000-0000-000000000001"}
    assert api.get("crm", "/customers", **other, externalDataValues=REFERENCE)["data"] == []
    assert all(one["externalData"] == [] for one in api.get("crm", "/customers", pageSize=500)["data"])


def test_a_merge_keeps_what_is_there_and_a_replace_does_not(api: Api) -> None:
    made = json.loads(api.post("crm", "/customers", party_bodies.new(PARTY, REFERENCE)).content)["id"]
    asked = {"externalDataApplicationGuid": APPLICATION, "externalDataKey": KEY}
    for mode, left in (("Merge", 1), ("Replace", 0)):
        external = {"applicationGuid": APPLICATION, "patchMode": mode, "externalData": [{"key": "x", "value": "1"}]}
        assert patch(api, "crm", f"/customers/{made}", {"externalData": external}).status_code == 200
        assert len(api.get("crm", "/customers", **asked)["data"]) == left


def test_a_vendor_answers_with_its_id_alone(api: Api, specs: Path) -> None:
    party = Party("vendor", REFERENCE, "Foundry", PARTY.address, "USD", email="a@example.test")
    made = checked(
        specs, "inventory", "/vendors", api.post("inventory", "/vendors", party_bodies.new(party, "x")), "POST"
    )
    assert set(made) == {"id"}
    answer = patch(api, "inventory", f"/vendors/{made['id']}", {"phone": "5125550199", "active": False})
    assert checked(specs, "inventory", "/vendors/{id}", answer, "PATCH") == made
    held = api.get("inventory", f"/vendors/{made['id']}")
    assert (held["contactInfo"]["phone"], held["contactInfo"]["email"], held["active"]) == (
        "5125550199", "a@example.test", False)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "named"),
    [({"name": "A"}, "locations"), ({"name": 1, "locations": [], "address": {}}, "name"),
     ({**party_bodies.new(PARTY, "x"), "locations": []}, "locations")],
)  # fmt: skip
def test_a_body_that_lacks_something_is_refused_by_name(api: Api, body: Any, named: str) -> None:
    answer = api.post("crm", "/customers", body)
    assert answer.status_code == 400 and named in answer.text
    assert patch(api, "crm", "/customers/1", {"name": "x"}).status_code == 404
