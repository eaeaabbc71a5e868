"""Mapping: invoices a second in columns, beside a plain Python loop that does the same with dicts and ``Decimal``.

Both start from the same documents, read the demo tables, and must arrive at the same lines; else the row says so.
"""

import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from st_pipelines.documents.frames import INVOICE_LINE_SOURCE, INVOICE_SOURCE
from st_pipelines.mapping.columns import FINANCIAL
from st_pipelines.mapping.invoices import map_invoices
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Account, Reference
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines.mapping.tables import Mapping, load_mapping

INVOICES, BAR, ROWS_BAR = 50_000, 50_000, 10_000
KINDS = (("Service", "4000", 1), ("Service", "4300", 1), ("Material", "4100", 1), ("Equipment", "4200", 1),
         ("PriceModifier", "4900", -1))  # fmt: skip
CENT = Decimal("0.01")
OPTIONS = MappingOptions(
    source_tag="ST:1234567", party_company="10USA_10USACO", receivable_account="1200", payable_account="2000",
    rounding_account="6900", rounding_limit=Decimal("0.05"), currency="USD",
)  # fmt: skip

Rows = list[dict[str, Any]]


def business(count: int) -> tuple[Rows, Rows]:
    """Invoices of one to six lines, a discount now and then, tax in one of three zones."""
    chance = random.Random(20261001)
    documents, lines = [], []
    for number in range(count):
        key = f"ST:1234567:invoice:{10_000_000 + number}"
        sub_total = Decimal(0)
        for place in range(chance.randint(1, 6)):
            kind, hint, sign = chance.choice(KINDS[: 5 if place else 4])
            amount = Decimal(sign * chance.randint(50, 60_000 if sign > 0 else 90)).scaleb(-2)
            sub_total += amount
            lines.append({"doc_key": key, "sequence": place + 1, "source_id": f"{number}{place}", "business_unit": "",
                          "item": f"SKU-{chance.randint(1, 900)}", "item_type": kind, "gl_hint": hint,
                          "quantity": Decimal(1), "amount": amount, "description": "Work done"})  # fmt: skip
        zone, rate = chance.choice((("301", Decimal("0.0825")), ("302", Decimal("0.055")), ("303", Decimal(0))))
        tax = (sub_total * rate).quantize(CENT, ROUND_HALF_UP)
        day = date(2026, 10, 1) + timedelta(days=number % 31)
        documents.append({
            "doc_key": key, "source_id": str(10_000_000 + number), "number": str(number), "is_active": True,
            "modified_on": datetime(2026, 10, 5, 12, tzinfo=UTC), "eligibility": "", "unreadable": "",
            "currency": "USD", "business_unit": str(101 + number % 6),
            "customer_key": f"ST:1234567:customer:{number % 7000}",
            "customer_name": "A customer", "invoice_date": day, "due_date": day + timedelta(days=30),
            "sub_total": sub_total, "tax_amount": tax, "total": sub_total + tax, "tax_zone": zone, "terms": "Net 30",
            "adjusts_key": "", "summary": "Seasonal visit"})  # fmt: skip
    return documents, lines


def reference() -> Reference:
    """The demo chart: revenue and rounding take cost centre and sub-account, the balance sheet takes neither."""
    taking = ("4000", "4100", "4200", "4300", "4900", "6900")
    accounts = {code: Account(code, code, True, code in taking, False, code in taking, "None")
                for code in (*taking, "1200", "2000", "2200")}  # fmt: skip
    return Reference(
        accounts, dict.fromkeys(("1100", "1200", "2100", "2200", "3100", "4100"), True), {"01": True, "02": True},
        {"TX825": True, "WI55": True, "EXEMPT": True}, {"DUE": True, "N15": True, "N30": True, "N45": True},
    )  # fmt: skip


