"""The record of a procurement document as QAD gave it. Invariant: a page holds the records of a day in the order of its
typed rows, so that the row which has the document's codes is the record.
"""

from collections.abc import Mapping
from typing import Any

from st_pipelines.documents.keys import codes_of
from st_pipelines.store.files import Store
from st_pipelines.systems.qad.procurement import LAYER

# (entity, kind in the key) -> the typed table, and the columns of the codes that the key is made of
_PLACES: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("suppliers", "vendor"): ("suppliers", ("code",)),
    ("purchase_orders", "vendor"): ("order_suppliers", ("code",)),
    ("suppliers", "supplier_detail"): ("suppliers", ("code",)),  # of a supplier and a legal entity
    ("purchase_orders", "supplier_detail"): ("order_suppliers", ("code",)),
    ("purchase_orders", "purchase_order"): ("purchase_orders", ("number",)),
    ("purchase_orders", "purchase_order_line"): ("purchase_order_lines", ("number", "line")),
    ("receipts", "goods_receipt"): ("receipts", ("receiver", "line")),
}


def find_record(
    store: Store, integration: str, entity: str, partition: str, page: Mapping[str, Any], doc_key: str
) -> Mapping[str, Any] | None:
    """``page``: decoded, by table. None where the day does not hold the document."""
    _, _, kind, codes, *_ = doc_key.split(":")
    if (entity, kind) not in _PLACES:
        return None
    table, columns = _PLACES[entity, kind]
    rows = store.read_table(integration, LAYER, table, partition, list(columns)).to_pylist()
    wanted, records = codes_of(codes)[: len(columns)], page.get(table, [])
    for row, record in zip(rows, records, strict=True):
        if tuple(str(row[column]) for column in columns) == wanted:
            found: Mapping[str, Any] = record
            return found
    return None
