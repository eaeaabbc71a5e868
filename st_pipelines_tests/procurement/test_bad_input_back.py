"""What is wrong with the tenant on the way back: refused with the exact reason, nothing is read from another instance
or posted meanwhile, and once it is mended the invoice stands in QAD, once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from st_pipelines.systems.servicenow.onboarding import GRANT
from st_pipelines_tests.cli.command import CommandLine, Ran
from st_pipelines_tests.procurement.accounts_payable import Payables, payables

DAY = ("--from", "2026-11-02", "--to", "2026-11-02")
Act = Callable[[Payables], Any]


def command(company: Payables, *arguments: str) -> Ran:
    home = company.back.home
    environment = {"ST_PIPELINES_HOME": str(home), "ST_PIPELINES_MAPPINGS": str(home / "mappings")}
    return CommandLine(home, environment).here(*arguments, "--json")


def run(company: Payables) -> Ran:
    return command(company, "run", "--integration", "demo_servicenow_back", *DAY)


def do(action: str, **order: Any) -> Act:
    return lambda company: company.act(action, **order)


def off(company: Payables) -> None:
    company.act("set_property", name=GRANT, value="false")
    company.back.connect()  # no token of before


ROLE = {"user": "qad.integration", "role": "sn_shop.accounts_payable_viewer"}
WRONG: list[tuple[str, Act, Act, tuple[str, ...]]] = [
    ("wrong instance", do("set_property", name="instance_name", value="acmetest"),
     do("set_property", name="instance_name", value="demo"), ("acmetest", "base_url")),
    ("property off", off, do("set_property", name=GRANT, value="true"), ("401",)),
    ("table missing", do("uninstall_scope", scope="sn_shop"), do("install_scope", scope="sn_shop"),
     ("sn_shop_invoice", "no such table")),
    ("column renamed", do("rename_column", table="sn_shop_invoice", element="supplier_invoice_number", to="u_moved"),
     do("rename_column", table="sn_shop_invoice", element="u_moved", to="supplier_invoice_number"),
     ("sn_shop_invoice", "supplier_invoice_number")),
    ("rows hidden", do("add_acl", name="sn_shop_invoice", operation="read", roles=["admin"]),
     do("drop_acl", name="sn_shop_invoice", operation="read"), ("sn_shop_invoice", "403")),
]  # fmt: skip


def test_a_tenant_that_is_not_as_it_should_be_posts_nothing_and_the_invoice_stands_once_it_is(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        for place, (name, spoil, mend, words) in enumerate(WRONG):
            number = f"B-100{place}"
            company.approved(number)
            spoil(company)
            ran = run(company)
            assert ran.code == 3, (name, ran)
            assert all(word in ran.json["error"] for word in words), (name, ran.json["error"])
            assert company.booked(number) == [], name
            mend(company)
            company.later()
            assert run(company).code == 0, name
            assert len(company.booked(number)) == 1, name
        company.later()
        before = company.writes()
        assert run(company).code == 0
        assert company.writes() == before


def test_a_reference_that_does_not_fit_the_custom_field_holds_the_invoice(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        file = company.back.folder / "qad_profile.yaml"
        whole = file.read_text()
        head, invoice = whole.split("  supplierInvoice:", 1)
        short = invoice.replace("customLong0: 255", "customShort0: 20", 1).replace("customLong0", "customShort0", 1)
        file.write_text(f"{head}  supplierInvoice:{short}")
        company.approved("B-2001")
        ran = run(company)
        assert ran.code == 1, ran
        ((code, reason),) = company.held()
        assert code == "cannot_render"
        assert "customShort0" in reason and "20" in reason, reason
        assert company.booked() == []
        file.write_text(whole)
        held = ("--integration", "demo_servicenow_back", "--code", "cannot_render")
        assert command(company, "holds", "release", *held, "--by", "Ann", "--reason", "mended", "--yes").code == 0
        again = run(company)
        assert again.code == 0, again.out
        assert len(company.booked("B-2001")) == 1
