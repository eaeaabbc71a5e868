"""A plain QAD client for these tests: httpx and the reference page, nothing of the package. Amounts are Decimal."""

from decimal import Decimal
from typing import Any

import httpx
import msgspec

BASE = "/clouderp/demo"
VIEWS = {
    "businessRelationV2s": "urn:be:com.qad.base.address.IBusinessRelationV2",
    "customerV2s": "urn:be:com.qad.base.customer.ICustomerV2",
    "mfgCustomers": "urn:be:com.qad.base.customer.IMfgCustomer",
    "supplierV2s": "urn:be:com.qad.base.supplier.ISupplierV2",
    "purchaseOrderHeaders": "urn:be:com.qad.purchasing.purchaseorders.IPurchaseOrderHeader",
}
KEYS = {
    "businessRelationV2s": ("businessRelationCode",),
    "customerV2s": ("sharedSetCode", "customerCode"),
    "mfgCustomers": ("domainContext", "customerCode"),
    "supplierV2s": ("sharedSetCode", "supplierCode"),
    "customerInvoices": ("entityCode", "daybookCode", "postingYear", "voucherNumber"),
    "customerPayments": ("entityCode", "daybookCode", "postingYear", "voucherNumber"),
    "supplierInvoices": ("entityCode", "daybookCode", "postingYear", "voucherNumber"),
    "glAccounts": ("sharedSetCode", "glCode"),
    "costCentres": ("sharedSetCode", "costCentreCode"),
    "glPeriods": ("entityCode", "year", "period"),
}
PROFILES = {
    "invoiceControlGLProfileCode": "AR",
    "creditNoteControlGLProfileCode": "AR",
    "prePaymentControlGLProfileCode": "AR",
}


def exact(answer: httpx.Response) -> Any:
    return _decoder.decode(answer.content)


_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def day(text: str) -> str:
    return f"{text}T00:00:00.000Z"


class Qad:
    """One user's session. ``workspace=None`` sends no workspace header."""

    def __init__(self, origin: str, workspace: str | None = "10USA_10USACO", base: str = BASE) -> None:
        self.http = httpx.Client(base_url=origin, timeout=10)
        self.base, self.workspace, self.token = base, workspace, ""

    def login(self) -> "Qad":
        form = {"grant_type": "password", "client_id": "qad-client", "username": "api.user", "password": "api.password"}
        answer = self.http.post(f"{self.base}/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        return self

    def headers(self) -> dict[str, str]:
        named = {"x-qad-workspace-id": self.workspace} if self.workspace else {}
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **named}

    def get(self, path: str, params: Any = ()) -> httpx.Response:
        return self.http.get(f"{self.base}{path}", params=params, headers=self.headers())

    def send(self, array: str, record: dict[str, Any], **query: Any) -> httpx.Response:
        params = {"viewUri": VIEWS.get(array, ""), **query}
        body = _encoder.encode({"supplementaryMessages": [], array: [record]})
        return self.http.post(f"{self.base}/api/erp/{array}", params=params, content=body, headers=self.headers())

    def create(self, array: str, **record: Any) -> dict[str, Any]:
        """The stored record; fails where it was refused."""
        answer = self.send(array, record)
        assert answer.status_code in (200, 201), answer.text
        body = exact(answer)
        assert body["submitResult"]["success"] is True, body
        return body[array][0]

    def refused(self, array: str, **record: Any) -> list[dict[str, Any]]:
        """The errors of a refusal, which is HTTP 200."""
        answer = self.send(array, record)
        assert answer.status_code == 200, answer.text
        body = exact(answer)
        assert body["submitResult"]["success"] is False, body
        return body["submitResult"]["errors"]

    def update(self, array: str, record: dict[str, Any]) -> dict[str, Any]:
        return exact(self.send(array, record, **{key: record[key] for key in KEYS[array]}))

    def read(self, array: str, **keys: Any) -> dict[str, Any] | None:
        answer = self.get(f"/api/erp/{array}", {"viewUri": VIEWS.get(array, ""), **keys})
        assert answer.status_code == 200, answer.text
        found = exact(answer)["data"][array]
        assert len(found) < 2
        return found[0] if found else None

    def rows(self, array: str, *filters: str, size: int = 100) -> list[dict[str, Any]]:
        """All pages of a list on the entity's own path."""
        rows: list[dict[str, Any]] = []
        for page in range(1, 1000):
            action = "first" if page == 1 else "next"
            params = [("viewUri", VIEWS.get(array, "any")), ("page", str(page)), ("pageSize", str(size))]
            params += [("pageAction", action), *(("filter", text) for text in filters)]
            answer = self.get(f"/api/erp/{array}", params)
            assert answer.status_code == 200, answer.text
            body = exact(answer)
            rows += body["data"][array]
            if body["auxillaryData"]["HasMoreParams"] == "false":
                return rows
        raise AssertionError("a list without end")

    # ---- control
    def state(self, entity: str) -> list[dict[str, Any]]:
        return exact(self.http.get("/_sandbox/state", params={"entity": entity}))["records"]

    def arm(self, action: str, **fault: Any) -> None:
        answer = self.http.post("/_sandbox/faults", json={"action": action, **fault})
        assert answer.status_code == 201, answer.text

    # ---- a company's daily bread
    def customer(self, **changes: Any) -> dict[str, Any]:
        relation = self.create(
            "businessRelationV2s", businessRelationName1="O'Hára & Søn", languageCode="us", isActive=True
        )
        given = {
            "sharedSetCode": "CUST", "customerCode": "", "businessRelationCode": relation["businessRelationCode"],
            "isActive": True, "currencyCode": "USD", "creditTermsCode": "N30", "invoiceStatusCode": "AR-ALLOC",
            **PROFILES, "salesAccountGLProfileCode": "SALES", "customLong0": "ST:1:customer:1",
        }  # fmt: skip
        return self.create("customerV2s", **{**given, **changes})

    def supplier(self, **changes: Any) -> dict[str, Any]:
        relation = self.create(
            "businessRelationV2s", businessRelationName1="Pipes Ltd", languageCode="us", isActive=True
        )
        given = {
            "sharedSetCode": "SUPP", "supplierCode": "", "businessRelationCode": relation["businessRelationCode"],
            "isActive": True, "currencyCode": "USD", "creditTermsCode": "N30", "invoiceStatusCode": "AP-GLALLOC",
            **dict.fromkeys(PROFILES, "AP"), "purchaseAccountGLProfileCode": "PURCH", "purchaseTypeCode": "STD",
        }  # fmt: skip
        return self.create("supplierV2s", **{**given, **changes})


