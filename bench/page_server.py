"""Serves pre-rendered invoice pages to the extraction benchmark. Invariant: it does next to nothing per request, so
that what is measured is the client.

Run as ``python -m bench.page_server PAGE_SIZE``; prints its address. How many pages there are comes with the window:
so many seconds does it end after 1 December 2026.
"""

import json
import socket
import sys
import threading
from datetime import datetime
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

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


def answer(connection: socket.socket, base: list[bytes], page_size: int) -> None:
    token = json.dumps({"access_token": "bench", "expires_in": 900, "token_type": "Bearer"}).encode()
    waiting = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in waiting:
                received = connection.recv(65536)
                if not received:
                    return
                waiting += received
            request, _, waiting = waiting.partition(b"\r\n\r\n")
            line, *headers = request.decode().split("\r\n")
            method, target, _ = line.split(" ")
            if method == "POST":
                length = next(int(h.split(":")[1]) for h in headers if h.lower().startswith("content-length"))
                while len(waiting) < length:
                    waiting += connection.recv(65536)
                waiting, content = waiting[length:], token
            else:
                asked = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
                pages = int((datetime.fromisoformat(asked["modifiedBefore"]) - EPOCH).total_seconds())
                total = pages * page_size if "includeTotal" in asked else None
                content = body(base, int(asked["page"]), int(asked["pageSize"]), pages, total)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {formatdate(usegmt=True)}\r\n"
            connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
            connection.sendall(content)


def main(page_size: int) -> None:
    base = [rows(place, page_size) for place in range(BASE_PAGES)]
    server = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{server.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection, base, page_size), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
