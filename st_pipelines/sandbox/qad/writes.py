"""Writing to this QAD: one record a request. Invariant: a refusal changes nothing; an update needs the current hash."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.kernel import ExactJson
from st_pipelines.sandbox.qad.cash import submit_customer_payment
from st_pipelines.sandbox.qad.checks import clean
from st_pipelines.sandbox.qad.codes import LISTS, submit_code, submit_gl_account
from st_pipelines.sandbox.qad.masters import (
    submit_business_relation,
    submit_customer,
    submit_reference,
    submit_role_domain,
    submit_supplier,
)
from st_pipelines.sandbox.qad.payables import submit_supplier_invoice
from st_pipelines.sandbox.qad.purchasing import submit_purchase_order, submit_purchase_order_line, submit_receipt
from st_pipelines.sandbox.qad.reads import Reads, check_view
from st_pipelines.sandbox.qad.receivables import submit_customer_invoice
from st_pipelines.sandbox.qad.served import Served, ServedEntity
from st_pipelines.sandbox.qad.submission import Submission, Workspace
from st_pipelines.sandbox.qad.wire import GatewayError, Problem, Refused, decode_json, described

Record = dict[str, Any]
RULES: Mapping[str, Callable[[Submission], Record]] = {
    "business_relations": submit_business_relation,
    "customers": submit_customer,
    "customer_domains": submit_role_domain,
    "suppliers": submit_supplier,
    "supplier_domains": submit_role_domain,
    "customer_invoices": submit_customer_invoice,
    "customer_payments": submit_customer_payment,
    "supplier_invoices": submit_supplier_invoice,
    "purchase_orders": submit_purchase_order,
    "purchase_order_lines": submit_purchase_order_line,
    "receipts": submit_receipt,
    **dict.fromkeys(LISTS, submit_code),
    "gl_accounts": submit_gl_account,
}


class Writes:
    """Takes creates and updates into the books."""

    def __init__(self, books: Books, served: Served, clock: Clock, reads: Reads) -> None:
        self._books, self._served, self._clock, self._reads = books, served, clock, reads

    async def submit(self, request: Request, entity: ServedEntity, workspace: Workspace) -> Response:
        """``POST <path>``: keys in the query make it an update, none a create."""
        given = request.query_params
        check_view(given.get("viewUri"), entity, needed=True)
        if entity.read_only:
            raise GatewayError(403, "Access is denied: read only")
        sent = _one_record(await request.body(), entity)
        keys = {name: given[entity.wire(name)] for name in entity.keys if entity.wire(name) in given}
        try:
            this = self._submission(request, entity, workspace, entity.from_wire(sent), keys)
            stored = RULES.get(entity.name, submit_reference)(this)
        except Refused as refusal:
            return self._refused(request, entity, refusal.problems)
        return self._accepted(entity, stored, this)

    def _submission(
        self, request: Request, entity: ServedEntity, workspace: Workspace, given: Record, keys: Mapping[str, str]
    ) -> Submission:
        before = self._before(entity, workspace, keys) if keys else None
        if before is not None:
            _same_version(entity, given, before)
        refuse = flagged(request, "refuse")
        if refuse is not None:
            message = refuse.text or "The record is in use by another user and is locked."
            raise Refused(Problem(refuse.code or "locked", refuse.field, message))
        if given.get("dataOperation") == "D":
            raise Refused(Problem("value", "dataOperation", "Records are not deleted; make them inactive."))
        record, problems = clean(entity, given, before)
        if before is None:
            workspace.own(entity, record)
        if problems:
            raise Refused(*problems)
        if before is None:
            self._not_yet_there(entity, record)
        now = self._clock.iso()
        return Submission(request, self._books, self._served, entity, workspace, now, record, before)

    def _before(self, entity: ServedEntity, workspace: Workspace, keys: Mapping[str, str]) -> Record:
        missing = [name for name in entity.keys if name not in keys]
        if missing:
            raise Refused(*[Problem("mandatory", name, f"The key {name} is mandatory.") for name in missing])
        key = ".".join(keys[name] for name in entity.keys)
        found = self._books.get(entity.name, key)
        if found is None or not workspace.sees(entity, found):
            raise Refused(Problem("absent", entity.keys[-1], f"{key} does not exist.", key))
        return found

    def _not_yet_there(self, entity: ServedEntity, record: Record) -> None:
        """Only codes that the sender chose can be there already; what QAD numbers itself is blank or ignored."""
        if entity.keys[-1] in ("voucherNumber", "purchaseOrderLine") or record[entity.keys[-1]] == "":
            return
        if self._books.get(entity.name, entity.key_of(record)) is not None:
            key = entity.key_of(record)
            raise Refused(Problem("exists", entity.keys[-1], f"{key} already exists.", record[entity.keys[-1]]))

    def _accepted(self, entity: ServedEntity, stored: Record, this: Submission) -> Response:
        if this.switched("wrong_reply"):
            stored = next((other for other in self._books.all(entity.name) if other is not stored), stored)
        body = {
            "supplementaryMessages": described(this.warnings, entity, self._served.errors, 2),
            entity.array: [self._reads.out(entity, stored)],
            "submitResult": {"success": True, "errors": []},
        }
        return ExactJson(body, status_code=entity.created_status if this.before is None else 200)

    def _refused(self, request: Request, entity: ServedEntity, problems: tuple[Problem, ...]) -> Response:
        errors = described(problems, entity, self._served.errors, 1)
        if flagged(request, "bare_errors"):
            return ExactJson({"errors": errors})
        if flagged(request, "empty_errors"):
            errors = []
        body = {"supplementaryMessages": [], "submitResult": {"success": False, "errors": errors}}
        return ExactJson(body)


def _one_record(body: bytes, entity: ServedEntity) -> Record:
    try:
        decoded = decode_json(body)
    except msgspec.DecodeError as error:
        raise GatewayError(400, f"The body is not JSON: {error}") from error
    records = decoded.get(entity.array) if isinstance(decoded, dict) else None
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        raise GatewayError(400, f"The body must hold exactly one record in {entity.array}")
    return records[0]


def _same_version(entity: ServedEntity, given: Record, before: Record) -> None:
    """The body of an update is the whole record as it was read: same keys, same hash."""
    for name in entity.keys:
        if name in given and str(given[name]) != str(before[name]):
            raise Refused(Problem("value", name, f"{name} of the body is not that of the query.", given[name]))
    if given.get("concurrencyHash") != before["concurrencyHash"]:
        message = "The concurrency hash is stale: the record has been modified by another user."
        raise Refused(Problem("stale", "concurrencyHash", message, given.get("concurrencyHash") or ""))
