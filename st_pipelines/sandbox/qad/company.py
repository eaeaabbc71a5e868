"""The demo company as QAD holds it before anything is posted. Invariant: no seed changes these facts."""

from calendar import monthrange
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.dates import wire_date
from st_pipelines.sandbox.qad.served import Served
from st_pipelines.sandbox.qad.stamps import stamped

Record = dict[str, Any]

SETS = {
    "customer": "CUST", "supplier": "SUPP", "gl": "COA", "costCentre": "CC", "subAccount": "SUB", "project": "PRJ",
    "creditTerms": "CT", "daybook": "DB",
}  # fmt: skip
WORKSPACES = (
    ("10USA_10USACO", "10USA", "10USACO", "Texas Comfort Services", True),
    ("10USA_20USACO", "10USA", "20USACO", "Wisconsin Comfort Services", False),
    ("99TRAIN_99TRAINCO", "99TRAIN", "99TRAINCO", "Training company", False),
)
RECEIVABLE, PAYABLE, UNMATCHED, PRICE_VARIANCE = "1200", "2000", "2100", "5900"
CURRENCIES = ("USD", "CAD", "EUR", "MXN")

_WITHOUT_ANALYSIS = (
    ("1010", "Operating Bank", "Bank"),
    ("1020", "Card Clearing", "Bank"),
    ("1030", "Undeposited Funds", "Bank"),
    (RECEIVABLE, "Accounts Receivable", "Customer Control"),
    (PAYABLE, "Accounts Payable", "Supplier Control"),
    (UNMATCHED, "Unmatched Supplier Invoices", "Standard"),
    ("2200", "Sales Tax Payable", "Tax"),
    (PRICE_VARIANCE, "Purchase Price Variance", "Standard"),
)
_WITH_ANALYSIS = (
    ("4000", "Service Revenue", True),
    ("4100", "Material Revenue", True),
    ("4200", "Equipment Revenue", True),
    ("4300", "Membership Revenue", True),
    ("4900", "Discounts Given", True),
    ("5000", "Cost of Materials", True),
    ("5100", "Cost of Equipment", True),
    ("5200", "Inbound Freight", True),
    ("5300", "Purchase Tax", True),
    ("5400", "Other Purchase Cost", True),
    ("6900", "Rounding Differences", True),
    ("4999", "Old Revenue", False),
)
_COST_CENTRES = (
    ("1100", "HVAC Service", True), ("1200", "HVAC Install", True), ("2100", "Plumbing Service", True),
    ("2200", "Plumbing Install", True), ("3100", "Electrical Service", True), ("4100", "HVAC Milwaukee", True),
    ("9900", "Closed Shop", False),
)  # fmt: skip
_TAX_CODES = (("TX825", "Texas 8.25 %", "0.0825"), ("WI55", "Wisconsin 5.5 %", "0.055"), ("EXEMPT", "Exempt", "0"))
_TERMS = (("DUE", "Due upon receipt", 0), ("N15", "Net 15", 15), ("N30", "Net 30", 30), ("N45", "Net 45", 45))
_DAYBOOKS = (
    ("ARINV", "Customer Invoice"), ("ARCRN", "Customer Credit Note"), ("ARPAY", "Customer Payment"),
    ("APINV", "Supplier Invoice"), ("APCRN", "Supplier Credit Note"), ("GLJNL", "Journal Entry"),
)  # fmt: skip
_STATUSES = (
    ("AP-INITIAL", True, False, "No Allocation", True, True, "AP-RMALLOC"),
    ("AP-NOALLOC", False, False, "No Allocation", False, True, "AP-RMALLOC"),
    ("AP-RMALLOC", False, True, "Allocation", False, True, ""),
    ("AP-GLALLOC", False, True, "Allocation", False, False, ""),
    ("AR-ALLOC", False, True, "Allocation", False, False, ""),
    ("AR-CONTESTED", False, False, "No Allocation", False, False, ""),
)
# Codes that are checked but have no list of their own here.
CODES = {
    "glProfile": {"AR": RECEIVABLE, "AP": PAYABLE, "SALES": "4000", "PURCH": "5000"},
    "daybookSet": {"STD": "Standard"},
    "purchaseType": {"STD": "Standard"},
}


