"""Purchase orders and receipts that QAD has of itself. Invariant: only with ``procurement=yes`` among the options, and
all of it goes through the same rules as anybody's writes, so that the ledger balances.

Orders and deliveries that are still to come wait under ``expected_orders`` and ``expected_deliveries``; the action
``receive_due`` books those whose day has come by the sandbox's clock, ``receive`` books one delivery by hand.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business import procurement as business
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.checks import clean
from st_pipelines.sandbox.qad.company import SETS, WORKSPACES
from st_pipelines.sandbox.qad.dates import wire_date
from st_pipelines.sandbox.qad.served import Served
from st_pipelines.sandbox.qad.stamps import stamped
from st_pipelines.sandbox.qad.submission import Submission, Workspace
from st_pipelines.sandbox.qad.wire import Refused
from st_pipelines.sandbox.qad.writes import RULES

Record = dict[str, Any]
_EXPECTED, _EXPECTED_ORDERS = "expected_deliveries", "expected_orders"
_SITES = {1: "100", 2: "200"}
_CONTROLS = ("invoiceControlGLProfileCode", "creditNoteControlGLProfileCode", "prePaymentControlGLProfileCode")


class ActionRefused(ValueError):
    """The action does not fit what the books hold; the text says why."""


class Procurement:
    """``seed`` at the start; ``run`` for actions of ``POST /_sandbox/business``."""

    def __init__(self, books: Books, served: Served, clock: Clock) -> None:
        self._books, self._served, self._clock = books, served, clock

    def seed(self, options: SandboxOptions) -> None:
        with self._books.transaction():
            for supplier in business.suppliers():
                self._supplier(supplier)
            for order in business.procure(options.seed, options.size, options.month):
                self._expect(order)
            self._live_until(self._clock.now().date())

    def run(self, order: Mapping[str, Any]) -> list[Record]:
        known: dict[str, Callable[..., list[Record]]] = {
            "receive_due": self.receive_due, "receive": self.receive, "rename_supplier": self.rename_supplier,
            "release_hold": self.release_hold,
        }  # fmt: skip
        arguments = dict(order)
        name = arguments.pop("action", None)
        if name not in known:
            raise ActionRefused(f"unknown action {name!r}; known: {', '.join(known)}")
        try:
            with self._books.transaction():
                return known[name](**arguments)
        except Refused as refusal:
            raise ActionRefused("; ".join(problem.message for problem in refusal.problems)) from refusal
        except (TypeError, LookupError, ArithmeticError) as error:
            raise ActionRefused(f"{name}: {type(error).__name__} {error}") from error

    def receive_due(self) -> list[Record]:
        """Books what was ordered and what has come by now."""
        return self._live_until(self._clock.now().date())

    def receive(
        self, purchase_order: str, line: int, quantity: str, receiver: str = "", day: str = "", company: int = 1
    ) -> list[Record]:
        """One receipt; a negative quantity takes goods back out."""
        today = day or self._clock.iso()[:10]
        return [self._receipt(receiver, purchase_order, line, Decimal(quantity), today, company)]

    def rename_supplier(self, supplier: str, name: str) -> list[Record]:
        """Somebody types another name into the supplier's business relation, whatever it is."""
        relation = self._books.find("suppliers", "supplierCode", supplier)[0]["businessRelationCode"]
        entity = self._served.entities["business_relations"]
        before = self._books.find("business_relations", "businessRelationCode", relation)[0]
        changed = {**before, "businessRelationName1": name[:36], "businessRelationName2": name[36:72]}
        stored = stamped(entity, changed, before, self._clock.iso())
        return [self._books.put("business_relations", entity.key_of(stored), stored)]

    def release_hold(self, reference: str) -> list[Record]:
        """Somebody looks at the supplier's invoices of this number and releases what is on hold of them."""
        entity = self._served.entities["supplier_invoices"]
        held = self._books.find("supplier_invoices", "supplierInvoiceReference", reference)
        released = [stamped(entity, {**one, "holdAmountTC": Decimal(0)}, one, self._clock.iso()) for one in held]
        return [self._books.put("supplier_invoices", entity.key_of(one), one) for one in released]

    def _live_until(self, day: date) -> list[Record]:
        for one in [one for one in self._books.all(_EXPECTED_ORDERS) if one["day"] <= day.isoformat()]:
            self._books.delete(_EXPECTED_ORDERS, one["number"])
            self._order(msgspec.convert(one["order"], business.Order))
        made = []
        for one in [one for one in self._books.all(_EXPECTED) if one["day"] <= day.isoformat()]:
            self._books.delete(_EXPECTED, one["number"])
            given = (one["number"], one["order"], one["line"], Decimal(one["quantity"]), one["day"], one["company"])
            made.append(self._receipt(*given))
        return made

    def _supplier(self, supplier: business.Supplier) -> None:
        start = self._clock.now().replace(day=1)
        relation = f"P{supplier.code}"
        self._submit("business_relations", 1, start, {
            "businessRelationCode": relation, "businessRelationName1": supplier.name[:36],
            "businessRelationName2": supplier.name[36:72], "businessRelationSearchName": supplier.name[:28],
            "languageCode": "us", "headOfficeCountryCode": "USA",
        })  # fmt: skip
        self._submit("suppliers", 1, start, {
            "sharedSetCode": SETS["supplier"], "supplierCode": supplier.code, "businessRelationCode": relation,
            "currencyCode": supplier.currency, "creditTermsCode": supplier.terms, "invoiceStatusCode": "AP-GLALLOC",
            **dict.fromkeys(_CONTROLS, "AP"), "purchaseAccountGLProfileCode": "PURCH", "purchaseTypeCode": "STD",
        })  # fmt: skip

    def _expect(self, order: business.Order) -> None:
        self._books.put(_EXPECTED_ORDERS, order.number, {
            "number": order.number, "day": order.day.isoformat(),
            "order": msgspec.to_builtins(order),
        })  # fmt: skip
        for one in order.deliveries:
            self._books.put(_EXPECTED, one.number, {
                "number": one.number, "order": one.order, "line": one.line, "quantity": str(one.quantity),
                "day": one.day.isoformat(), "company": order.company,
            })  # fmt: skip

    def _order(self, order: business.Order) -> None:
        at = datetime(order.day.year, order.day.month, order.day.day, 14, tzinfo=UTC)
        self._submit("purchase_orders", order.company, at, {
            "purchaseOrderNumber": order.number, "supplierCode": order.supplier.code, "daybookSetCode": "STD",
            "currencyCode": order.supplier.currency, "creditTermsCode": order.supplier.terms, "isConfirmed": True,
            "shipToSite": _SITES[order.company], "orderDate": wire_date(order.day.isoformat()), "orderStatus": "open",
        })  # fmt: skip
        for line in order.lines:
            self._submit("purchase_order_lines", order.company, at, {
                "purchaseOrderNumber": order.number, "siteCode": _SITES[order.company], "itemCode": line.item,
                "quantityOrdered": line.quantity, "purchaseCost": line.price, "glCode": line.account,
                "costCentreCode": line.centre, "subAccountCode": f"{order.company:02d}",
            })  # fmt: skip

    def _receipt(self, number: str, order: str, line: int, quantity: Decimal, day: str, company: int) -> Record:
        at = datetime.fromisoformat(f"{day}T16:00:00+00:00")
        return self._submit("receipts", company, min(at, self._clock.now()), {
            "receiverNumber": number, "purchaseOrderNumber": order, "purchaseOrderLine": line,
            "quantityReceived": quantity, "receiptDate": wire_date(day),
        })  # fmt: skip

    def _submit(self, name: str, company: int, at: datetime, given: Record) -> Record:
        entity = self._served.entities[name]
        workspace = Workspace(*WORKSPACES[company - 1][1:3])
        record, problems = clean(entity, given, None)
        if problems:
            raise Refused(*problems)
        workspace.own(entity, record)
        nobody = Request({"type": "http", "method": "POST", "path": "", "query_string": b"", "headers": []})
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return RULES[name](Submission(nobody, self._books, self._served, entity, workspace, stamp, record, None))
