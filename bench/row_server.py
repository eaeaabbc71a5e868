"""Serves pre-rendered rows of a ServiceNow table to the reading benchmark.

Run as ``python -m bench.row_server PAGES PAGE_ROWS``; prints its address. Pages are a few rendered ones, made other
rows by the eight digits that begin a sys_id and the hour of their stamps. It is asked by keyset or by offset.
"""

import json
import random
import re
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from bench.bare_server import serve
from bench.invoice_pages import text

COLUMNS = ("number", "invoice", "line_description", "invoiced_quantity", "line_unit_price", "line_amount", "tax_amount",
           "purchase_order.erp_number", "order_line.erp_line_number", "cost_center.code", "ledger_account.number",
           "uom", "state", "supplier_part_number")  # fmt: skip
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
BASE_PAGES = 8
_ID, _HOUR = b"77777777", b"2077-07-07 07"
_AFTER = re.compile(r"sys_id>([0-9a-f]{32})")
_SINCE = re.compile(r"^sys_updated_on>=(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


def rendered(number: int, page_rows: int, whole: bool) -> bytes:
    """One page without envelope. ``whole``: each value beside its display text, as pysnc asks for by default."""
    chance = random.Random(number)
    made = []
    for place in range(page_rows):
        second = place // 5 * 5 * 3600 // page_rows  # five rows share a second
        row = {"sys_id": f"{_ID.decode()}{place:024x}", "sys_mod_count": str(chance.randint(0, 9)),
               "sys_updated_on": f"{_HOUR.decode()}:{second // 60:02d}:{second % 60:02d}"}  # fmt: skip
        cents = chance.randint(100, 900_000)
        row |= dict(zip(COLUMNS, (
            f"INVL{chance.randint(10**6, 10**7)}", f"{chance.getrandbits(128):032x}", text(chance, 6), "4",
            f"{cents // 400}.{cents // 4 % 100:02d}", f"{cents // 100}.{cents % 100:02d}", "8.25",
            f"PO{chance.randint(1000, 9999)}", str(chance.randint(1, 9)), str(chance.randint(4000, 4999)),
            str(chance.randint(5000, 5999)), "EA", "", f"CU-{chance.randint(1000, 9000)}"), strict=True))  # fmt: skip
        made.append({name: {"display_value": held, "value": held} for name, held in row.items()} if whole else row)
    return json.dumps(made, separators=(",", ":")).encode()


def page(base: list[bytes], number: int) -> bytes:
    hour = (FIRST + timedelta(hours=number)).strftime("%Y-%m-%d %H").encode()
    return base[number % BASE_PAGES].replace(_ID, b"%08x" % (number + 1)).replace(_HOUR, hour)


def metadata(table: str) -> bytes:
    if table == "sys_db_object":
        return json.dumps([{"name": name} for name in ("sn_shop_invoice_line", "sys_user")]).encode()
    names = [*(name for name in COLUMNS if "." not in name), "sys_id", "sys_updated_on", "sys_mod_count"]
    return json.dumps([{"name": "sn_shop_invoice_line", "element": name, "active": "true"} for name in names]).encode()


def rows(base: dict[str, list[bytes]], asked: dict[str, str], pages: int, page_rows: int) -> tuple[bytes, int]:
    """The rows and the count of all that match."""
    query, total = asked.get("sysparm_query", ""), pages * page_rows
    after, since = _AFTER.search(query), _SINCE.search(query)
    number, offset = 0, int(asked.get("sysparm_offset", "0"))
    if after:
        number = int(after[1][:8], 16)
        total -= number * page_rows
    elif since and since[1] >= (FIRST + timedelta(hours=pages)).strftime("%Y-%m-%d %H:%M:%S"):
        return b"[]", 0
    number += offset // page_rows
    kind = "whole" if asked.get("sysparm_display_value") == "all" else "plain"
    return (b"[]" if number >= pages else page(base[kind], number)), total


def main(pages: int, page_rows: int) -> None:
    base = {kind: [rendered(number, page_rows, kind == "whole") for number in range(BASE_PAGES)]
            for kind in ("plain", "whole")}  # fmt: skip

    def answer(target: str) -> tuple[bytes, str]:
        parts = urlsplit(target)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        table = parts.path.rpartition("/")[2]
        if table.startswith("sys_"):
            found = metadata(table)
            total = found.count(b'"name"')
        else:
            found, total = rows(base, asked, pages, page_rows)
        return b'{"result":' + found + b"}", f"X-Total-Count: {total}\r\n"

    serve(answer, token_life_s=1800)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