def seed(books: Books, served: Served, options: SandboxOptions, now: str) -> None:
    """Fills empty books with reference data. Periods: the year before the business month up to two months after it;
    those before the month preceding it are closed (``first_open_period=YYYY-MM`` among the options moves that)."""
    with books.transaction():
        for name, records in _reference(options):
            entity = served.entities[name]
            for record in records:
                books.put(name, entity.key_of(record), stamped(entity, record, None, now))
        for identity, domain, company, title, default in WORKSPACES:
            workspace = {
                "workspaceId": identity, "domainCode": domain, "entityCode": company, "description": title,
                "isDefault": default,
            }  # fmt: skip
            books.put("workspaces", identity, workspace)


def _reference(options: SandboxOptions) -> Iterator[tuple[str, list[Record]]]:
    yield (
        "gl_accounts",
        [_account(code, text, kind, False, True) for code, text, kind in _WITHOUT_ANALYSIS]
        + [_account(code, text, "Standard", True, active) for code, text, active in _WITH_ANALYSIS],
    )
    for name, shared_set, field, rows in (
        ("cost_centres", "costCentre", "costCentreCode", _COST_CENTRES),
        ("sub_accounts", "subAccount", "subAccountCode", (("01", "Texas", True), ("02", "Wisconsin", True))),
    ):
        yield (
            name,
            [
                {"sharedSetCode": SETS[shared_set], field: code, "description": text, "isActive": active}
                for code, text, active in rows
            ],
        )
    yield "credit_terms", [
        {"sharedSetCode": SETS["creditTerms"], "creditTermsCode": code, "description": text, "dueDays": days,
         "isActive": True}
        for code, text, days in _TERMS
    ]  # fmt: skip
    yield "daybooks", [
        {"sharedSetCode": SETS["daybook"], "daybookCode": code, "daybookType": kind, "description": kind,
         "isActive": True}
        for code, kind in _DAYBOOKS
    ]  # fmt: skip
    yield "tax_codes", [
        {"domainCode": domain, "taxCode": code, "description": text, "taxRate": Decimal(rate), "glCode": "2200",
         "isActive": True}
        for domain in sorted({workspace[1] for workspace in WORKSPACES}) for code, text, rate in _TAX_CODES
    ]  # fmt: skip
    yield "invoice_statuses", [
        {"invoiceStatusCode": code, "description": code, "isActive": True, "isLockPayment": lock,
         "isInvoiceApproved": approved, "allocationStatus": allocation, "isInitial": initial,
         "isReceiverMatching": matching, "statusAfterMatch": after}
        for code, lock, approved, allocation, initial, matching, after in _STATUSES
    ]  # fmt: skip
    yield (
        "sites",
        [
            {"domainCode": domain, "siteCode": code, "entityCode": company, "description": title, "isActive": True}
            for code, (_, domain, company, title, _) in zip(("100", "200", "900"), WORKSPACES, strict=True)
        ],
    )
    yield "gl_periods", list(_periods(options))


def _account(code: str, text: str, kind: str, analysed: bool, active: bool) -> Record:
    return {
        "sharedSetCode": SETS["gl"], "glCode": code, "description": text, "glType": kind, "isActive": active,
        "isCostCentreAccount": analysed, "isProjectAccount": False, "isSubAccountAccount": analysed,
        "analysisLimitation": "None",
    }  # fmt: skip


def _periods(options: SandboxOptions) -> Iterator[Record]:
    year, month = int(options.month[:4]), int(options.month[5:])
    here = year * 12 + month - 1
    before = here - 1
    first_open = options.extra.get("first_open_period", f"{before // 12}-{before % 12 + 1:02d}")
    for _, _, company, _, _ in WORKSPACES:
        for position in range(here - 24, here + 3):
            y, m = position // 12, position % 12 + 1
            yield {
                "entityCode": company, "year": y, "period": m, "description": f"{y}-{m:02d}",
                "startDate": wire_date(f"{y}-{m:02d}-01"), "endDate": wire_date(f"{y}-{m:02d}-{monthrange(y, m)[1]}"),
                "isOpen": f"{y}-{m:02d}" >= first_open,
            }  # fmt: skip
