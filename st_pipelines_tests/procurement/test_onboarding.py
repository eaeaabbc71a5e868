"""``connections ping`` and ``integrations check`` of the pair: every fault by its name and with its cure, in the system
where it is, for the flows that need it; a healthy tenant has none; what is hidden is unknown; nothing is written."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from st_pipelines.integrations.onboarding import SIDES
from st_pipelines.systems.servicenow.onboarding import GRANT
from st_pipelines_tests.procurement.pair import DIRECTIONS, Pair, pair

OUT, BACK = DIRECTIONS
SERVICENOW = {OUT: "target", BACK: "source"}
QAD = {OUT: "source", BACK: "target"}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("onboarding")) as made:
        yield made


@pytest.fixture
def tenant(ready: Pair) -> Iterator[Pair]:
    """As it was set up; what a test breaks is whole again afterwards."""
    kept = {path: path.read_text() for one in (ready.out, ready.back) for path in one.folder.glob("*.yaml")}
    yield ready
    for path, text in kept.items():
        path.write_text(text)
    for system in ("servicenow", "qad"):
        httpx.post(f"{ready.out.origin(system)}/_sandbox/reset").raise_for_status()
    ready.out.connect()  # and no token of before


def on(table: str, where: dict[str, str], fields: dict[str, str]) -> Callable[[Pair], Any]:
    """An administrator changes rows of the instance's own tables."""

    def change(tenant: Pair) -> None:
        found = [row for row in tenant.out.state("servicenow", table)
                 if all(row[name] == value for name, value in where.items())]  # fmt: skip
        assert found, f"no {table} with {where}"
        for row in found:
            tenant.act("set_fields", table=table, sys_id=row["sys_id"], fields=fields)

    return change


def do(action: str, **order: Any) -> Callable[[Pair], Any]:
    return lambda tenant: tenant.act(action, **order)


def no_grant(tenant: Pair) -> None:
    """The switch is off, and no token from before is kept."""
    tenant.act("set_property", name=GRANT, value="false")
    tenant.out.connect()


def without_coalesce(tenant: Pair) -> None:
    (held,) = [row["sys_id"] for row in tenant.out.state("servicenow", "sys_transform_map")
               if row["source_table"] == "sn_fcms_intg_imp_receipt"]  # fmt: skip
    on("sys_transform_entry", {"map": held}, {"coalesce": "false"})(tenant)


def no_ranges(tenant: Pair) -> None:
    tenant.act("insert", table="sn_shop_receipt", fields={"erp_gr_number": "RC1-1"})
    tenant.act("add_acl", name="sn_shop_receipt.sys_updated_on", operation="query_range", roles=["admin"])


def bare_amounts(tenant: Pair) -> None:
    tenant.act("insert", table="sn_shop_purchase_order", fields={"erp_number": "P1", "total_amount": "EUR;10.00"})
    tenant.set(currency_reading="amount")


