"""Documents per CPU second from QAD to ServiceNow and back, beside a plain loop over the same business in one run.

Ours is the whole engine without Dagster: read, map, plan, freeze, send, confirm, read back; the way back waits for
goods that cover an invoice and tells ServiceNow. The plain loop is what a script does: list, send, look at the answer;
no ledger, nothing read back, nothing that survives a crash. The sandboxes are processes of their own and not counted.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec

from st_pipelines.cli.demo_company import SANDBOX_CONNECTIONS, DemoCompany
from st_pipelines.integrations.session import Session


@dataclass
class Took:
    documents: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0

    @property
    def rate(self) -> float:
        return self.documents / self.cpu_s if self.cpu_s else 0.0


def run() -> list[dict[str, Any]]:
    """Rows for ``bench``: name, value, unit, bar, ok, note."""
    os.environ.pop("ST_PIPELINES_DATABASE_URL", None)
    ours, plain = _measured(_engine), _measured(_loop)
    return [row for way in ("out", "back") for row in _rows(way, ours.get(way), plain[way])]


def _measured(work: Any) -> dict[str, Took]:
    from st_pipelines.cli.demo_company import demo_company
    from st_pipelines.cli.demo_life import goods_until, stops

    with (
        tempfile.TemporaryDirectory() as folder,
        demo_company("demo_servicenow", Path(folder) / "home", size="demo") as company,
    ):
        goods_until(company, stops(company)[-1])
        done: dict[str, Took] = work(company)
        return done


def _engine(company: DemoCompany) -> dict[str, Took]:
    from st_pipelines.cli.demo_life import mail_of, stops

    done = {}
    for way, one in zip(("out", "back"), company.integrations, strict=False):
        took = Took()
        with Session(one, company.settings) as session, _timed(took):
            took.documents = _pass(session, stops(company)[-1])
        done[way] = took
        mail_of(company)
    return done


def _pass(session: Session, last: Any) -> int:
    from st_pipelines.cli.one_pass import align, chosen_flows, days_between, post, read_days, tell
    from st_pipelines.posting.totals import flow_totals

    def quiet(_: str) -> None:
        pass

    flows, days = chosen_flows(session, ()), days_between(session.integration.first_day, last)
    align(session, "bench", "bench", quiet)
    read_days(session, flows, days, "bench", quiet)
    post(session, flows, days, "bench", "bench", quiet)
    tell(session, flows, days, "bench", "bench", quiet)
    return sum(one.documents for one in flow_totals(session.engine, session.integration.name) if one.state == "posted")


# ---------------------------------------------------------------------------------------------------- the plain loop
def _loop(company: DemoCompany) -> dict[str, Took]:
    """One order after the other with httpx and json, each record in one request."""
    from st_pipelines.cli.demo_life import mail_of

    out, back = Took(), Took()
    with httpx.Client(timeout=60) as http:
        with _timed(out):
            for kind, record in _of_qad(company, http):
                _import(company, http, kind, record)
                out.documents += 1
        mail_of(company)
        with _timed(back):
            for invoice, lines in _approved(company, http):
                _post(company, http, invoice, lines)
                back.documents += 1
    return {"out": out, "back": back}


def _of_qad(company: DemoCompany, http: httpx.Client) -> Iterator[tuple[str, dict[str, str]]]:
    relations = {one["businessRelationCode"]: one for one in _list(company, http, "businessRelationV2s")}
    for one in _list(company, http, "supplierV2s"):
        name = relations[one["businessRelationCode"]]["businessRelationName1"]
        yield "imp_supplier", {"u_erp_company_code": one["supplierCode"], "u_legal_name": name, "u_status": "Active"}
    heads = {one["purchaseOrderNumber"]: one for one in _list(company, http, "purchaseOrderHeaders")}
    for number, one in heads.items():
        yield "imp_order", {
            "u_erp_po_number": number, "u_supplier_number": one["supplierCode"], "u_po_amount": "0",
            "u_po_amount_currency": one["currencyCode"], "u_order_date": one["orderDate"][:10],
            "u_legal_entity": {"100": "10USACO", "200": "20USACO"}[one["shipToSite"]],
        }  # fmt: skip
    for one in _list(company, http, "purchaseOrderLinesGrid"):
        yield "imp_order_line", {
            "u_erp_po_number": one["purchaseOrderNumber"], "u_erp_po_line_number": str(one["purchaseOrderLine"]),
            "u_purchased_quantity": str(one["quantityOrdered"]), "u_unit_price": str(one["purchaseCost"]),
            "u_currency": heads[one["purchaseOrderNumber"]]["currencyCode"], "u_product_name": one["itemCode"],
        }  # fmt: skip
    for one in _list(company, http, "purchaseOrderReceipts"):
        yield "imp_receipt", {
            "u_erp_receipt_number": f"{one['receiverNumber']}-{one['purchaseOrderLine']}",
            "u_erp_po_number": one["purchaseOrderNumber"], "u_erp_po_line_number": str(one["purchaseOrderLine"]),
            "u_quantity_received": str(one["quantityReceived"]), "u_received_date": one["receiptDate"][:10],
        }  # fmt: skip


def _list(company: DemoCompany, http: httpx.Client, array: str) -> Iterator[dict[str, Any]]:
    for page in range(1, 1000):
        params = {
            "viewUri": _VIEWS.get(array, ""),
            "page": page,
            "pageSize": 200,
            "pageAction": "first" if page == 1 else "next",
        }
        answer = http.get(f"{company.sandbox['qad']}/api/erp/{array}", params=params, headers=_qad(company, http))
        body = answer.raise_for_status().json()
        for row in body["data"][array] if isinstance(body["data"], dict) else body["data"]:
            yield {name.rpartition(".")[2]: value for name, value in row.items()}
        if body["auxillaryData"]["HasMoreParams"] == "false":
            return


def _import(company: DemoCompany, http: httpx.Client, staging: str, record: dict[str, str]) -> None:
    url = f"{company.sandbox['servicenow']}/api/now/import/sn_fcms_intg_{staging}"
    answer = http.post(url, json={**record, "u_erp_source": "QAD"}, headers=_servicenow(company, http))
    (result,) = answer.raise_for_status().json()["result"]
    if result["status"] not in ("inserted", "updated"):
        raise RuntimeError(f"{staging}: {result}")


def _approved(company: DemoCompany, http: httpx.Client) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    tables, headers = f"{company.sandbox['servicenow']}/api/now/table/", _servicenow(company, http)
    labels = {"sysparm_query": "name=sn_fin_base_invoice^element=state^label=Approved", "sysparm_limit": 1}
    state = http.get(f"{tables}sys_choice", params=labels, headers=headers).json()["result"][0]["value"]
    wanted = ("sys_id", "supplier_invoice_number", "supplier.erp_company_code", "invoice_amount", "invoice_date",
              "legal_entity.erp_company_code", "purchase_order.erp_number")  # fmt: skip
    params = {"sysparm_query": f"state={state}^ORDERBYsys_id", "sysparm_fields": ",".join(wanted)}
    of_line = ("invoiced_quantity", "line_unit_price", "line_amount", "order_line.erp_line_number",
               "cost_center.code", "ledger_account.number")  # fmt: skip
    for invoice in http.get(f"{tables}sn_shop_invoice", params=params, headers=headers).json()["result"]:
        asked = {"sysparm_query": f"invoice={invoice['sys_id']}", "sysparm_fields": ",".join(of_line)}
        yield invoice, http.get(f"{tables}sn_shop_invoice_line", params=asked, headers=headers).json()["result"]


def _post(company: DemoCompany, http: httpx.Client, invoice: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    currency, amount = invoice["invoice_amount"].split(";")
    order, entity = invoice["purchase_order.erp_number"], invoice["legal_entity.erp_company_code"]
    day = f"{invoice['invoice_date']}T00:00:00.000Z"
    record: dict[str, Any] = {
        "daybookCode": "APINV", "supplierCode": invoice["supplier.erp_company_code"], "invoiceType": "Invoice",
        "supplierInvoiceReference": invoice["supplier_invoice_number"], "description": "", "invoiceDate": day,
        "postingDate": day, "currencyCode": currency, "invoiceAmountTC": Decimal(amount), "taxes": [],
        "customLong0": invoice["sys_id"], "invoiceStatusCode": "AP-RMALLOC" if order else "AP-GLALLOC",
    }  # fmt: skip
    if order:
        record |= {"postingLines": [], "purchaseOrders": [{"purchaseOrderNumber": order}], "matchingLines": [
            {"purchaseOrderNumber": order, "purchaseOrderLine": int(one["order_line.erp_line_number"]),
             "quantity": Decimal(one["invoiced_quantity"]), "unitPrice": Decimal(one["line_unit_price"].split(";")[1])}
            for one in lines
        ]}  # fmt: skip
    else:
        record["postingLines"] = [
            {"glCode": one["ledger_account.number"], "costCentreCode": one["cost_center.code"],
             "subAccountCode": "01", "projectCode": "", "description": "",
             "amountTC": Decimal(one["line_amount"].split(";")[1]), "isDebit": True}
            for one in lines
        ]  # fmt: skip
    headers = {**_qad(company, http), "x-qad-workspace-id": f"10USA_{entity}"}
    body = _encode({"supplementaryMessages": [], "supplierInvoices": [record]})
    said = http.post(f"{company.sandbox['qad']}/api/erp/supplierInvoices", content=body, headers=headers).json()
    if not said["submitResult"]["success"]:
        raise RuntimeError(f"{invoice['supplier_invoice_number']}: {said['submitResult']['errors']}")
    done = {"erp_number": str(said["supplierInvoices"][0]["voucherNumber"])}
    url = f"{company.sandbox['servicenow']}/api/now/table/sn_shop_invoice/{invoice['sys_id']}"
    http.patch(url, json=done, headers=_servicenow(company, http)).raise_for_status()


_VIEWS = {"businessRelationV2s": "urn:be:com.qad.base.address.IBusinessRelationV2",
          "supplierV2s": "urn:be:com.qad.base.supplier.ISupplierV2",
          "purchaseOrderHeaders": "urn:be:com.qad.purchasing.purchaseorders.IPurchaseOrderHeader"}  # fmt: skip
_encode = msgspec.json.Encoder(decimal_format="number").encode
_tokens: dict[str, str] = {}


def _qad(company: DemoCompany, http: httpx.Client) -> dict[str, str]:
    given, secrets = SANDBOX_CONNECTIONS["qad"]
    form = {"grant_type": "password", "client_id": given["client_id"], **secrets}
    return _bearer(http, f"{company.sandbox['qad']}/oauth/token", form) | {"x-qad-workspace-id": "10USA_10USACO"}


def _servicenow(company: DemoCompany, http: httpx.Client) -> dict[str, str]:
    form = {"grant_type": "client_credentials", **SANDBOX_CONNECTIONS["servicenow"][1]}
    return _bearer(http, f"{company.sandbox['servicenow']}/oauth_token.do", form)


def _bearer(http: httpx.Client, url: str, form: dict[str, str]) -> dict[str, str]:
    if url not in _tokens:
        _tokens[url] = http.post(url, data=form).raise_for_status().json()["access_token"]
    return {"Authorization": f"Bearer {_tokens[url]}", "Content-Type": "application/json"}


@contextmanager
def _timed(took: Took) -> Iterator[None]:
    cpu, wall = time.process_time(), time.monotonic()
    yield
    took.cpu_s, took.wall_s = time.process_time() - cpu, time.monotonic() - wall


def _rows(way: str, ours: Took | None, plain: Took) -> Iterator[dict[str, Any]]:
    name = {"out": "QAD to ServiceNow", "back": "ServiceNow to QAD"}[way]
    if ours is None:
        return
    beside = f"{ours.documents:,} documents in {ours.cpu_s:.1f} s CPU, {ours.wall_s:.0f} s; a plain loop: "
    beside += f"{plain.rate:.0f} ({plain.documents:,} in {plain.cpu_s:.1f} s CPU, {plain.wall_s:.0f} s)"
    yield {"name": name, "value": round(ours.rate, 1), "unit": "documents/CPU s", "bar": None, "ok": True,
           "note": beside}  # fmt: skip


if __name__ == "__main__":
    for row in run():
        print(row)
