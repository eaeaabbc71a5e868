"""The project's own client against this sandbox with the demo profile: both were written from the reference alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines.credentials.keyring import load_keyring, new_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.systems.servicenow import onboarding
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.connect import connect
from st_pipelines.systems.servicenow.invoices import ApprovedInvoices, Seen
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.profile_file import load_profile
from st_pipelines_tests.conftest import REPOSITORY
from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.procurement import load_masters, load_order, receive

PROFILE = REPOSITORY / "mappings" / "demo_servicenow" / "servicenow_profile.yaml"


@pytest.fixture
def client(api: Api, tmp_path: Path) -> Iterator[ServiceNow]:
    api.control("settings", {"currency_reading": "pair"})
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    new_key_file(tmp_path / "key")
    secrets = {"client_id": Secret("sn-client"), "client_secret": Secret("sn-secret")}
    known = {"base_url": api.origin, "rate_per_s": 2000, "page_rows": 10, "username": "qad.integration"}
    one = connect(Connection("sn", "servicenow", known, secrets), engine, load_keyring({}, tmp_path / "key"))
    yield one
    one.close()
    engine.dispose()


@pytest.fixture(params=["primary", "outbound"])
def profile(request: pytest.FixtureRequest) -> Profile:
    held = load_profile(PROFILE)
    return held.model_copy(update={"invoices": held.invoices.model_copy(update={"road": request.param})})


def test_onboarding_finds_nothing_missing_and_names_what_is_taken_away(
    api: Api, client: ServiceNow, profile: Profile
) -> None:
    load_masters(api)
    assert [str(one) for one in onboarding.faults(client, profile)] == []
    unknown = {one.name for one in onboarding.checks(client, profile) if one.ok is None}
    assert {name for name in unknown if not name.endswith(" amounts")} == set(), "only that no amount is there yet"
    api.act("uninstall_scope", scope="sn_ap_apm")
    api.act("revoke_role", user="qad.integration", role="import_transformer")
    api.act("rename_column", table="sn_shop_purchase_order", element="erp_number", to="u_erp_number")
    found = " ".join(str(one) for one in onboarding.faults(client, profile))
    assert "sn_ap_apm" in found and "import_transformer" in found and "erp_number" in found


def test_orders_and_approved_invoices_are_read_whole(api: Api, client: ServiceNow, profile: Profile) -> None:
    load_masters(api)
    load_order(api)
    receive(api, "R1", "1", "6")
    for number in ("A-1", "A-2"):
        (draft,) = api.act("add_invoice", supplier_invoice_number=number, purchase_order="P0001",
                           lines=[{"line": "1", "quantity": "2"}, {"line": "2", "quantity": "1"}])  # fmt: skip
        api.act("approve_invoice", invoice=draft["number"])
    api.control("clock", {"advance": 300})
    procurement = Procurement(client, profile)
    (order,) = [one for batch in procurement.purchase_orders.whole() for one in batch.records]
    assert order.number == "P0001"
    approved = [one for batch in ApprovedInvoices(procurement).poll(Seen()) for one in batch.invoices]
    assert sorted(one.supplier_invoice_number for one in approved) == ["A-1", "A-2"]
    assert [len(one.lines) for one in approved] == [2, 2]
