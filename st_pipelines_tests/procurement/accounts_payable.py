"""The way back under test: what people in Accounts Payable do, one pass of ServiceNow to QAD, and what both sides hold.

``booked`` and ``invoice`` read the sandboxes' own books, not what the product says of them.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml
from sqlalchemy import text

from st_pipelines.cli.one_pass import chosen_flows, days_between, tell
from st_pipelines.integrations.write_back import WriteBack
from st_pipelines_tests.procurement.buyer import DEMO, Buyer, buyer

BACK = DEMO.parent / "demo_servicenow_back"
NOW = date(2026, 11, 2)
DAYS = days_between(NOW, NOW)  # what people do in a test happens on this day
MONTHS = (date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1))
SUPPLIER, OTHER = "PS0001", "PS0002"
TAX, FREIGHT = "5300", "5200"
CODES = (("1100", "5000"), ("2100", "5100"), ("4100", "5400"))  # cost centers and GL accounts that ServiceNow knows


@dataclass
class Payables:
    """``forth``: the other direction of the same company."""

    back: Buyer
    forth: Buyer

    def post(self, days: Sequence[date] = DAYS) -> Counter[str]:
        """Reads, maps and posts; gives where the documents of these days stand."""
        passed = self.back.run(days)
        assert not passed.stopped, passed.stopped
        assert not passed.differing, passed.differing
        return sum((Counter(day.counts) for day in passed.days), Counter())

    def run(self, days: Sequence[date] = DAYS) -> tuple[Counter[str], WriteBack]:
        """The same, and ServiceNow is told."""
        stand = self.post(days)
        return stand, self.tell(days)

    def tell(self, days: Sequence[date] = DAYS) -> WriteBack:
        with self.back.session() as session:
            (told,) = tell(session, chosen_flows(session, ()), days, str(uuid4()), "tests", lambda _: None)
        self.later()
        return told

    # ------------------------------------------------------------------------------------------ accounts payable
    def act(self, action: str, **order: Any) -> list[dict[str, Any]]:
        """What people did is a minute old when it is read."""
        done = self.back.act("servicenow", action=action, **order)["changed"]
        self.later()
        return list(done)

    def approved(
        self, number: str, lines: Sequence[dict[str, str]] | None = None, *, supplier: str = SUPPLIER,
        legal_entity: str = "10USACO", **more: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """An invoice by GL allocation, unless it names a ``purchase_order``."""
        given = {} if "purchase_order" in more else {"supplier": supplier, "legal_entity": legal_entity}
        lines = lines or [{"unit_price": "100.00", "cost_center": "1100", "gl_account": "5000"}]
        made = self.act("add_invoice", supplier_invoice_number=number, lines=lines, invoice_date="2026-10-15",
                        **given, **more)[0]  # fmt: skip
        return self.act("approve_invoice", invoice=made["sys_id"])[0]

    def later(self, seconds: int = 60) -> None:
        url = f"{self.back.origin('servicenow')}/_sandbox/clock"
        httpx.post(url, json={"advance": seconds}).raise_for_status()

    def invoice(self, sys_id: str) -> dict[str, Any]:
        (found,) = [row for row in self.back.state("servicenow", "sn_shop_invoice") if row["sys_id"] == sys_id]
        return found

    def told(self, sys_id: str) -> tuple[str, str, str, str]:
        row = self.invoice(sys_id)
        return row["erp_number"], row["erp_posting_date"], row["u_erp_status"], row["u_erp_message"]

    # --------------------------------------------------------------------------------------------------- the books
    def booked(self, reference: str = "") -> list[dict[str, Any]]:
        """Supplier invoices that stand in QAD, by the supplier's number."""
        ours = [row for row in self.back.state("qad", "supplier_invoices") if str(row["customLong0"]).startswith("SN:")]
        return [row for row in ours if reference in ("", row["supplierInvoiceReference"])]

    def writes(self) -> int:
        """Everything that was written to either system since it began, sign-in aside."""
        return sum(
            one["method"] in ("POST", "PATCH", "PUT") and part in one["path"]
            for system, part in (("qad", "/api/erp/"), ("servicenow", "/api/now/table/")) for one in self._log(system)
        )  # fmt: skip

    def reads(self) -> Counter[str]:
        """Questions to ServiceNow by table, since it began."""
        return Counter(one["path"].rpartition("/table/")[2].partition("?")[0] for one in self._log("servicenow")
                       if one["method"] == "GET" and "/table/" in one["path"])  # fmt: skip

    def _log(self, system: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.back.origin(system)}/_sandbox/log", params={"limit": 100_000}).json()
        return list(
            answer if isinstance(answer, list) else answer.get("requests") or answer.get("log") or answer["rows"]
        )

    def ledger(self, query: str) -> list[Any]:
        with self.back.session() as session, session.engine.connect() as connection:
            return list(connection.execute(text(query), {"of": "demo_servicenow_back"}))

    def held(self) -> list[tuple[str, str]]:
        """Code and text of what is held."""
        rows = self.ledger("SELECT reason_code, reason FROM posting WHERE integration = :of AND state = 'held'")
        return [(row.reason_code, row.reason) for row in rows]

    def states(self) -> list[str]:
        rows = self.ledger("SELECT op, state FROM posting WHERE integration = :of AND state <> 'superseded' "
                           "ORDER BY doc_key, seq")  # fmt: skip
        return [f"{row.op} {row.state}" for row in rows]


@contextmanager
def payables(
    home: Path, *, with_orders: Path | None = None, road: str = "primary", **changes: Any
) -> Iterator[Payables]:
    """A company whose suppliers are in ServiceNow already. ``with_orders``: home of one whose orders and receipts are
    there too. ``changes`` go into the options of a copy of the mapping folder."""
    with buyer(home, copied_from=with_orders) as forth:
        folder = home / "mappings" / BACK.name
        shutil.copytree(BACK, folder)
        content = yaml.safe_load((folder / "integration.yaml").read_text())
        content["options"] |= changes
        (folder / "integration.yaml").write_text(yaml.safe_dump(content))
        profile = home / "mappings" / DEMO.name / "servicenow_profile.yaml"
        profile.write_text(profile.read_text().replace("road: primary", f"road: {road}"))
        back = Buyer(home, forth.sandbox, folder, forth.database_url)
        back.connect()
        made = Payables(back, forth)
        if with_orders is None:
            _masters(made)
        made.later()
        yield made


def _masters(made: Payables) -> None:
    """Suppliers and codes as they are in ServiceNow once the other direction has run."""
    source = next(row["sys_id"] for row in made.back.state("servicenow", "sn_fin_erp_source"))
    for code, name in ((SUPPLIER, "O'Brien & Söhne ^ Co."), (OTHER, "Copper\nand Tube")):
        made.act("insert", table="sn_fin_supplier", fields={"erp_company_code": code, "name": name,
                                                            "erp_source": source})  # fmt: skip
    for center, account in CODES:
        made.act("insert", table="cmn_cost_center", fields={"code": center, "name": center})
        made.act("insert", table="sn_fin_gl_account", fields={"number": account, "account_name": account})


def amount(row: dict[str, Any]) -> Decimal:
    return Decimal(str(row["invoiceAmountTC"]))