PROFILE = "servicenow_profile.yaml"
IN_SERVICENOW = [
    (OUT, no_grant, "sign-in", GRANT),
    (BACK, no_grant, "sign-in", GRANT),
    (OUT, do("set_property", name="instance_name", value="acmetest"), "behind the address is 'acmetest'", "base_url"),
    (BACK, do("set_property", name="instance_name", value="acmetest"), "behind the address is 'acmetest'", "base_url"),
    (BACK, do("uninstall_scope", scope="sn_ap_apm"), "module sn_ap_apm: not installed (approval of supplier",
     "license and install sn_ap_apm"),
    (BACK, on("sys_scope", {"scope": "sn_ap_apm"}, {"active": "false"}), "module sn_ap_apm: installed and not active",
     "activate sn_ap_apm"),
    (OUT, on("sys_scope", {"scope": "sn_shop"}, {"active": "false"}), "module sn_shop: installed and not active",
     "activate sn_shop"),
    (OUT, do("uninstall_scope", scope="sn_fcms_intg"), "there is no table sn_fcms_intg_imp_receipt",
     "install and license its application"),
    (BACK, do("uninstall_scope", scope="sn_shop"), "sn_shop_invoice_line does not exist", "install and license"),
    (OUT, do("revoke_role", user="qad.integration", role="import_transformer"), "role import_transformer", "the role"),
    (BACK, do("revoke_role", user="qad.integration", role="sn_shop.accounts_payable_viewer"),
     "role sn_shop.accounts_payable_viewer: the integration user lacks it", "give the integration user the role"),
    (OUT, do("add_acl", name="sn_shop_receipt", operation="read", roles=["admin"]), "sn_shop_receipt may not be read",
     "give the integration user a role that reads sn_shop_receipt"),
    (OUT, do("rename_column", table="sn_shop_receipt", element="erp_gr_number", to="u_gr"),
     "sn_shop_receipt has no erp_gr_number, which is our number", "correct the column in the profile"),
    (OUT, do("rename_column", table="sn_fcms_intg_imp_order", element="u_po_amount", to="u_amount"),
     "sn_fcms_intg_imp_order has no u_po_amount (an assumed name)", "correct the column in the profile"),
    (BACK, do("rename_column", table="sn_shop_invoice", element="supplier_invoice_number", to="u_number"),
     "sn_shop_invoice has no supplier_invoice_number", "correct the column in the profile"),
    (BACK, on("sys_choice", {"label": "Approved"}, {"label": "Freigegeben"}), "no active choice 'Approved'",
     "correct the label"),
    (OUT, without_coalesce, "does not coalesce on", "let the map coalesce on the key"),
    (OUT, on("sys_transform_map", {"source_table": "sn_fcms_intg_imp_order"}, {"active": "false"}),
     "no active transform map leads from sn_fcms_intg_imp_order", "activate the map"),
    (OUT, do("change_column", table="sn_shop_receipt", element="erp_gr_number", fields={"max_length": "20"}),
     "sn_shop_receipt.erp_gr_number holds 20 characters, and a key such as a sys_id has 32", "make it 32 wide"),
    (OUT, do("set_user", user="qad.integration", fields={"time_zone": "US/Pacific"}), "time zone is US/Pacific", "GMT"),
    (OUT, no_ranges,
     "range conditions on sys_updated_on are not granted", "grant query_range on sn_shop_receipt.sys_updated_on"),
    (OUT, do("insert", table="sn_spend_intg_outbound_receipt", fields={"erp_source": "QAD", "erp_number": "RC7-1"}),
     "sn_spend_intg_outbound_receipt holds 1 rows of what was imported from QAD (such as 'RC7-1')",
     "switch off the subflow that fills sn_spend_intg_outbound_receipt"),
    (OUT, bare_amounts, "shows '", "set amounts of the table in the profile"),
    (OUT, lambda tenant: tenant.edit(OUT, PROFILE, "    table: sn_shop_purchase_order  ",
                                     "    amounts: reference\n    table: sn_shop_purchase_order  "),
     "documents in EUR are carried, and the profile says that sn_shop_purchase_order shows bare amounts in USD",
     "amounts: pair"),
    (OUT, lambda tenant: tenant.edit(OUT, PROFILE, "    table: sn_fcms_intg_imp_receipt",
                                     "    insert_multiple: names\n    table: sn_fcms_intg_imp_receipt"),
     "sn_fcms_intg_imp_receipt takes column labels, and column names are sent", "sys_rest_insert_multiple"),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "spoil", "what", "cure"), IN_SERVICENOW)
def test_what_servicenow_lacks_is_named(
    direction: str, spoil: Callable[[Pair], Any], what: str, cure: str, tenant: Pair
) -> None:
    spoil(tenant)
    faults = [str(one) for one in tenant.found(direction, SERVICENOW[direction]) if one.certain]
    assert any(what in fault and cure in fault for fault in faults), faults


def forbidden(path: str) -> Callable[[Pair], Any]:
    return lambda tenant: tenant.out.arm("qad", action="forbidden", count=None, match={"path": f"/{path}$"})


def unconfirmed(tenant: Pair) -> None:
    invoice = "  supplierInvoice:\n    status: assumed\n"
    tenant.edit(BACK, "qad_profile.yaml", f"{invoice}    writes_confirmed: true\n", invoice)


