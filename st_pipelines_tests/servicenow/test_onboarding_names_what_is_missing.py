"""Each missing thing by its name and with what the administrator must do; hidden metadata is unknown, not missing."""

from collections.abc import Callable
from typing import Any

import pytest

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.needs import Needs
from st_pipelines.systems.servicenow.onboarding import checks, faults
from st_pipelines_tests.servicenow.hostile import Hostile
from st_pipelines_tests.servicenow.samples import demo_profile, fill, invoice, line, order, order_line

DEMO = demo_profile()
# What is read back of staged records is looked at against the sandbox, in the tests of the pair.
STAGING = {name: one.model_copy(update={"read_back": {}}) for name, one in DEMO.staging.items()}
PROFILE = DEMO.model_copy(update={"staging": STAGING})


@pytest.fixture
def instance(hostile: Hostile, address: str, connected: Callable[..., ServiceNow]) -> ServiceNow:
    fill(hostile, PROFILE)
    return connected(address, username="integration")


def drop(hostile: Hostile, table: str, column: str) -> None:
    hostile.tables["sys_dictionary"] = [row for row in hostile.tables["sys_dictionary"]
                                        if (row["name"], row["element"]) != (table, column)]  # fmt: skip
    for row in hostile.tables[table]:
        row.pop(column, None)


def without(hostile: Hostile, table: str, **where: str) -> None:
    hostile.tables[table] = [row for row in hostile.tables[table]
                             if any(row.get(name) != value for name, value in where.items())]  # fmt: skip


def with_documents(hostile: Hostile) -> dict[str, Any]:
    head = invoice("1")
    hostile.tables["sn_shop_invoice"].append(head)
    hostile.tables["sn_shop_invoice_line"].append(line("1", head))
    hostile.tables["sn_shop_purchase_order"].append(order("1"))
    hostile.tables["sn_shop_purchase_order_line"].append(order_line("1"))
    return head


def test_an_instance_that_fits_has_no_fault_and_nothing_unknown(hostile: Hostile, instance: ServiceNow) -> None:
    with_documents(hostile)
    made = checks(instance, PROFILE)
    assert [str(one) for one in made if one.ok is not True] == []
    assert len(made) > 50


@pytest.mark.parametrize(
    ("spoil", "where", "what", "cure"),
    [(lambda h: h.tables.pop("sn_shop_receipt") and h.tables["sys_db_object"].remove(
        next(row for row in h.tables["sys_db_object"] if row["name"] == "sn_shop_receipt")),
      "receipts", "sn_shop_receipt does not exist", "install and license"),
     (lambda h: drop(h, "sn_shop_invoice", "supplier_invoice_number"), "invoices columns",
      "sn_shop_invoice has no supplier_invoice_number", "correct the column in the profile, or add it"),
     (lambda h: drop(h, "sn_shop_purchase_order_line", "erp_line_number"), "invoice_lines columns",
      "order_line.erp_line_number (an assumed name)", "correct the column"),
     (lambda h: h.denied.add("sn_shop_purchase_order"), "purchase_orders", "may not be read",
      "give the integration user"),
     (lambda h: setattr(h, "hidden", lambda table, row: table == "sn_fin_gl_account"), "gl_accounts",
      "has 1 rows and none may be read", "role that reads sn_fin_gl_account"),
     (lambda h: without(h, "sys_scope", scope="sn_ap_apm"), "module sn_ap_apm", "not installed (approval of supplier",
      "license and install sn_ap_apm"),
     (lambda h: h.tables["sys_scope"][4].update(active="false"), "module sn_ap_apm", "not active", "activate"),
     (lambda h: without(h, "sys_choice", label="Approved"), "invoices state approved", "no active choice 'Approved'; "
      "there are: Canceled, Draft", "correct the label"),
     (lambda h: h.tables["sys_user_has_role"].pop(0), "role sn_fcms_intg.integration_user", "lacks it",
      "the role sn_fcms_intg.integration_user"),
     (lambda h: h.tables["sys_user"][-1].update(time_zone="US/Pacific"), "user zone", "US/Pacific", "zone to GMT"),
     (lambda h: h.tables["sys_properties"][0].update(value="other"), "instance", "'other', the profile is for 'demo'",
      "base_url"),
     (lambda h: drop(h, "sn_fcms_intg_imp_receipt", "u_erp_receipt_number"), "staging receipts",
      "has no u_erp_receipt_number (an assumed name)", "correct the column"),
     (lambda h: without(h, "sys_transform_map", source_table="sn_fcms_intg_imp_receipt"), "transform map receipts",
      "no active transform map", "activate"),
     (lambda h: [row.update(coalesce="false") for row in h.tables["sys_transform_entry"]], "transform map receipts",
      "does not coalesce on", "let the map coalesce")],
)  # fmt: skip
def test_each_missing_thing_is_named(
    spoil: Callable[[Hostile], Any], where: str, what: str, cure: str, hostile: Hostile,
    instance: ServiceNow,
) -> None:  # fmt: skip
    spoil(hostile)
    found = faults(instance, PROFILE)
    named = [one for one in found if one.name == where and what in one.detail]
    assert named, [str(one) for one in found]
    assert cure in named[0].cure