def line(gl: str, amount: str, *, debit: bool, centre: str = "", sub: str = "") -> dict[str, Any]:
    return {
        "glCode": gl, "costCentreCode": centre, "subAccountCode": sub, "projectCode": "", "description": "",
        "amountTC": Decimal(amount), "isDebit": debit,
    }  # fmt: skip


def invoice(customer: str, amount: str, **changes: Any) -> dict[str, Any]:
    """A customer invoice of one service line; counter lines only."""
    given = {
        "daybookCode": "ARINV", "customerCode": customer, "invoiceType": "Invoice", "invoiceReference": "1001",
        "description": "Repair", "invoiceDate": day("2026-10-05"), "postingDate": day("2026-10-05"),
        "currencyCode": "USD", "invoiceAmountTC": Decimal(amount), "customLong0": "ST:1:invoice:1",
        "postingLines": [line("4000", amount, debit=False, centre="1100", sub="01")], "taxes": [],
    }  # fmt: skip
    return {**given, **changes}


def payment(customer: str, amount: str, allocations: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    given = {
        "daybookCode": "ARPAY", "customerCode": customer, "paymentType": "Payment", "bankGLCode": "1030",
        "paymentDate": day("2026-10-06"), "postingDate": day("2026-10-06"), "currencyCode": "USD",
        "amountTC": Decimal(amount), "paymentReference": "P1", "allocations": allocations, "paymentStatus": "Paid",
        "customLong0": "ST:1:payment:1",
    }  # fmt: skip
    return {**given, **changes}


def bill(supplier: str, amount: str, **changes: Any) -> dict[str, Any]:
    given = {
        "daybookCode": "APINV", "supplierCode": supplier, "invoiceType": "Invoice",
        "supplierInvoiceReference": "INV-77", "description": "Copper", "invoiceDate": day("2026-10-07"),
        "postingDate": day("2026-10-07"),
        "currencyCode": "USD", "invoiceAmountTC": Decimal(amount), "invoiceStatusCode": "AP-GLALLOC",
        "customLong0": "ST:1:bill:1",
        "postingLines": [line("5000", amount, debit=True, centre="1100", sub="01")], "taxes": [],
    }  # fmt: skip
    return {**given, **changes}


def to(document: dict[str, Any], amount: str) -> dict[str, Any]:
    """An allocation to an invoice."""
    keys = {key: document[key] for key in KEYS["customerInvoices"]}
    return {**keys, "amountTC": Decimal(amount), "discountTC": 0}