def forbidden_in_the_second_company(tenant: Pair) -> None:
    """The first one asks twice: for a record, and for the name of the array."""
    tenant.out.arm("qad", action="forbidden", every=3, count=1, match={"path": "/supplierInvoices$"})


IN_QAD = [
    (BACK, forbidden_in_the_second_company, "supplierInvoice in 10USA_20USACO: no permission", "grant the API user's"),
    (OUT, forbidden("purchaseOrderReceipts"), "receipt: no permission", "grant the API user's role access"),
    (BACK, forbidden("supplierInvoices"), "supplierInvoice: no permission", "grant the API user's role access"),
    (OUT, lambda tenant: tenant.edit(OUT, "qad_profile.yaml", "/api/erp/purchaseOrderHeaders", "/api/erp/orders"),
     "purchaseOrder: wrong path", "take the path from the tenant's Swagger page"),
    (BACK, lambda tenant: tenant.edit(BACK, "qad_profile.yaml", "array: supplierInvoices", "array: invoices"),
     "supplierInvoice", "correct the profile"),
    (OUT, lambda tenant: tenant.edit(OUT, "qad_profile.yaml", "quantity: quantityReceived", "quantity: pieces"),
     "receipt fields: the tenant has no field pieces", "in the profile"),
    (OUT, lambda tenant: tenant.edit(OUT, "integration.yaml", "10USA_20USACO", "10USA_99USACO"),
     "workspace: QAD denies the API user 10USA_99USACO", "the books are the pinned ones"),
    (OUT, lambda tenant: tenant.edit(OUT, "qad_profile.yaml", "    title: description ", "    # no title "),
     "without it legal entities have no name", "in the profile"),
    (BACK, unconfirmed, "supplierInvoice: assumed and not confirmed", "writes_confirmed: true"),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "spoil", "what", "cure"), IN_QAD)
def test_what_qad_lacks_is_named(
    direction: str, spoil: Callable[[Pair], Any], what: str, cure: str, tenant: Pair
) -> None:
    spoil(tenant)
    faults = [str(one) for one in tenant.found(direction, QAD[direction]) if one.certain]
    assert any(what in fault and cure in fault for fault in faults), faults


def test_a_custom_field_that_holds_no_sys_id_is_named(tenant: Pair) -> None:
    text = (tenant.back.folder / "qad_profile.yaml").read_text()
    head, invoice = text.split("  supplierInvoice:", 1)
    short = invoice.replace("customLong0: 255", "customShort0: 20", 1).replace("customLong0", "customShort0", 1)
    (tenant.back.folder / "qad_profile.yaml").write_text(f"{head}  supplierInvoice:{short}")
    faults = [str(one) for one in tenant.found(BACK, "target") if one.certain]
    assert any("supplierInvoice fields: externalReference is customShort0, which holds 20 characters" in fault
               and "such as customLong0" in fault for fault in faults), faults  # fmt: skip


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_healthy_pair_has_no_fault_and_only_amounts_of_empty_tables_are_unknown(direction: str, tenant: Pair) -> None:
    for side in SIDES:
        found = tenant.found(direction, side)
        assert [str(one) for one in found if one.certain] == []
        assert all("to look at" in one.what for one in found), [str(one) for one in found]
    for system in ("qad", "servicenow"):
        methods = {one["method"] for one in tenant.control(system, "log", limit=100_000)["requests"]
                   if "/api/" in one["path"]}  # fmt: skip
        assert methods == {"GET"}