def plain_loop(documents: Rows, lines: Rows, mapping: Mapping, live: Reference) -> Rows:
    """The same rules, one document and one dict at a time."""
    units = {row["business_unit_id"]: row for row in mapping["business_units"].rows}
    accounts = {(row["business_unit_id"], row["item"], row["item_type"], row["gl_hint"]): row
                for row in mapping["invoice_accounts"].rows}  # fmt: skip
    zones = {row["tax_zone_id"]: row for row in mapping["tax_zones"].rows}
    terms = {row["name"]: row["credit_terms"] for row in mapping["terms"].rows if row["role"] == "customer"}
    of: defaultdict[str, Rows] = defaultdict(list)
    for line in lines:
        of[line["doc_key"]].append(line)
    mapped: Rows = []
    for document in documents:
        if document["unreadable"] or not document["is_active"] or document["eligibility"] or not document["total"]:
            continue
        day, unit, zone = document["invoice_date"], units[document["business_unit"]], zones[document["tax_zone"]]
        items = sorted(of[document["doc_key"]], key=lambda line: line["sequence"])
        found, digest = [], hashlib.sha256(repr([*document.values()]).encode())
        for line in items:
            digest.update(repr([*line.values()]).encode())
            own = units[line["business_unit"]] if line["business_unit"] else unit
            row = None
            for item in (line["item"], ""):
                for hint in (line["gl_hint"], ""):
                    for unit_id in (own["business_unit_id"], ""):
                        row = row or accounts.get((unit_id, item, line["item_type"], hint))
            if row is None or not row.first <= day <= row.last or own["entity"] != unit["entity"]:
                raise AssertionError(line)
            account = live.gl_accounts[row["gl_account"]]
            if not (account.is_active and account.takes_cost_center and live.cost_centers[own["cost_center"]]):
                raise AssertionError(line)
            amount = line["amount"].quantize(CENT, ROUND_HALF_UP)
            if amount:
                found.append((row["gl_account"], own["cost_center"], own["sub_account"], amount))
        tax = document["tax_amount"].quantize(CENT, ROUND_HALF_UP)
        if sum(line["amount"] for line in items) != document["sub_total"]:
            raise AssertionError(document)
        if document["sub_total"] + document["tax_amount"] != document["total"]:
            raise AssertionError(document)
        if tax and live.tax_codes[zone["tax_code"]]:
            found.append((zone["gl_account"], "", "", tax))
        mapped.append({"doc_key": document["doc_key"], "company": f"{unit['domain']}_{unit['entity']}",
                       "terms": terms[document["terms"]], "lines": found, "sha": digest.hexdigest()})  # fmt: skip
    return mapped


def _timed(work: Callable[[], Any], times: int) -> tuple[float, float, Any]:
    """Least wall and processor seconds of some runs (the machine is shared), and the last result."""
    walls, processor, result = [], [], None
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    return min(walls), min(processor), result


def run() -> list[dict[str, object]]:
    documents, lines = business(INVOICES)
    mapping, live = load_mapping(Path(__file__).parents[1] / "mappings" / "demo_qad", FINANCIAL), reference()
    tables = pa.Table.from_pylist(documents, INVOICE_SOURCE), pa.Table.from_pylist(lines, INVOICE_LINE_SOURCE)
    wall, cpu, frames = _timed(lambda: map_invoices(*tables, mapping, live, OPTIONS), 5)
    loop_wall, loop_cpu, loop = _timed(lambda: plain_loop(documents, lines, mapping, live), 3)
    rows_wall, rows_cpu, count = _timed(lambda: sum(1 for _ in mapped_documents(frames)), 3)
    same = [line for document in loop for line in document["lines"]] == [
        (row["gl_account"], row["cost_center"], row["sub_account"], Decimal(row["amount_minor"]).scaleb(-2))
        for row in frames.lines.to_pylist()
    ]
    rate, rows_rate = round(INVOICES / wall), round(count / rows_wall)
    note = f"{len(lines)} lines; {loop_wall / wall:.1f} times a plain loop" + ("" if same else "; LINES DIFFER")
    return [
        _row("map", rate, "invoices/s", BAR, rate >= BAR and same, note),
        _row("map, processor", round(cpu / INVOICES * 1e6, 1), "µs/invoice", "", None,
             f"plain loop {loop_cpu / INVOICES * 1e6:.1f} µs"),
        _row("plain loop", round(INVOICES / loop_wall), "invoices/s", "", None, "same rules, dicts and Decimal"),
        _row("columns to documents", rows_rate, "documents/s", ROWS_BAR, rows_rate >= ROWS_BAR,
             f"{rows_cpu / count * 1e6:.1f} µs processor each"),
    ]  # fmt: skip


def _row(name: str, value: object, unit: str, bar: object, ok: bool | None, note: str) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "bar": bar, "ok": ok, "note": note}
