"""An instance before the first document comes: companies, currencies, people, states. Invariant: no seed changes these
facts, and everything that QAD owns (suppliers, accounts, cost centers, orders, receipts) is absent.

State labels are published, the stored numbers are not: these are the sandbox's own, to be read from ``sys_choice``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from st_pipelines.sandbox.servicenow.auth import GRANT
from st_pipelines.sandbox.servicenow.metadata import SCOPES, key, metadata
from st_pipelines.sandbox.servicenow.rows import SYSTEM, Rows
from st_pipelines.sandbox.servicenow.settings import Settings
from st_pipelines.sandbox.servicenow.transform_maps import transform_maps

Record = dict[str, Any]
ERP_SOURCE = key("erp", "QAD")
LEGAL_ENTITIES = (("10USACO", "Texas Comfort Services"), ("20USACO", "Wisconsin Comfort Services"))
CURRENCIES = (("USD", "US Dollar", "$"), ("CAD", "Canadian Dollar", "CA$"), ("EUR", "Euro", "€"),
              ("MXN", "Mexican Peso", "MX$"))  # fmt: skip
_READERS = ("sn_shop.procurement_common_reader", "sn_shop.accounts_payable_viewer")
_INTEGRATION = (
    "sn_fcms_intg.integration_user", "import_transformer", "sn_spend_intg.procurement_integrator",
    "sn_shop.procurement_specialist", "sn_ap_apm.reader", *_READERS,
)  # fmt: skip
ROLES = (*_INTEGRATION, "admin", "sn_fcms_intg.admin", "sn_spend_intg.admin", "sn_ap_apm.accounts_payable_specialist",
         "sn_fin.supplier_payment_info_read")  # fmt: skip
USERS: dict[str, Sequence[str]] = {
    "qad.integration": _INTEGRATION,
    "admin": ("admin",),
    "ap.specialist": ("sn_ap_apm.accounts_payable_specialist", *_READERS),
    "ap.reader": ("sn_ap_apm.reader", "sn_shop.accounts_payable_viewer"),
    "procurement.reader": ("sn_shop.procurement_common_reader",),
    "nobody": (),
}
_INVOICE = (
    "No invoice", "Draft", "Received", "Suspected duplicate", "Accepted", "PO matching error", "PO matching completed",
    "Exceptions found", "No exceptions found", "Pending approval", "Rejected", "Approved", "Pending payment",
    "Confirmed duplicate", "Canceled", "Paid",
)  # fmt: skip
_ORDER = (
    "Processing", "Pending Revision", "Pending Submission", "Pending Supplier Confirmation", "Ordered",
    "Partially Delivered", "Delivered", "Payment Pending", "Pending Return", "Pending Cancellation", "Closed Paid",
    "Closed Returned", "Closed Released", "Closed Canceled",
)  # fmt: skip
_RECEIPT = ("Draft", "Received", "Returned", "Canceled")
INTEGRATION_STATUS = {"5": "Draft", "10": "New", "20": "In process", "30": "Processed", "40": "Failed"}
CHOICES: dict[tuple[str, str], dict[str, str]] = {
    ("sn_fin_base_invoice", "state"): {str(10 * n): label for n, label in enumerate(_INVOICE)},
    ("sn_shop_order", "status"): {str(10 * n): label for n, label in enumerate(_ORDER, start=1)},
    ("sn_shop_line", "state"): {"1": "Open", "2": "Closed", "3": "Canceled"},
    ("sn_shop_receipt", "status"): {str(n): label for n, label in enumerate(_RECEIPT, start=1)},
    **{(f"sn_spend_intg_outbound_invoice{part}", "integration_status"): INTEGRATION_STATUS
       for part in ("", "_line", "_tax_line")},
}  # fmt: skip
PROPERTIES = {
    GRANT: "true", "glide.oauth.allow.parameters.in.post.body.only": "true",
    "glide.invalid_query.returns_no_rows": "false", "instance_name": "demo",
}  # fmt: skip


def choice(table: str, element: str, label: str) -> str:
    """The stored value of a state as this instance was delivered."""
    return next(value for value, text in CHOICES[table, element].items() if text == label)


def seed(rows: Rows, settings: Settings, scopes: Sequence[str]) -> None:
    """Fills empty books."""
    with rows.books.transaction():
        install(rows, scopes)
        for table, fields in (*_reference(settings), *transform_maps()):
            if rows.schema.table(table) is not None:
                rows.insert(table, fields)


def install(rows: Rows, scopes: Sequence[str]) -> None:
    """The tables, columns, rights of scopes, and of the platform where it has none yet."""
    now = rows.now()
    stamps = {"sys_created_on": now, "sys_created_by": SYSTEM, "sys_updated_on": now, "sys_updated_by": SYSTEM}
    for table, row in metadata(scopes):
        if rows.books.get(table, row["sys_id"]) is None:
            rows.books.put(table, row["sys_id"], {**row, **stamps, "sys_mod_count": "0"})


def scopes_of(text: str) -> list[str]:
    """All but the named ones (``sn_ap_apm,com.snc.procurement``)."""
    without = {one.strip() for one in text.split(",") if one.strip()}
    unknown = without - SCOPES.keys()
    if unknown:
        raise ValueError(f"unknown scopes {sorted(unknown)}; there are {', '.join(SCOPES)}")
    return [one for one in SCOPES if one not in without]


def _reference(settings: Settings) -> Iterator[tuple[str, Record]]:
    for role in ROLES:
        yield "sys_user_role", {"sys_id": key("role", role), "name": role}
    for user, roles in USERS.items():
        yield "sys_user", {
            "sys_id": key("user", user), "user_name": user, "name": user.replace(".", " ").title(), "active": "true",
            "email": f"{user}@sandbox.example", "time_zone": "GMT", "date_format": "yyyy-MM-dd",
        }  # fmt: skip
        for role in roles:
            granted = {"user": key("user", user), "role": key("role", role), "state": "active"}
            yield "sys_user_has_role", {"sys_id": key("granted", user, role), **granted}
    yield "oauth_entity", {
        "sys_id": key("oauth", "qad"), "name": "QAD integration", "client_id": settings.client_id, "active": "true",
        "client_secret": settings.client_secret, "user": key("user", "qad.integration"),
    }  # fmt: skip
    for name, value in PROPERTIES.items():
        yield "sys_properties", {"sys_id": key("property", name), "name": name, "value": value}
    for (table, element), labels in CHOICES.items():
        for sequence, (value, label) in enumerate(labels.items()):
            yield "sys_choice", {
                "sys_id": key("choice", table, element, value), "name": table, "element": element, "value": value,
                "label": label, "language": "en", "inactive": "false", "sequence": str(sequence),
            }  # fmt: skip
    for code, name, symbol in CURRENCIES:
        yield "fx_currency", {"sys_id": key("currency", code), "code": code, "name": name, "symbol": symbol,
                              "active": "true"}  # fmt: skip
    yield "sn_fin_erp_source", {"sys_id": ERP_SOURCE, "name": "QAD", "code": "QAD", "active": "true"}
    for code, name in LEGAL_ENTITIES:
        yield "sn_fin_legal_entity", {
            "sys_id": key("entity", code), "name": name, "legal_name": name, "erp_company_code": code,
            "erp_source": ERP_SOURCE, "local_currency": "USD", "country": "USA", "active": "true",
        }  # fmt: skip