def test_on_the_outbound_road_its_own_tables_are_asked_for(tenant: Pair) -> None:
    tenant.edit(OUT, PROFILE, "road: primary", "road: outbound")
    assert [str(one) for one in tenant.found(BACK, "source") if one.certain] == []
    tenant.act("rename_column", table="sn_spend_intg_outbound_invoice", element="amount_invoiced", to="u_amount")
    tenant.act("change_column", table="sn_spend_intg_outbound_invoice", element="erp_number",
               fields={"read_only": "true"})  # fmt: skip
    faults = " ".join(str(one) for one in tenant.found(BACK, "source") if one.certain)
    assert "sn_spend_intg_outbound_invoice has no amount_invoiced" in faults
    assert "sn_shop_invoice" not in faults
    tenant.act("rename_column", table="sn_spend_intg_outbound_invoice", element="u_amount", to="amount_invoiced")
    told = [str(one) for one in tenant.found(BACK, "source") if one.certain]
    assert len(told) == 1 and "sn_spend_intg_outbound_invoice.erp_number is read only" in told[0], told


def test_a_column_for_the_result_that_is_too_short_is_named(tenant: Pair) -> None:
    tenant.act("change_column", table="sn_shop_invoice", element="u_erp_message", fields={"max_length": "20"})
    (fault,) = [str(one) for one in tenant.found(BACK, "source") if one.certain]
    assert "sn_shop_invoice.u_erp_message holds 20 characters: what is told would be cut" in fault
    assert "make it 32 wide" in fault


@pytest.mark.parametrize(
    ("spoil", "what"),
    [(do("add_acl", name="sys_dictionary", operation="read", roles=["admin"]), "sys_dictionary"),
     (do("drop_acl", name="sys_choice", operation="read"), ""),
     (do("add_acl", name="sys_scope", operation="read", roles=["admin"]), "sys_scope"),
     (do("add_acl", name="sys_properties", operation="read", roles=["admin"]), "sys_properties"),
     (do("add_acl", name="sys_transform_map", operation="read", roles=["admin"]), "sys_transform_map"),
     (do("change_column", table="sn_shop_receipt", element="erp_gr_number", fields={"unique": "false"}),
      "WARNING: sn_shop_receipt.erp_gr_number has no unique index"),
     (do("insert", table="proc_po", fields={"number": "PO1"}), "WARNING: proc_po holds 1 orders")],
)  # fmt: skip
def test_what_is_hidden_or_only_unwise_is_told_and_is_no_fault(
    spoil: Callable[[Pair], Any], what: str, tenant: Pair
) -> None:
    spoil(tenant)
    found = tenant.found(OUT, "target")
    assert [str(one) for one in found if one.certain] == []
    assert any(what in str(one) for one in found), [str(one) for one in found]


def test_what_no_flow_needs_is_not_asked_for(tenant: Pair) -> None:
    """Without invoices no licence of their approval; without receipts neither their tables nor QAD's permission."""
    tenant.act("uninstall_scope", scope="sn_ap_apm")
    tenant.act("rename_column", table="sn_shop_receipt", element="quantity_received", to="u_quantity")
    forbidden("purchaseOrderReceipts")(tenant)
    tenant.edit(OUT, "integration.yaml", "purchase_order_lines, receipts]", "purchase_order_lines]")
    assert [str(one) for side in SIDES for one in tenant.found(OUT, side) if one.certain] == []


def test_the_commands_say_the_same_with_their_exit_codes(tenant: Pair) -> None:
    run = tenant.command.here
    for name in ("demo_sn", "demo_sn_qad"):
        healthy = run("connections", "ping", name, "--json")
        assert (healthy.code, healthy.json["ok"], healthy.json["faults"]) == (0, True, [])
        assert healthy.json["integrations"] == list(DIRECTIONS)
    checked = run("integrations", "check", "--json")
    assert (checked.code, checked.json["ok"], checked.json["asked"]) == (0, True, list(DIRECTIONS))
    tenant.act("uninstall_scope", scope="sn_ap_apm")
    for arguments in (("connections", "ping", "demo_sn"), ("integrations", "check"), ("integrations", "check", BACK)):
        ran = run(*arguments, "--json")
        assert (ran.code, ran.json["ok"]) == (1, False)
        assert [(one["integration"], "sn_ap_apm" in one["fault"]) for one in ran.json["faults"]] == [(BACK, True)]
        assert "license and install sn_ap_apm" in run(*arguments).out
    assert run("integrations", "check", OUT).code == 0
    assert run("integrations", "check", BACK, "--offline").code == 0
