"""Every kind of record we read, as data. Invariant: each path, parameter and scope stands in the published documents.

``filters``      always sent. Lists show only active records unless told otherwise, and the switch differs by list.
``feed``         the export feed that is read beside the list, where only its rows say what the list leaves out.
``ids``          how records are asked for by id: parameter, most ids a call, repeated or comma-separated, and which
                 field of the answer must carry the id (a filter the server does not know is silently ignored).
``named_by``     entities whose records name ids of this one: those are read beside the window.
``woken_by``     entities whose window is looked at first, because their change does not move this one's modifiedOn.
``window_is_shown``  the instant that the window filters by is the modifiedOn that the rows show.
Why lists and not export feeds: docs/adr/0004-list-or-export-feed.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from st_pipelines.systems.servicetitan import models, party_models, reference_models
from st_pipelines.systems.servicetitan.record import Record

Filters = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ids:
    """``field`` is the Struct's attribute that must be one of the ids asked for."""

    parameter: str = "ids"
    field: str = "id"
    at_most: int = 50
    repeated: bool = False


@dataclass(frozen=True)
class Naming:
    """``column`` of ``table`` holds ids that belong to the entity which carries this."""

    entity: str
    table: str
    column: str


@dataclass(frozen=True)
class Entity:
    """``children``: list field of the model -> name of its table. ``sorted_by_id``: the list takes ``sort=+Id``."""

    name: str
    description: str
    module: str
    path: str
    scope: str
    model: type[Record]
    document_type: str = ""
    filters: Filters = ()
    feed: str = ""
    windowed: bool = True
    sorted_by_id: bool = True
    ids: Ids | None = field(default_factory=Ids)
    children: Mapping[str, str] = field(default_factory=dict)
    named_by: tuple[Naming, ...] = ()
    woken_by: tuple[str, ...] = ()
    window_is_shown: bool = True

    @property
    def unreadable(self) -> str:
        """The table of records that could not be read."""
        return f"{self.name}_unreadable"

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.name, *self.children.values(), self.unreadable)


_ANY: Filters = (("active", "Any"),)
_ALL: Filters = (("activeState", "All"),)

_DAILY: Sequence[Entity] = (
    Entity("invoices", "Customer invoices and adjustment invoices, with their items", "accounting", "invoices",
           "tn.acc.invoices:r", models.Invoice, "invoice", _ALL, children={"items": "invoice_items"}),
    Entity("payments", "Customer payments and refunds, with their applications", "accounting", "payments",
           "tn.acc.payments:r", models.Payment, "payment", _ALL, children={"applied_to": "payment_applications"}),
    # The list's rows do not say whether a bill was cancelled, and cancelled ones may be missing: the feed knows.
    Entity("bills", "Supplier bills from purchase orders, with their items", "accounting", "inventory-bills/paginated",
           "tn.acc.inventorybills:r", models.Bill, "bill", feed="export/inventory-bills", sorted_by_id=False,
           children={"items": "bill_items"}),
    Entity("purchase_orders", "Purchase orders, whole", "inventory", "purchase-orders", "tn.inv.purchaseorders:r",
           party_models.PurchaseOrder, children={"items": "purchase_order_items"},
           named_by=(Naming("bills", "bills", "purchase_order_id"),)),
    # A bill waits for its receipts, which may be older than the day: they are found by their order.
    Entity("receipts", "Goods received against purchase orders", "inventory", "receipts", "tn.inv.receipts:r",
           party_models.Receipt, filters=_ANY, ids=Ids("purchaseOrderIds", "purchase_order_id"),
           children={"items": "receipt_items"}, named_by=(Naming("bills", "bills", "purchase_order_id"),)),
    Entity("vendors", "Vendors with address and contact", "inventory", "vendors", "tn.inv.vendors:r",
           party_models.Vendor, "vendor", _ANY, ids=Ids(repeated=True),
           named_by=(Naming("bills", "bills", "vendor_id"),)),
    # A balance moves modifiedOn unless told otherwise; contacts and locations do not move it at all.
    Entity("customers", "Customers with their bill-to address", "crm", "customers", "tn.crm.customers:r",
           party_models.Customer, "customer", (*_ANY, ("excludeAccountingChangesFromModifiedDateRange", "true")),
           named_by=(Naming("invoices", "invoices", "customer_id"), Naming("payments", "payments", "customer_id")),
           woken_by=("customer_contacts", "locations"), window_is_shown=False),
    Entity("customer_contacts", "Phones and e-mail addresses of customers", "crm", "customers/contacts",
           "tn.crm.customers:r", party_models.CustomerContact, sorted_by_id=False,
           ids=Ids("customerIds", "customer_id"), named_by=(Naming("customers", "customers", "id"),)),
    # The list takes one customerId a call; see read.by_ids for when the whole list is the cheaper way.
    Entity("locations", "Service locations with their tax zone", "crm", "locations", "tn.crm.locations:r",
           party_models.Location, filters=_ANY, ids=Ids("customerId", "customer_id", at_most=1),
           named_by=(Naming("customers", "customers", "id"),)),
)  # fmt: skip

_REFERENCE: Sequence[Entity] = (
    Entity("business_units", "Business units", "settings", "business-units", "tn.stt.businessunits:r",
           reference_models.BusinessUnit, filters=_ANY, windowed=False, sorted_by_id=False),
    Entity("payment_types", "Payment types", "accounting", "payment-types", "tn.acc.paymenttypes:r",
           reference_models.PaymentType, filters=_ANY, windowed=False, sorted_by_id=False),
    Entity("payment_terms", "Payment terms", "accounting", "payment-terms", "tn.acc.paymentterms:r",
           reference_models.PaymentTerm, windowed=False),
    Entity("tax_zones", "Tax zones with their rates", "accounting", "tax-zones", "tn.acc.taxzones:r",
           reference_models.TaxZone, filters=_ANY, windowed=False, children={"rates": "tax_zone_rates"}),
    Entity("gl_accounts", "General-ledger accounts, as hints for the mapping", "accounting", "gl-accounts",
           "tn.acc.glaccounts:r", reference_models.GlAccountExtended, filters=_ANY, windowed=False),
)  # fmt: skip

DAILY: Mapping[str, Entity] = {entity.name: entity for entity in _DAILY}
REFERENCE: Mapping[str, Entity] = {entity.name: entity for entity in _REFERENCE}


def entity(name: str) -> Entity:
    """An entity by its name. Raises ``KeyError`` that lists the known ones."""
    found = DAILY.get(name) or REFERENCE.get(name)
    if found is None:
        raise KeyError(f"no ServiceTitan entity {name!r}; known: {', '.join((*DAILY, *REFERENCE))}")
    return found
