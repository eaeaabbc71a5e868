"""What is wrong with the tenant or a record on the way from QAD to ServiceNow: refused or held with the exact reason,
nothing is sent meanwhile, and once it is mended everything arrives, once."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from st_pipelines.systems.servicenow.onboarding import GRANT
from st_pipelines_tests.procurement.pair import Pair, pair

BY = ("--by", "ap.clerk", "--reason", "mended in ServiceNow")
TODAY = ("run", "--integration", "demo_servicenow", "--from", "2026-11-01", "--to", "2026-11-02", "--json")
RUN = ("run", "--integration", "demo_servicenow", "--from", "2026-09-01", "--to", "2026-11-02", "--json")


def everything_arrived_once(tenant: Pair) -> None:
    """QAD's orders, lines and receipts are there, none twice, to the piece; a further run sends nothing."""
    ran = tenant.command.here(*RUN)
    assert ran.code == 0, ran
    for qad, servicenow in (("purchase_orders", "sn_shop_purchase_order"), ("receipts", "sn_shop_receipt"),
                            ("purchase_order_lines", "sn_shop_purchase_order_line")):  # fmt: skip
        assert len(tenant.out.state("qad", qad)) == len(tenant.out.state("servicenow", servicenow)) > 0
    assert tenant.out.received_in_servicenow() == tenant.out.received_in_qad()
    assert (again := tenant.command.here(*RUN)).code == 0
    assert again.json["sent"] == 0


def states(tenant: Pair) -> dict[str, int]:
    with tenant.out.session() as session, session.engine.connect() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM posting GROUP BY state"))
        return {row.state: row[1] for row in rows}


def reasons(tenant: Pair, state: str) -> list[str]:
    with tenant.out.session() as session, session.engine.connect() as connection:
        asked = text("SELECT reason FROM posting WHERE state = :state")
        return list(connection.execute(asked, {"state": state}).scalars())


def off(tenant: Pair) -> None:
    tenant.act("set_property", name=GRANT, value="false")
    tenant.out.connect()  # no token of before


def renamed(table: str, element: str) -> tuple[Callable[[Pair], Any], Callable[[Pair], Any]]:
    return (lambda tenant: tenant.act("rename_column", table=table, element=element, to="u_moved"),
            lambda tenant: tenant.act("rename_column", table=table, element="u_moved", to=element))  # fmt: skip


WRONG = [
    (lambda tenant: tenant.act("set_property", name="instance_name", value="acmetest"),
     lambda tenant: tenant.act("set_property", name="instance_name", value="demo"),
     ("acmetest", "base_url")),
    (lambda tenant: tenant.act("uninstall_scope", scope="sn_fcms_intg"),
     lambda tenant: tenant.act("install_scope", scope="sn_fcms_intg"),
     ("sn_fcms_intg_imp_receipt", "install what is missing")),
    (off, lambda tenant: tenant.act("set_property", name=GRANT, value="true"), ("401",)),
    (*renamed("sn_fcms_intg_imp_receipt", "u_quantity_received"),
     ("sn_fcms_intg_imp_receipt.u_quantity_received", "correct the profile")),
    (*renamed("sn_shop_receipt", "erp_gr_number"), ("sn_shop_receipt.erp_gr_number", "correct the profile")),
]  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("bad_input")) as made:
        yield made


def test_a_tenant_that_is_not_as_it_should_be_is_sent_nothing_and_all_arrives_once_it_is(company: Pair) -> None:
    """Wrong instance, table missing, property off, a staging column and a column renamed, one after the other."""
    for spoil, mend, words in WRONG:
        company.out.act("qad", action="rename_supplier", supplier="PS0001", name=f"Needs saying {words[0]}")
        before = company.out.writes("servicenow")
        spoil(company)
        ran = company.command.here(*TODAY)
        assert ran.code == 3, ran
        assert all(word in ran.json["error"] for word in words), ran.json["error"]
        assert company.out.writes("servicenow") == before
        assert set(states(company)) <= {"planned", "posted", "superseded"}
        mend(company)
    everything_arrived_once(company)


