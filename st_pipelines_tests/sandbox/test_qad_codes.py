"""Cost centres and GL accounts as this QAD takes them from programs and from people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.sandbox.qad_client import Qad, exact


@pytest.fixture(scope="module")
def qad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qad]:
    home: Path = tmp_path_factory.mktemp("codes")
    with running_sandbox(home, systems=("qad",)) as sandbox:
        yield Qad(sandbox["qad"].removesuffix("/clouderp/demo")).login()


def center(code: str, **fields: Any) -> dict[str, Any]:
    return {"sharedSetCode": "CC", "costCentreCode": code, "description": f"Center {code}", "isActive": True, **fields}


def account(code: str, **fields: Any) -> dict[str, Any]:
    return {"sharedSetCode": "COA", "glCode": code, "description": f"Account {code}", "glType": "Standard",
            "isActive": True, "analysisLimitation": "None", **fields}  # fmt: skip


def test_a_code_is_made_changed_and_retired_with_the_hash_of_its_last_version(qad: Qad) -> None:
    made = qad.create("costCentres", **center("7000"))
    renamed = qad.update("costCentres", {**made, "description": "Night Shift"})["costCentres"][0]
    assert renamed["concurrencyHash"] != made["concurrencyHash"]
    stale = qad.update("costCentres", {**made, "isActive": False})
    assert stale["submitResult"]["success"] is False
    qad.update("costCentres", {**renamed, "isActive": False})
    held = qad.read("costCentres", sharedSetCode="CC", costCentreCode="7000")
    assert held and (held["description"], held["isActive"]) == ("Night Shift", False)


@pytest.mark.parametrize(("array", "record", "field"), [
    ("costCentres", center("7001", description=" "), "description"),
    ("costCentres", center("7001", sharedSetCode="CUST"), "sharedSetCode"),
    ("costCentres", center("70 01"), "costCentreCode"),
    ("costCentres", center("123456789"), "costCentreCode"),
    ("costCentres", center("1100"), "costCentreCode"),
    ("glAccounts", account("7001", glType="Imaginary"), "glType"),
    ("glAccounts", account("7001", analysisLimitation="Sometimes"), "analysisLimitation"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_its_field(qad: Qad, array: str, record: dict[str, Any], field: str) -> None:
    assert field in str(qad.refused(array, **record))


def test_a_control_account_stays_in_use(qad: Qad) -> None:
    held = qad.read("glAccounts", sharedSetCode="COA", glCode="2000")
    assert held is not None
    answer = qad.update("glAccounts", {**held, "isActive": False})
    assert answer["submitResult"]["success"] is False and "control account" in str(answer)


def people(qad: Qad, **order: Any) -> Any:
    answer = qad.http.post("/_sandbox/business", json={"action": "keep_code", **order})
    return answer.status_code, exact(answer)


def test_people_make_and_change_codes_by_the_same_rules(qad: Qad) -> None:
    assert people(qad, entity="gl_accounts", code="5900", description="Freight out")[0] == 200
    assert people(qad, entity="gl_accounts", code="5900", isActive=False)[0] == 200
    held = qad.read("glAccounts", sharedSetCode="COA", glCode="5900")
    assert held and (held["description"], held["isActive"]) == ("Freight out", False)
    status, said = people(qad, entity="gl_accounts", code="5900", description="")
    assert status == 400 and "description" in str(said)
    status, said = people(qad, entity="customers", code="1")
    assert status == 400 and "no list of codes" in said["error"]