def test_a_table_that_must_have_rows_and_shows_none_is_hidden_unless_it_is_filled_from_here(
    hostile: Hostile, instance: ServiceNow
) -> None:
    hostile.tables["sn_fin_legal_entity"].clear()
    (fault,) = faults(instance, PROFILE, Needs(["legal_entities"]))
    assert "shows no row, and it must have some" in fault.detail and "role" in fault.cure
    assert faults(instance, PROFILE, Needs(["legal_entities"], ["legal_entities"])) == []


def unknown(made: list[Check], name: str) -> list[Check]:
    return [one for one in made if one.ok is None and one.name.startswith(name)]


def test_a_missing_unique_index_is_a_loud_warning(hostile: Hostile, instance: ServiceNow) -> None:
    for row in hostile.tables["sys_dictionary"]:
        row["unique"] = "false"
    (warned, *_) = unknown(checks(instance, PROFILE), "receipts external id")
    assert warned.detail.startswith("WARNING: sn_shop_receipt.erp_gr_number has no unique index")
    assert warned.cure == "make sn_shop_receipt.erp_gr_number unique"


@pytest.mark.parametrize("table", ["sys_dictionary", "sys_db_object", "sys_choice", "sys_scope", "sys_properties",
                                   "sys_user_has_role", "sys_transform_map", "sys_transform_entry"])  # fmt: skip
def test_metadata_that_may_not_be_read_is_unknown_not_missing(
    table: str, hostile: Hostile, instance: ServiceNow
) -> None:
    hostile.denied = {table}
    made = checks(instance, PROFILE)
    assert [str(one) for one in made if one.ok is False] == []
    assert any(table in one.detail + one.cure for one in made if one.ok is None)


def test_ranges_on_sys_id_that_are_not_granted_are_slow_and_on_the_stamp_a_fault(
    hostile: Hostile, instance: ServiceNow
) -> None:
    with_documents(hostile)
    hostile.no_range = {"sys_id"}
    made = checks(instance, PROFILE)
    assert "read by offsets" in unknown(made, "invoices query_range")[0].detail
    hostile.no_range = {"sys_updated_on"}
    (fault,) = [one for one in faults(instance, PROFILE) if one.name == "invoices query_range"]
    assert fault.cure == "grant query_range on sn_shop_invoice.sys_updated_on to the integration user"


def test_amounts_in_another_form_than_the_profile_says_are_a_fault(hostile: Hostile, instance: ServiceNow) -> None:
    with_documents(hostile)["invoice_amount"] = "108.25"
    (fault,) = faults(instance, PROFILE)
    assert str(fault).startswith("invoices amounts: sn_shop_invoice.invoice_amount shows '108.25', and the profile")


def test_a_sign_in_that_fails_ends_it_and_names_the_property(
    hostile: Hostile, address: str, connected: Callable[..., ServiceNow], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connected(address)
    hostile.expired = {f"token-{n}" for n in range(1, 50)}
    (only,) = checks(client, PROFILE)
    assert only.ok is False
    assert "glide.oauth.inbound.client.credential.grant_type.enabled" in only.cure


def test_without_a_user_name_roles_and_zone_are_unknown(
    hostile: Hostile, address: str, connected: Callable[..., ServiceNow]
) -> None:
    fill(hostile, PROFILE)
    made = checks(connected(address), PROFILE)
    assert unknown(made, "user")[0].cure == "set username of the connection to the OAuth application user"
