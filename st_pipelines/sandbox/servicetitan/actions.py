"""What people do in ServiceTitan after the month was generated. Invariant: a document still adds up afterwards, unless
``set_fields`` was told otherwise.

For tests and demonstrations of late changes, in process or by ``POST /_sandbox/business`` with ``{"action": name, …}``.
Each action gives the records it changed. Amounts are decimal texts.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business.company import ACCOUNTS, SERVICES, TAX_ZONE, UNIT, ZONE_OF_ENTITY
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.records import amounts
from st_pipelines.sandbox.servicetitan.webhooks import Announce, nobody

Record = dict[str, Any]
_CENT = Decimal("0.01")
_KINDS = {"Service": 9001, "Material": 9002, "Equipment": 9003, "PriceModifier": 9005}


class ActionRefused(ValueError):
    """The action does not fit what the books hold; the text says why."""


class Actions:
    """``run({"action": …})`` or the methods themselves."""

    def __init__(self, books: Books, clock: Clock, announce: Announce = nobody) -> None:
        self._books, self._clock, self._announce = books, clock, announce
        self._made: list[tuple[str, Record, str]] = []

    def run(self, order: dict[str, Any]) -> list[Record]:
        known: dict[str, Callable[..., list[Record]]] = {
            "edit_invoice_line": self.edit_invoice_line, "void_invoice": self.void_invoice,
            "apply_payment": self.apply_payment, "receive_purchase_order": self.receive_purchase_order,
            "add_invoice": self.add_invoice, "add_bill": self.add_bill, "set_fields": self.set_fields,
            "touch": self.touch, "unpost_invoice": self.unpost_invoice, "post_invoice": self.post_invoice,
        }  # fmt: skip
        arguments = dict(order)
        name = arguments.pop("action", None)
        if name not in known:
            raise ActionRefused(f"unknown action {name!r}; known: {', '.join(known)}")
        self._made = []
        try:
            with self._books.transaction():
                changed = known[name](**arguments)
        except (TypeError, LookupError, ArithmeticError) as error:
            raise ActionRefused(f"{name}: {type(error).__name__} {error}") from error
        for entity, record, verb in self._made:
            self._announce(entity, record, verb)
        return changed

    def edit_invoice_line(self, invoice_id: int, price: str, line: int = 0) -> list[Record]:
        """Another price on one line, posted or exported as it is; totals, tax and balance follow. An exported invoice
        stays exported, and its lines may not bring its total to zero (reference 9.1)."""
        invoice, stamp = self._held("invoices", invoice_id), self._stamp()
        items = [dict(one) for one in invoice["items"] or ()]
        if not 0 <= line < len(items):
            raise ActionRefused(f"invoice {invoice_id} has {len(items)} lines")
        total = _cents(Decimal(price) * Decimal(items[line]["quantity"]))
        items[line] |= {"price": str(_cents(Decimal(price))), "total": str(total), "modifiedOn": stamp}
        edited = retotaled({**invoice, "items": items, "modifiedOn": stamp})
        if invoice["syncStatus"] == "Exported" and not Decimal(edited["total"]):
            raise ActionRefused(f"invoice {invoice_id} is exported: its total may not become zero")
        return [self._put("invoices", edited)]

    def unpost_invoice(self, invoice_id: int) -> list[Record]:
        """Out of its batch and Pending again, exported or not; what it was exported as stays."""
        invoice = self._held("invoices", invoice_id)
        if invoice["syncStatus"] not in ("Posted", "Exported"):
            raise ActionRefused(f"invoice {invoice_id} is {invoice['syncStatus']}; only what is posted can be unposted")
        changes = {"syncStatus": "Pending", "batch": None, "modifiedOn": self._stamp()}
        return [self._put("invoices", {**invoice, **changes})]

    def post_invoice(self, invoice_id: int) -> list[Record]:
        """Posted in a batch of its own, which has another number than the one before."""
        invoice = self._held("invoices", invoice_id)
        if invoice["syncStatus"] != "Pending":
            raise ActionRefused(f"invoice {invoice_id} is {invoice['syncStatus']} already")
        number = 9000 + self._books.next_number("batch")
        batch = {"id": 19_900_000_000 + number, "number": str(number), "name": f"Batch {number}"}
        changes = {"syncStatus": "Posted", "batch": batch, "modifiedOn": self._stamp()}
        return [self._put("invoices", {**invoice, **changes})]

    def void_invoice(self, invoice_id: int) -> list[Record]:
        """Inactive; amounts stay as they were."""
        invoice = self._held("invoices", invoice_id)
        return [self._put("invoices", {**invoice, "active": False, "modifiedOn": self._stamp()})]

    def apply_payment(self, payment_id: int, invoice_id: int, amount: str | None = None) -> list[Record]:
        """Applies unapplied money of a payment, by default as much as fits, to an invoice of the same customer."""
        payment, invoice = self._held("payments", payment_id), self._held("invoices", invoice_id)
        free, owed = Decimal(payment["unappliedAmount"]), Decimal(invoice["balance"])
        share = min(free, owed) if amount is None else _cents(Decimal(amount))
        if not 0 < share <= min(free, owed):
            raise ActionRefused(f"cannot apply {share}: {free} is unapplied and {owed} is owed")
        if payment["customer"]["id"] != invoice["customer"]["id"]:
            raise ActionRefused("payment and invoice belong to different customers")
        stamp = self._stamp()
        application = {
            "appliedAmount": str(share), "appliedBy": "accounting",
            "appliedId": 29_000_000_000 + self._books.next_number("application"), "appliedOn": stamp,
            "appliedTo": invoice_id, "appliedToReferenceNumber": invoice["referenceNumber"],
        }  # fmt: skip
        paid = self._put("payments", {**payment, "appliedTo": [*(payment["appliedTo"] or ()), application],
                                      "unappliedAmount": str(free - share), "modifiedOn": stamp})  # fmt: skip
        rest = owed - share
        settled = self._put("invoices", {**invoice, "balance": str(rest), "modifiedOn": self._stamp(),
                                         "paidOn": stamp if not rest else invoice["paidOn"]})  # fmt: skip
        return [paid, settled]

    def receive_purchase_order(self, purchase_order_id: int) -> list[Record]:
        """A receipt for everything that has not come yet; the order is Received. A bill that waited gets linked."""
        order, stamp = self._held("purchase_orders", purchase_order_id), self._stamp()
        missing = [one for one in order["items"] if one["quantityReceived"] < one["quantity"]]
        if not missing or order["status"] in ("Pending", "Canceled"):
            raise ActionRefused(f"purchase order {purchase_order_id} is {order['status']}; nothing to receive")
        identity = 19_000_000_000 + self._books.next_number("receipt")
        bills = self._books.find("bills", "purchaseOrderId", purchase_order_id)
        waiting = next(
            (one["id"] for one in bills if any(item["receiptItemId"] is None for item in one["items"])), None
        )
        receipt = receipt_of(order, missing, identity, waiting, stamp)
        items = [{**one, "quantityReceived": one["quantity"], "status": "Received", "modifiedOn": stamp}
                 for one in order["items"]]  # fmt: skip
        changed = {**order, "items": items, "status": "Received", "receivedOn": stamp, "modifiedOn": self._stamp()}
        return [self._put("receipts", receipt), self._put("purchase_orders", changed)]

    def add_invoice(
        self, business_unit_id: int, lines: list[dict[str, Any]], customer_id: int | None = None,
        status: str = "Posted", invoice_date: str | None = None,
    ) -> list[Record]:  # fmt: skip
        """A new counter sale. A line is {"type", "quantity", "price", "sku"?, "taxable"?, "businessUnitId"?}."""
        unit, stamp = UNIT[business_unit_id], self._stamp()
        of_unit = [one for one in self._books.all("invoices") if one["businessUnit"]["id"] == business_unit_id]
        if not of_unit:
            raise ActionRefused(f"no invoice of business unit {business_unit_id} to take the addresses from")
        pattern = of_unit[0]
        customer = pattern["customer"]
        if customer_id is not None:
            held = self._held("customers", customer_id)
            customer = {"id": held["id"], "name": held["name"]}
        identity = 19_500_000_000 + self._books.next_number("invoice")
        zone = TAX_ZONE[ZONE_OF_ENTITY[unit.entity]]
        items = [self._line(identity, nth, line, stamp) for nth, line in enumerate(lines, start=1)]
        day = f"{invoice_date or stamp[:10]}T00:00:00Z"
        return [self._put("invoices", retotaled({
            **pattern, "id": identity, "syncStatus": status, "referenceNumber": str(identity)[-8:], "invoiceDate": day,
            "dueDate": day, "termName": "Due Upon Receipt", "taxZoneId": zone.id, "customer": customer,
            "salesTaxCode": {"id": zone.id + 1000, "name": zone.name, "taxRate": Decimal(zone.rate_text)},
            "invoiceType": {"id": 3, "name": "POS"}, "total": "0.00", "balance": "0.00", "job": None, "projectId": None,
            "adjustmentToId": None, "items": items, "active": True, "summary": None, "exportId": None,
            "membershipId": None, "paidOn": None, "invoiceConfiguration": "CounterSales", "createdOn": stamp,
            "modifiedOn": stamp,
        }))]  # fmt: skip

    def add_bill(self, purchase_order_id: int, vendor_number: str, status: str = "Posted") -> list[Record]:
        """The vendor's bill for a whole order, whether its goods have come or not; no charges."""
        order, stamp = self._held("purchase_orders", purchase_order_id), self._stamp()
        vendor, pattern = self._held("vendors", order["vendorId"]), self._books.all("bills")[0]
        day, identity = f"{stamp[:10]}T00:00:00Z", 19_700_000_000 + self._books.next_number("bill")
        items = [
            {**pattern["items"][0], "order": nth, "id": identity * 100 + nth, "name": one["skuName"],
             "description": one["description"], "quantity": str(_cents(Decimal(one["quantity"]))),
             "cost": str(one["cost"]), "fullyLandedUnitCost": str(one["cost"]), "skuId": one["skuId"],
             "skuType": one["skuType"], "skuCode": one["skuCode"], "receiptItemId": None}
            for nth, one in enumerate(order["items"], start=1)
        ]  # fmt: skip
        amount = sum((_cents(Decimal(one["quantity"]) * Decimal(one["cost"])) for one in items), Decimal("0.00"))
        return [self._put("bills", {
            **pattern, "id": identity, "purchaseOrderId": purchase_order_id, "syncStatus": status,
            "referenceNumber": f"{order['number']}-B9", "vendorNumber": vendor_number, "billDate": day, "dueDate": day,
            "postDate": day, "billAmount": str(amount), "taxAmount": "0.00", "shippingAmount": "0.00",
            "otherAmount": "0.00", "createdOn": stamp, "modifiedOn": stamp, "items": items, "active": True,
            "businessUnit": amounts.business_unit(order["businessUnitId"]), "jobId": None, "jobNumber": None,
            "vendor": {"id": vendor["id"], "name": vendor["name"]},
        })]  # fmt: skip

    def set_fields(self, entity: str, record_id: int, fields: Record) -> list[Record]:
        """Fields of a record as they are given, right or wrong; nothing else follows. ``null`` is a value."""
        return [self._put(entity, {**self._held(entity, record_id), "modifiedOn": self._stamp(), **fields})]

    def touch(self, entity: str, record_ids: list[int]) -> list[Record]:
        """Saved again without a change: only ``modifiedOn`` moves."""
        return [self._put(entity, {**self._held(entity, one), "modifiedOn": self._stamp()}) for one in record_ids]

    def _line(self, invoice_id: int, order: int, line: dict[str, Any], stamp: str) -> Record:
        kind, quantity, price = line["type"], Decimal(str(line["quantity"])), _cents(Decimal(str(line["price"])))
        sku = line.get("sku", SERVICES[0].code)
        account = next(one for one in ACCOUNTS if one.id == _KINDS[kind])
        pattern = next(item for one in self._books.all("invoices") for item in one["items"] or ())
        unit = line.get("businessUnitId")
        return {
            **pattern, "id": 29_500_000_000 + self._books.next_number("line"), "description": sku,
            "quantity": str(quantity.quantize(_CENT)), "cost": "0.00", "totalCost": "0.00", "price": str(price),
            "type": kind, "skuName": sku, "displayName": sku, "total": str(_cents(price * quantity)),
            "taxable": bool(line.get("taxable", False)), "isChargeable": True, "displayInAmount": True,
            "generalLedgerAccount": amounts.account(account.id), "costOfSaleAccount": None, "membershipTypeId": 0,
            "createdOn": stamp, "modifiedOn": stamp, "order": order,
            "businessUnit": None if unit is None else amounts.business_unit(unit),
        }  # fmt: skip

    def _held(self, entity: str, identity: int) -> Record:
        record = self._books.get(entity, str(identity))
        if record is None:
            raise ActionRefused(f"there is no {identity} in {entity}")
        return record

    def _put(self, entity: str, record: Record) -> Record:
        verb = "created" if self._books.get(entity, str(record["id"])) is None else "updated"
        stored = self._books.put(entity, str(record["id"]), record)
        self._made.append((entity, stored, verb))
        return stored

    def _stamp(self) -> str:
        return stamps.now_text(self._clock, self._books)


