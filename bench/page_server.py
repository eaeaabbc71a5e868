"""Serves pre-rendered invoice pages to the extraction benchmark.

Run as ``python -m bench.page_server PAGE_SIZE``; prints its address. How many pages there are comes with the window:
so many seconds does it end after 1 December 2026.
"""

import sys
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from bench.bare_server import serve
from bench.invoice_pages import ID_PREFIX, rows

BASE_PAGES = 16
EPOCH = datetime.fromisoformat("2026-12-01T00:00:00Z")


def body(base: list[bytes], number: int, size: int, pages: int, total: int | None) -> bytes:
    """Page ``number`` of ``pages``: a pre-rendered page, made other invoices by five digits of their ids."""
    more = "true" if number < pages else "false"
    announced = "null" if total is None else total
    head = f'{{"page":{number},"pageSize":{size},"hasMore":{more},"totalCount":{announced},"data":'.encode()
    if size == 1 or number > pages:
        return head + b"[]}"
    generation, place = divmod(number - 1, BASE_PAGES)
    return head + base[place].replace(ID_PREFIX, b"%d" % (10_000 + generation)) + b"}"


def main(page_size: int) -> None:
    base = [rows(place, page_size) for place in range(BASE_PAGES)]

    def answer(target: str) -> tuple[bytes, str]:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        pages = int((datetime.fromisoformat(asked["modifiedBefore"]) - EPOCH).total_seconds())
        total = pages * page_size if "includeTotal" in asked else None
        return body(base, int(asked["page"]), int(asked["pageSize"]), pages, total), ""

    serve(answer, token_life_s=900)


if __name__ == "__main__":
    main(int(sys.argv[1]))
