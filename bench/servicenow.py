"""Read 100,000 rows of a ServiceNow table: CPU and peak memory beside ServiceNow's own pysnc over the same rows, and
what a poll costs that finds nothing new.

A server process serves pre-rendered rows; each measurement runs in a fresh process. Ours is the real client: token,
rate gate, proof of the columns, keyset, order and window checked row by row. pysnc pages by offset; it is given the
same page size and stored values only, which is cheaper for it than its defaults. (Its ``rewindable=False``, which would
keep fewer rows, loses the last row of the first page.)
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

PAGES, PAGE_ROWS = 100, 1000
TABLE = "sn_shop_invoice_line"
LATER = timedelta(days=10)  # after the last row, before today


def run() -> list[dict[str, object]]:
    with _server() as address:
        ours, theirs, usual = (_measured(what, address) for what in ("ours", "pysnc", "pysnc_as_delivered"))
    rows = PAGES * PAGE_ROWS
    beside = f"pysnc, same pages: {theirs['cpu_s']:.2f} s, {theirs['rss_mib']:.0f} MiB; "
    beside += f"as delivered (100 rows, display values): {usual['cpu_s']:.2f} s, {usual['rss_mib']:.0f} MiB"
    typed = f"{ours['typed_s']:.2f} s more to make typed invoice lines of them"
    share = ours["cpu_s"] / theirs["cpu_s"]
    return [
        {"name": f"CPU of {rows:,} rows", "value": f"{ours['cpu_s']:.2f}", "unit": "s",
         "bar": "<= half of pysnc", "ok": share <= 0.5, "note": f"{share:.2f} of it. {beside}"},
        {"name": "peak memory", "value": f"{ours['rss_mib']:.0f}", "unit": "MiB", "bar": "<= 100",
         "ok": ours["rss_mib"] <= 100, "note": typed},
        {"name": "poll with nothing new", "value": f"{ours['poll']:.0f}", "unit": "requests", "bar": "<= 3",
         "ok": ours["poll"] <= 3, "note": f"in a new process; {ours['poll_again']:.0f} in one that polled before"},
    ]  # fmt: skip


def ours(address: str) -> dict[str, float]:
    from bench.row_server import COLUMNS, FIRST
    from st_pipelines.credentials.keyring import load_keyring, new_key_file
    from st_pipelines.credentials.secret import Secret
    from st_pipelines.credentials.vault import Connection
    from st_pipelines.database.engine import open_database
    from st_pipelines.database.schema import metadata
    from st_pipelines.systems.servicenow.connect import connect
    from st_pipelines.systems.servicenow.proof import Proof
    from st_pipelines.systems.servicenow.read import Reader

    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'ledger.db'}")
        metadata.create_all(engine)
        new_key_file(Path(folder) / "key")
        secrets = {name: Secret(f"bench.{name}") for name in ("client_id", "client_secret")}
        connection = Connection("bench", "servicenow", {"base_url": address, "page_rows": PAGE_ROWS}, secrets)
        client = connect(connection, engine, load_keyring({}, Path(folder) / "key"))
        asked = _counting(client)
        nothing = Reader(Proof(client), TABLE, COLUMNS).changes(FIRST + LATER)
        assert list(nothing.pages()) == []
        poll = asked[0]
        reader = Reader(Proof(client), TABLE, COLUMNS)
        with _measuring() as measured:
            count = 0
            for page in reader.changes(None).pages():
                for row in page.rows:
                    if all(row[name] is not None for name in COLUMNS):
                        count += 1
        assert count == PAGES * PAGE_ROWS, count
        asked[0] = 0
        assert list(reader.changes(FIRST + LATER).pages()) == []
        measured |= {"poll": poll, "poll_again": asked[0], "typed_s": _typed(reader)}
    return measured


def _typed(reader: Any) -> float:
    """CPU of turning 100,000 rows into invoice lines, from one page's rows again and again."""
    from st_pipelines.systems.servicenow.fields import Fields
    from st_pipelines.systems.servicenow.profile_file import load_profile
    from st_pipelines.systems.servicenow.records import invoice_line

    profile = load_profile(Path(__file__).parents[1] / "mappings" / "demo_servicenow" / "servicenow_profile.yaml")
    table, page = profile.table("invoice_lines"), next(iter(reader.changes(None).pages()))
    cpu = time.process_time()
    for _ in range(PAGES):
        for row in page.rows:
            invoice_line(Fields(row, table, {}, profile.currency))
    return time.process_time() - cpu


def pysnc(address: str, *, as_delivered: bool = False) -> dict[str, float]:
    import requests
    from pysnc import ServiceNowClient

    from bench.row_server import COLUMNS

    client = ServiceNowClient("https://bench.example", requests.Session())
    client._ServiceNowClient__instance = address  # it refuses http:// for any address, also for loopback
    table = client.GlideRecord(TABLE, **({} if as_delivered else {"batch_size": PAGE_ROWS}))
    table.fields = ["sys_id", "sys_updated_on", "sys_mod_count", *COLUMNS]
    if not as_delivered:
        table.display_value = False
    with _measuring() as measured:
        table.query()
        count = 0
        for row in table:
            if all(row.get_value(name) is not None for name in COLUMNS):
                count += 1
    assert count == PAGES * PAGE_ROWS, count
    return measured


def _counting(client: Any) -> list[int]:
    """Counts the requests of a client."""
    asked, read = [0], client._http.read

    def counted(*args: Any, **kwargs: Any) -> Any:
        asked[0] += 1
        return read(*args, **kwargs)

    client._http.read = counted
    return asked


@contextmanager
def _measuring() -> Iterator[dict[str, float]]:
    measured: dict[str, float] = {}
    cpu = time.process_time()
    yield measured
    measured["cpu_s"] = time.process_time() - cpu
    measured["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(what: str, address: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.servicenow", what, address]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.row_server", str(PAGES), str(PAGE_ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        json.dump(ours(sys.argv[2]), sys.stdout)
    else:
        json.dump(pysnc(sys.argv[2], as_delivered=sys.argv[1] == "pysnc_as_delivered"), sys.stdout)
