"""Every path, array, view, key and field can be spelt otherwise by the tenant."""

from decimal import Decimal

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import qad_app
from st_pipelines.sandbox.qad.served import load_served
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import Qad, exact, invoice

CHANGES = {
    "base_path": "/qad-central",
    "token_path": "/auth/token",
    "workspace_header": "X-Company",
    "data_wrapper": "payload",
    "paging": {"page": "p", "size": "n", "action": "act", "first": "start", "next": "go", "filter": "f",
               "rows": "items", "more_in": "aux", "more": "More"},
    "entities": {
        "customer_invoices": {
            "path": "/api/erp/fin/debtorInvoices", "array": "dInvoices", "view_uri": "urn:be:x.IDInvoice",
            "rename": {"customerCode": "debtorCode", "voucherNumber": "voucher", "postingLines": "lines",
                       "glCode": "account", "amountTC": "amount", "customLong0": "externalRef",
                       "invoiceAmountTC": "totalTC"},
        }
    },
}  # fmt: skip


def test_a_tenant_with_other_names_is_served_by_the_same_code() -> None:
    with serving(qad_app(Books(), Clock(), SandboxOptions(), load_served(CHANGES))) as origin:
        qad = Qad(origin, None, "/qad-central")
        form = {"grant_type": "password", "client_id": "qad-client", "username": "api.user", "password": "api.password"}
        qad.token = qad.http.post("/qad-central/auth/token", data=form).json()["access_token"]
        code = qad.customer()["customerCode"]
        plain = invoice(code, "10.00")
        lines = [
            {**line, "account": line.pop("glCode"), "amount": line.pop("amountTC")}
            for line in plain.pop("postingLines")
        ]
        renamed = {**plain, "debtorCode": plain.pop("customerCode"), "totalTC": plain.pop("invoiceAmountTC"),
                   "externalRef": plain.pop("customLong0"), "lines": lines}  # fmt: skip
        headers = {**qad.headers(), "X-Company": "10USA_20USACO"}
        url, view = "/qad-central/api/erp/fin/debtorInvoices", {"viewUri": "urn:be:x.IDInvoice"}

        def post(record: dict[str, object], **keys: object) -> dict[str, object]:
            import msgspec

            content = msgspec.json.Encoder(decimal_format="number").encode({"dInvoices": [record]})
            return exact(qad.http.post(url, params={**view, **keys}, content=content, headers=headers))

        made = post(renamed)["dInvoices"][0]  # type: ignore[index]
        assert (made["debtorCode"], made["voucher"], made["totalTC"]) == (code, 1, Decimal("10.00"))
        assert made["lines"][0]["account"] == "4000" and made["entityCode"] == "20USACO"
        assert not {"customerCode", "voucherNumber", "postingLines", "customLong0"} & set(made)
        keys = {"entityCode": "20USACO", "daybookCode": "ARINV", "postingYear": 2026, "voucher": 1}
        assert exact(qad.http.get(url, params={**view, **keys}, headers=headers)) == {"payload": {"dInvoices": [made]}}
        listed = qad.http.get(
            url, params={"p": 1, "n": 5, "act": "start", "f": "externalRef,sw,ST:,literal"}, headers=headers
        )
        assert exact(listed)["items"][0]["dInvoices.externalRef"] == "ST:1:invoice:1" and exact(listed)["aux"] == {
            "More": "false"
        }
        changed = post({**made, "description": "new"}, **keys)["dInvoices"][0]  # type: ignore[index]
        assert changed["description"] == "new"
        refused = post({**renamed, "debtorCode": "NOBODY"})
        assert refused["submitResult"]["errors"][0]["fieldName"] == "DebtorCode"  # type: ignore[index]
        old = post({**renamed, "customerCode": code, "debtorCode": ""})
        assert old["submitResult"]["success"] is False  # type: ignore[index]
        assert qad.http.get("/clouderp/demo/api/erp/customerInvoices", headers=headers).status_code == 404
        qad.http.close()


def test_an_unknown_type_of_field_is_refused_when_the_profile_is_read() -> None:
    with pytest.raises(ValueError, match="money"):
        load_served({"entities": {"customers": {"fields": {"limit": "money"}}}})
