"""What mapping hands to posting: a document with its disposition. Invariant: exactly one disposition, with its reason.

``ready``            may be planned for sending
``held``             stopped; ``hold`` says which key is missing and what a person must do
``nothing_to_post``  recorded and counted, e.g. a zero total
``not_eligible``     counted with the reason, e.g. still pending in the source
``void``             the source voided it: whatever was posted must be voided or reversed
"""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from st_pipelines.documents.bill import Bill, OrderMatch
from st_pipelines.documents.codes import Code
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.parties import Party
from st_pipelines.documents.payment import Payment
from st_pipelines.documents.procurement import GoodsReceipt, OrderLine, PurchaseOrder, SupplierDetail

Payload = Party | Invoice | Payment | Bill | PurchaseOrder | OrderLine | GoodsReceipt | Code | SupplierDetail

DISPOSITIONS = ("ready", "held", "nothing_to_post", "not_eligible", "void")


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Why a document was stopped. ``code`` is stable (``gl_account.no_row``); ``key`` is the exact missing thing;
    ``cure`` is one sentence for the person who must act."""

    code: str
    key: str
    detail: str
    cure: str


class ControlLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One addend of the control totals, in whole minor units, debit positive and credit negative."""

    business_unit: str
    gl_account: str
    cost_center: str
    amount_minor: int


class MappedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source document version after mapping. ``payload`` is absent only where it could not be built (held).

    ``kind`` names what the target gets (customer, customer_invoice, customer_payment, supplier_invoice …);
    ``needs`` lists document keys or facts that must be posted or known first;
    ``source_sha256`` covers the source fields that matter to the books, so that a changed mapping can be told from
    a changed document. ``stands_as``: what the source calls it in the books already (a voucher, a state that only
    follows posting): a ledger that never posted it holds it. ``is_final``: once it is posted, a change of it in the
    source goes to the books only when a person has decided so.
    """

    flow: str
    kind: str
    doc_key: str
    company: str
    business_date: date
    currency: str
    total: Decimal
    disposition: str
    source_sha256: str
    modified_on: datetime
    payload: Payload | None = None
    hold: Hold | None = None
    reason: str = ""
    needs: tuple[str, ...] = ()
    control: tuple[ControlLine, ...] = ()
    label: str = ""
    stands_as: str = ""
    is_final: bool = False

    @property
    def begins_from(self) -> str:
        """The record of the target that its create starts from, for a party or code that was there before us; else
        empty."""
        return self.payload.begins_from if isinstance(self.payload, Party | Code) else ""

    @property
    def replaces(self) -> str:
        """The version of the target's record that it was compared with, where it says so."""
        return self.payload.replaces if isinstance(self.payload, Code) else ""

    @property
    def takes(self) -> tuple[OrderMatch, ...]:
        """The goods that it takes of order lines."""
        return self.payload.matches if isinstance(self.payload, Bill) else ()

    @property
    def reads_target(self) -> bool:
        """Its create starts from something that the target holds: a record to change, goods to take."""
        return bool(self.begins_from or self.takes)
