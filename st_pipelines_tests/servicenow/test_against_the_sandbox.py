"""The client against the sandbox's instance, which pysnc accepts: sign-in, onboarding, imports, reading, both roads."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.errors import SignInRefused
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.connect import connect
from st_pipelines.systems.servicenow.imports import Imported, import_many, import_one
from st_pipelines.systems.servicenow.invoices import Approved, ApprovedInvoices, Seen
from st_pipelines.systems.servicenow.onboarding import checks, faults
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.reads import read_reference
from st_pipelines.systems.servicenow.tables import update
from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.conftest import sandbox
from st_pipelines_tests.sandbox_servicenow.procurement import load_masters, load_order, receive
from st_pipelines_tests.servicenow.samples import demo_profile

PROFILE = demo_profile()
Connecting = Callable[..., ServiceNow]


@pytest.fixture
def api() -> Iterator[Api]:
    with sandbox(currency_reading="pair") as one:
        load_masters(one)
        load_order(one)
        receive(one, "R1", "1", "6")
        receive(one, "R2", "1", "-2")
        yield one


@pytest.fixture
def connecting(shared: tuple[Engine, Keyring]) -> Iterator[Connecting]:
    made: list[ServiceNow] = []

    def make(api: Api, secret: str = "sn-secret") -> ServiceNow:
        known = {"base_url": api.origin, "username": "qad.integration", "rate_per_s": 2000, "settle_s": 0}
        secrets = {"client_id": Secret("sn-client"), "client_secret": Secret(secret)}
        made.append(connect(Connection(f"sn_{api.origin[-5:]}_{secret}", "servicenow", known, secrets), *shared))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(api: Api, connecting: Connecting) -> ServiceNow:
    return connecting(api)


def staged(client: ServiceNow, name: str, /, **fields: object) -> Imported:
    staging = PROFILE.into(name)
    body = {staging.column(ours): value for ours, value in fields.items()}
    return import_one(client, staging.table, PROFILE.table(staging.lands_in).table, body, reference=str(fields))


def polled(client: ServiceNow, api: Api, profile: Profile = PROFILE, seen: Seen | None = None) -> list[Approved]:
    api.wait(5)  # stamps are whole seconds, and a window ends before the one that runs
    client.read("/api/now/table/sys_user", [("sysparm_limit", "1")], entity="clock")
    return list(ApprovedInvoices(Procurement(client, profile)).poll(seen or Seen()))


def test_onboarding_finds_no_fault(client: ServiceNow) -> None:
    made = checks(client, PROFILE)
    assert [str(one) for one in made if one.ok is False] == []
    assert {one.name for one in made if one.ok} >= {
        "sign-in", "instance", "module sn_ap_apm", "invoices state approved", "user zone", "transform map receipts",
        "receipts external id", "invoices query_range"}  # fmt: skip


def test_onboarding_names_the_licence_that_is_missing(connecting: Connecting) -> None:
    with sandbox(without_scopes="sn_ap_apm") as api:
        found = faults(connecting(api), PROFILE)
    assert "license and install sn_ap_apm" in {one.cure for one in found}


def test_a_wrong_secret_is_refused(api: Api, connecting: Connecting) -> None:
    with pytest.raises(SignInRefused):
        connecting(api, "wrong").read("/api/now/table/sys_user", entity="sign-in")


def test_a_row_is_imported_updated_and_an_orphan_is_an_error(client: ServiceNow) -> None:
    first = staged(client, "suppliers", number="S0002", source="QAD", name="Núñez ^ Söhne")
    again = staged(client, "suppliers", number="S0002", source="QAD", name="Núñez ^ Söhne & Co")
    assert (first.state, again.state) == ("inserted", "updated")
    assert first.target_id == again.target_id
    held = Proof(client).find("sn_fin_supplier", "name", "Núñez ^ Söhne & Co")
    assert held is not None
    assert held["sys_id"] == first.target_id
    orphan = staged(client, "receipts", number="R9", order="P9999", order_line="1", source="QAD", quantity=Decimal(1))
    assert (orphan.state, orphan.target_id) == ("error", "")
    assert orphan.message


def test_many_rows_are_imported_at_once_and_read_back(api: Api, client: ServiceNow) -> None:
    api.control("settings", {"multiple_labels": False})
    staging = PROFILE.into("cost_centers")
    code, source, name = map(staging.column, ("code", "source", "name"))
    rows = [{code: str(2000 + n), source: "QAD", name: f"Shop {n}"} for n in range(40)]
    found = import_many(Proof(client), staging.table, code, rows, reference="first load")
    assert {one.state for one in found.values()} == {"inserted"}
    codes = read_reference(client, PROFILE, "cost_centers").to_pydict()["code"]
    assert codes == ["1100", *(str(2000 + n) for n in range(40))]


def test_orders_lines_and_receipts_are_read_as_they_were_staged(api: Api, client: ServiceNow) -> None:
    api.wait(5)
    procurement = Procurement(client, PROFILE)
    (suppliers,) = procurement.suppliers.whole()
    assert [(one.number, one.name) for one in suppliers.records] == [("S0001", "Acme & Sons")]
    (orders,) = procurement.purchase_orders.whole()
    assert [(one.number, one.supplier, one.currency, one.amount) for one in orders.records] == [
        ("P0001", "S0001", "USD", Decimal("655.00"))]  # fmt: skip
    (lines,) = procurement.order_lines.whole()
    assert {(one.order, one.line_number, one.quantity) for one in lines.records} == {
        ("P0001", "1", Decimal(10)), ("P0001", "2", Decimal(4))}  # fmt: skip
    (receipts,) = procurement.receipts.whole()
    assert sum(one.quantity for one in receipts.records if (one.order, one.order_line) == ("P0001", "1")) == 4
    assert [one.unreadable for one in (suppliers, orders, lines, receipts)] == [[]] * 4


def test_an_approved_invoice_is_seen_on_both_roads_with_its_lines(api: Api, client: ServiceNow) -> None:
    lines = [{"line": "1", "quantity": "4"}, {"line": "2", "quantity": "1.5", "unit_price": "99.99"}]
    (draft,) = api.act("add_invoice", supplier_invoice_number="A^1", purchase_order="P0001", lines=lines, tax="10.00")
    seen = polled(client, api)[-1].seen
    assert sum(len(one.invoices) for one in polled(client, api, seen=seen)) == 0
    api.act("approve_invoice", invoice=draft["number"])
    found = [one for each in polled(client, api, seen=seen) for one in each.invoices]
    primary = found[0]
    assert {one.sys_id for one in found} == {draft["sys_id"]}
    assert (primary.supplier, primary.supplier_invoice_number, primary.order) == ("S0001", "A^1", "P0001")
    assert (primary.currency, primary.amount, primary.tax) == ("USD", Decimal("261.99"), Decimal("10.00"))
    assert [(one.order_line, one.amount, one.cost_center, one.gl_account) for one in primary.lines] == [
        ("1", Decimal("102.00"), "1100", "5000"), ("2", Decimal("149.99"), "1100", "5000")]  # fmt: skip
    outbound = PROFILE.model_copy(update={"invoices": PROFILE.invoices.model_copy(update={"road": "outbound"})})
    (batch,) = [each for each in polled(client, api, outbound) if each.invoices]
    assert [batch.invoices[0].amount, *(one.amount for one in batch.invoices[0].lines)] == [
        Decimal("261.99"), Decimal("102.00"), Decimal("149.99")]  # fmt: skip
    table = PROFILE.table("outbound_invoices")
    claimed = update(client, table.table, batch.invoices[0].sys_id, {table.column("state"): "20"}, reference="A^1")
    assert claimed.ignored == ()
    assert [each for each in polled(client, api, outbound) if each.invoices] == []


def test_an_invoice_in_another_currency_keeps_it(api: Api, client: ServiceNow) -> None:
    coded = [
        {"quantity": "1", "unit_price": "80.00", "cost_center": "1100", "gl_account": "5000", "description": "Rent"}
    ]
    (draft,) = api.act("add_invoice", supplier_invoice_number="B-1", supplier="S0001", legal_entity="10USACO",
                       lines=coded, currency="EUR")  # fmt: skip
    api.act("approve_invoice", invoice=draft["number"])
    (found,) = [one for each in polled(client, api) for one in each.invoices]
    assert (found.order, found.currency, found.amount, found.legal_entity) == ("", "EUR", Decimal("80.00"), "10USACO")


def test_a_resubmitted_invoice_is_another_row_of_the_same_identity(api: Api, client: ServiceNow) -> None:
    (draft,) = api.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001",
                       lines=[{"line": "1", "quantity": "2"}])  # fmt: skip
    api.act("approve_invoice", invoice=draft["number"])
    api.act("resubmit_invoice", invoice=draft["number"], as_new=True)
    found = [one for each in polled(client, api) for one in each.invoices]
    assert {(one.supplier, one.supplier_invoice_number) for one in found} == {("S0001", "A-1")}
    assert len({one.sys_id for one in found}) >= 1