def test_a_missing_role_refuses_with_the_instances_words_and_what_is_replayed_arrives(tmp_path: Path) -> None:
    with pair(tmp_path) as tenant:
        tenant.act("revoke_role", user="qad.integration", role="import_transformer")
        ran = tenant.command.here(*RUN)
        assert ran.code in (1, 3), ran
        refused = reasons(tenant, "rejected")
        assert refused and all("import_transformer" in one for one in refused)
        assert tenant.out.state("servicenow", "sn_fin_supplier") == []
        tenant.act("grant_role", user="qad.integration", role="import_transformer")
        again = ("replay", "--integration", "demo_servicenow", "--run", ran.json["run_id"], *BY, "--yes", "--json")
        assert (replayed := tenant.command.here(*again)).code == 0
        assert replayed.json["planned"] == len(refused)
        everything_arrived_once(tenant)


def test_no_name_of_a_supplier_changes_a_question_or_another_supplier(company: Pair) -> None:
    code = company.out.state("qad", "purchase_orders")[0]["supplierCode"]
    for name in ("Acme^ORstate=1", "Acme\nsecond line", "javascript:gs.log(1)", "O'Neil & Søn, «AB» ^"):
        company.out.act("qad", action="rename_supplier", supplier=code, name=name)
        assert company.command.here(*TODAY).code == 0
        held = company.out.state("servicenow", "sn_fin_supplier")
        assert [row["name"] for row in held if row["erp_company_code"] == code] == [name]
        assert len({row["erp_company_code"] for row in held}) == len(held) > 1
        assert [row["erp_company_code"] for row in held if row["name"] == name] == [code]
    everything_arrived_once(company)


def test_a_number_that_the_column_would_cut_is_held_and_says_so(tmp_path: Path) -> None:
    with pair(tmp_path) as tenant:
        tenant.act("change_column", table="sn_shop_receipt", element="erp_gr_number", fields={"max_length": "4"})
        assert tenant.command.here(*RUN).code == 1
        held = reasons(tenant, "held")
        assert held and all("sn_shop_receipt.erp_gr_number holds 4: it would be cut silently" in one for one in held)
        assert tenant.out.state("servicenow", "sn_shop_receipt") == []
        assert sum(abs(Decimal(str(row["quantityReceived"]))) for row in tenant.out.state("qad", "receipts")) > 0
        tenant.act("change_column", table="sn_shop_receipt", element="erp_gr_number", fields={"max_length": "40"})
        release = ("holds", "release", "--integration", "demo_servicenow", "--code", "cannot_render", *BY, "--yes")
        released = tenant.command.here(*release, "--json")
        assert released.code == 0, released
        everything_arrived_once(tenant)


def test_imported_orders_that_go_out_again_are_named_and_nothing_comes_back_from_them(tmp_path: Path) -> None:
    with pair(tmp_path) as tenant:
        tenant.set(echo=True)
        everything_arrived_once(tenant)
        orders = len(tenant.out.state("qad", "purchase_orders"))
        pinged = tenant.command.here("connections", "ping", "demo_sn", "--json")
        assert pinged.code == 1
        said = [one["fault"] for one in pinged.json["faults"]]
        assert len(said) == 2, said
        assert f"sn_spend_intg_outbound_purchase_order holds {orders} rows of what was imported from QAD" in said[0]
        assert "switch off the subflow that fills sn_spend_intg_outbound_receipt" in said[1]
        back = ("run", "--integration", "demo_servicenow_back", "--from", "2026-11-02", "--to", "2026-11-02", "--json")
        assert tenant.command.here(*back).json["sent"] == 0
        assert len(tenant.out.state("qad", "purchase_orders")) == orders
