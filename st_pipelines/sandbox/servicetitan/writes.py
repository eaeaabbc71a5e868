"""The writes a target-side sync needs: mark as exported, payment status. Invariant: judged element by element, and what
succeeds moves ``modifiedOn``, so that an export shows up as a change, as it would in production."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.errors import ApiError, bad_value
from st_pipelines.sandbox.servicetitan.journal import Journal
from st_pipelines.sandbox.servicetitan.lists import CurrentSettings
from st_pipelines.sandbox.servicetitan.webhooks import Announce, nobody

T = TypeVar("T")


class InvoiceMark(msgspec.Struct):
    invoiceId: int
    externalId: str | None = None
    externalMessage: str | None = None


class BillMarks(msgspec.Struct):
    inventoryBillIds: list[int]


class PaymentStatus(msgspec.Struct):
    paymentIds: list[int]
    status: str


class Writes:
    """``invoices``, ``bills`` and ``payments`` are the routes' handlers."""

    def __init__(
        self, books: Books, clock: Clock, settings: CurrentSettings, journal: Journal, announce: Announce = nobody
    ) -> None:
        self._books, self._clock, self._settings = books, clock, settings
        self._journal, self._announce = journal, announce

    async def invoices(self, request: Request) -> Response:
        """POST invoices/markasexported: a bare array in, a bare array out, always 200."""
        answers = []
        self._journal.know()
        for mark in _body(await request.body(), list[InvoiceMark]):
            problem = self._mark("invoices", mark.invoiceId, mark.externalId)
            answers.append({"invoiceId": mark.invoiceId, "success": problem is None, "errorMessage": problem})
        return Response(msgspec.json.encode(answers), media_type="application/json")

    async def bills(self, request: Request) -> Response:
        """POST inventory-bills/markasexported: an object in, a bare array out."""
        answers = []
        self._journal.know()
        for identity in _body(await request.body(), BillMarks).inventoryBillIds:
            problem = self._mark("bills", identity, None)
            answers.append({"inventoryBillId": identity, "success": problem is None, "errorMessage": problem})
        return Response(msgspec.json.encode(answers), media_type="application/json")

    async def payments(self, request: Request) -> Response:
        """POST payments/status: all or nothing, empty 200."""
        order = _body(await request.body(), PaymentStatus)
        if order.status not in ("Pending", "Posted", "Exported"):
            raise bad_value("status", order.status)
        unknown = [one for one in order.paymentIds if self._books.get("payments", str(one)) is None]
        if unknown:
            raise bad_value("paymentIds", ",".join(map(str, unknown[:10])))
        with self._books.transaction():
            for identity in order.paymentIds:
                self._change("payments", identity, {"syncStatus": order.status})
        return Response(b"")

    def _mark(self, entity: str, identity: int, external_id: str | None) -> str | None:
        """Why it cannot be marked, or None and it is marked."""
        record = self._books.get(entity, str(identity))
        if record is None:
            return f"{identity} was not found"
        if not record["active"]:
            return f"{identity} is not active"
        if record["syncStatus"] == "Exported" and not self._settings.now.reexport_succeeds:
            return f"{identity} is exported already"
        if record["syncStatus"] not in ("Posted", "Exported"):
            return f"{identity} is {record['syncStatus']}; only posted transactions can be exported"
        # That the external id lands in exportId is inferred (reference 9.1).
        changes = {"exportId": external_id} if external_id is not None and entity == "invoices" else {}
        if record["syncStatus"] != "Exported" or any(record[name] != value for name, value in changes.items()):
            self._change(entity, identity, {"syncStatus": "Exported", **changes})
        return None

    def _change(self, entity: str, identity: int, changes: dict[str, Any]) -> None:
        record = self._books.get(entity, str(identity)) or {}
        stamp = stamps.now_text(self._clock, self._books)
        self._announce(
            entity, self._books.put(entity, str(identity), {**record, **changes, "modifiedOn": stamp}), "updated"
        )


def _body(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(400, "One or more validation errors occurred.", {"request": [str(error)]}) from None