def retotaled(invoice: Record) -> Record:
    """Subtotal, tax, discount, total and balance from the lines; what was applied stays applied."""
    items = invoice["items"] or ()
    subtotal = sum((Decimal(one["total"]) for one in items), Decimal("0.00"))
    taxable = sum((Decimal(one["total"]) for one in items if one["taxable"]), Decimal("0.00"))
    tax = _cents(taxable * invoice["salesTaxCode"]["taxRate"])
    discount = sum((Decimal(one["total"]) for one in items if one["type"] == "PriceModifier"), Decimal("0.00"))
    applied = Decimal(invoice["total"]) - Decimal(invoice["balance"])
    total = subtotal + tax
    return {**invoice, "subTotal": str(subtotal), "salesTax": str(tax), "total": str(total),
            "balance": str(total - applied), "discountTotal": str(discount)}  # fmt: skip


def receipt_of(order: Record, missing: list[Record], identity: int, bill_id: int | None, stamp: str) -> Record:
    """The receipt of an order's missing quantities."""
    lines, value = [], Decimal("0.00")
    for nth, one in enumerate(missing):
        quantity = one["quantity"] - one["quantityReceived"]
        value += quantity * one["cost"]
        found = amounts.account(9011 if one["skuType"] == "Material" else 9012) or {}
        account = {name: found[name] for name in ("name", "number", "type", "detailType")}
        lines.append(
            {"id": 29_700_000_000 + (identity - 19_000_000_000) * 100 + nth, "skuId": one["skuId"],
             "name": one["skuName"], "code": one["skuCode"], "description": one["description"], "quantity": quantity,
             "cost": one["cost"], "generalLedgerAccount": account, "costOfSaleAccount": account, "assetAccount": None,
             "purchaseOrderItemId": one["id"], "budgetCodeId": None, "allocatedShipping": 0, "allocatedTax": 0,
             "allocatedOtherCosts": 0, "fullyLandedUnitCost": one["cost"]}
        )  # fmt: skip
    return {
        "id": identity, "active": True, "number": f"{order['number']}-L{identity % 1000}", "vendorInvoiceNumber": "",
        "createdById": 40_000_017, "memo": "", "purchaseOrderId": order["id"], "billId": bill_id, "jobId": None,
        "businessUnitId": order["businessUnitId"], "vendorId": order["vendorId"], "technicianId": None,
        "inventoryLocationId": 801, "shipTo": order["shipTo"], "shipToDescription": "Main warehouse",
        "receiptAmount": value, "taxAmount": 0, "shippingAmount": 0, "receivedOn": stamp, "createdOn": stamp,
        "modifiedOn": stamp, "batchId": None, "syncStatus": "Posted", "budgetCodeId": None,
        "landedCostMethod": "None", "otherAmount": 0, "items": lines, "customFields": [],
    }  # fmt: skip


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)
