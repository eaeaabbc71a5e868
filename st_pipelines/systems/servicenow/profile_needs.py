"""What the readers name of each table. Invariant: a profile without one of these is refused at once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_pipelines.systems.servicenow.profile import Table

NEEDED_COLUMNS: dict[str, tuple[str, ...]] = {
    "suppliers": ("number", "name", "active"),
    "purchase_orders": ("number", "supplier", "status", "amount"),
    "purchase_order_lines": ("order", "line_number", "quantity", "received_quantity", "invoiced_quantity", "amount"),
    "receipts": ("number", "order", "order_line", "quantity", "status"),
    "cost_centers": ("code", "name"),
    "gl_accounts": ("number", "name"),
    "payment_terms": ("code", "name"),
    "supplier_details": ("supplier", "legal_entity", "number"),
    "invoices": ("number", "state", "type", "supplier", "supplier_invoice_number", "invoice_date", "amount", "tax",
                 "order", "legal_entity"),
    "invoice_lines": ("invoice", "line_number", "description", "quantity", "unit_price", "amount", "tax", "order",
                      "order_line", "cost_center", "gl_account"),
    "outbound_invoices": ("number", "state", "type", "supplier", "supplier_invoice_number", "invoice_date", "amount",
                          "tax", "order", "legal_entity"),
    "outbound_invoice_lines": ("invoice", "line_number", "description", "quantity", "unit_price", "amount", "tax",
                               "order", "order_line", "cost_center", "gl_account"),
}  # fmt: skip
NEEDED_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "invoices": {"state": ("approved",)},
    "outbound_invoices": {"state": ("new",)},
}
# Where "active" is left out every record counts as active: the tenant's table has no such flag.
OPTIONAL = {"active"}


def missing(name: str, table: "Table") -> list[str]:
    """One sentence for each setting that the table still needs."""
    where = f"tables.{name}"
    if name not in NEEDED_COLUMNS and name not in ("supplier_details", "legal_entities", "invoice_payments"):
        return [f"{where}: not a table that is used; known: {', '.join(sorted(NEEDED_COLUMNS))}"]
    faults = [f"{where}.columns: {column} is missing" for column in NEEDED_COLUMNS.get(name, ())
              if column not in table.columns and column not in OPTIONAL]  # fmt: skip
    for column, words in NEEDED_CHOICES.get(name, {}).items():
        faults += [f"{where}.choices: {column} needs the label of {word}" for word in words
                   if word not in table.choices.get(column, {})]  # fmt: skip
    return faults
