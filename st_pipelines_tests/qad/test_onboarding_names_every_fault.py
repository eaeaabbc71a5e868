"""``ping``: wrong paths, names, permissions, codes and periods are named with what to do, before anything runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_pipelines.systems.qad.validate import validate
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.tenant import Tenant, tenant


@contextmanager
def _with(tokens: Engine, tmp_path: Path, *changes: tuple[str, str]) -> Iterator[Tenant]:
    text = samples.PROFILE.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (tmp_path / "profile.yaml").write_text(text)
    with tenant(tokens, profile=tmp_path / "profile.yaml") as made:
        yield made


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("path: /api/erp/costCentres", "path: /api/erp/costCenters", ["costCentre: wrong path", "Swagger"]),
        ("array: customerPayments", "array: customerPaymentz", ["customerPayment", "customerPaymentz"]),
        ("taxClass: taxClass", "taxClass: taxKlass", ["customer fields", "taxKlass"]),
        ("taxCode: taxCode, glAccount", "taxCode: taxKode, glAccount", ["customerInvoice fields", "taxKode"]),
        ("businessRelationName1: 36", "businessRelationName1: 99", ["businessRelationName1", "99", "36"]),
        ("      salesAccountGLProfileCode: SALES\n", "", ["customer fields", "requires salesAccountGLProfileCode"]),
        ("creditTermsCode: N30 ", "creditTermsCode: N31 ", ["customer creditTermsCode", "N31", "create it in QAD"]),
        ("{type: Invoice, daybook: ARINV}", "{type: Invoice, daybook: ARNOT}", ["daybook has no code 'ARNOT'"]),
        ('control_account: "1200"', 'control_account: "4999"', ["control_account", "inactive"]),
        ('siteCode: "100"', 'siteCode: "555"', ["site has no code '555'"]),
        ("    writes_confirmed: true", "    writes_confirmed: false", ["customerInvoice: assumed and not confirmed"]),
        ("view_uri: urn:be:com.qad.base.item.ISite", "view_uri: urn:be:wrong", ["site", "viewUri"]),
    ],
)
def test_a_wrong_profile(tokens: Engine, tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    with _with(tokens, tmp_path, (old, new)) as made:
        faults = [str(fault) for fault in validate(made.client)]
        assert any(all(part in fault for part in said) for fault in faults), faults
        assert all("To do: " in fault for fault in faults)
        assert made.writes() == []


@pytest.mark.parametrize("path", ["customerInvoices", "glAccounts", "mfgCustomers"])
def test_a_missing_permission_names_the_entity_and_the_others_are_still_checked(qad: Tenant, path: str) -> None:
    qad.arm(action="forbidden", count=None, match={"path": f"/{path}$"})
    faults = validate(qad.client)
    assert [fault.what.startswith("no permission") for fault in faults] == [True]
    assert faults[0].where in ("customerInvoice", "glAccount", "customerDomain")
    assert "role" in faults[0].cure


def test_a_refused_sign_in_is_one_fault_and_ends_the_check(qad: Tenant) -> None:
    qad.arm(action="expire_token", count=None, match={"path": "/api/"})
    (fault,) = validate(qad.client)
    assert "401" in fault.what


def test_closed_and_unknown_periods_are_named_with_their_company(qad: Tenant) -> None:
    faults = [str(fault) for fault in validate(qad.client, days=[date(2026, 1, 31), date(2031, 1, 1), samples.DAY])]
    assert len(faults) == 4  # two days, two companies
    assert any("10USA_20USACO" in fault and "2026-01-31 is closed" in fault for fault in faults)
    assert any("2031-01-01 does not exist" in fault for fault in faults)


def test_without_pinned_companies_nothing_is_asked(tokens: Engine) -> None:
    with tenant(tokens, companies=()) as made:
        (fault,) = validate(made.client)
        assert "target.companies" in fault.cure
        assert made.control("log")["total"] == 0
