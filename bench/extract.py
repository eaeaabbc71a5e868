"""Extract and land invoices: wall time, CPU and peak memory, beside a plain httpx + json loop over the same pages.

A server process serves pre-rendered pages with all published fields; each measurement runs in a fresh process with the
real client (token, rate gate at 60 calls a second, retries, raw pages with fsync, typed Parquet). Nothing of Dagster.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PAGE_SIZE = 300  # the client's default
FEW, MANY = 60, 600  # pages
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
EPOCH = datetime(2026, 12, 1, tzinfo=UTC)  # see page_server: the window's end says how many pages there are


def run() -> list[dict[str, object]]:
    with _server() as address:
        few, many = _measured("land", address, FEW), _measured("land", address, MANY)
        plain = _measured("plain", address, FEW)
    faster, cheaper = many["per_s"] / plain["per_s"], plain["cpu_us"] / many["cpu_us"]
    landed = (
        f"{MANY * PAGE_SIZE} in {MANY} pages; plain httpx+json, nothing stored: {plain['per_s']:.0f} ({faster:.1f}x)"
    )
    cpu = f"plain httpx+json: {plain['cpu_us']:.0f} ({cheaper:.1f}x)"
    idle, grown = f"before the first page {few['idle_mib']:.0f}", f"{many['rss_mib'] - few['rss_mib']:+.1f}"
    return [
        _row("extract and land", many["per_s"], "invoices/s", 12_000, True, landed),
        _row("CPU each", many["cpu_us"], "µs", 80, False, cpu),
        _row(f"peak memory, {FEW} pages", few["rss_mib"], "MiB", 150, False, idle),
        _row(f"peak memory, {MANY} pages", many["rss_mib"], "MiB", 150, False, grown),
    ]


def land(address: str, pages: int) -> dict[str, float]:
    """In a fresh process: everything that a run does for one day of one entity."""
    from st_pipelines.credentials.keyring import load_keyring, new_key_file
    from st_pipelines.credentials.secret import Secret
    from st_pipelines.credentials.vault import Connection
    from st_pipelines.database.engine import open_database
    from st_pipelines.database.schema import metadata
    from st_pipelines.store.files import Store
    from st_pipelines.systems.servicetitan.client import connect
    from st_pipelines.systems.servicetitan.extract import extract_day

    assert not any(name.partition(".")[0] == "dagster" for name in sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = open_database(f"sqlite:///{home / 'ledger.db'}")
        metadata.create_all(engine)
        new_key_file(home / "key")
        secrets = {name: Secret(f"bench.{name}") for name in ("app_key", "client_id", "client_secret")}
        settings = {"tenant": "1", "base_url": address, "auth_url": address, "page_size": PAGE_SIZE}
        client = connect(Connection("bench", "servicetitan", settings, secrets), engine, load_keyring({}, home / "key"))
        client.identify()
        idle = _peak_mib()
        with _measuring(pages * PAGE_SIZE) as measured:
            end = EPOCH + timedelta(seconds=pages)
            got = extract_day(client, Store(str(home / "data")), "bench", "invoices", "2026-10-01", FIRST, end)
        assert (got.records, got.pages, got.unreadable) == (pages * PAGE_SIZE, pages, 0), got
        return measured | {"idle_mib": idle}


def plain(address: str, pages: int) -> dict[str, float]:
    """What a script would do: one page after the other, decoded and counted, nothing kept."""
    import httpx

    until = (EPOCH + timedelta(seconds=pages)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with httpx.Client(base_url=address) as client, _measuring(pages * PAGE_SIZE) as measured:
        found, number, more = 0, 1, True
        while more:
            asked = {"page": number, "pageSize": PAGE_SIZE, "modifiedBefore": until}
            page = json.loads(client.get("/accounting/v2/tenant/1/invoices", params=asked).content)
            found, number, more = found + len(page["data"]), number + 1, page["hasMore"]
        assert found == pages * PAGE_SIZE
    return measured


@contextmanager
def _measuring(invoices: int) -> Iterator[dict[str, float]]:
    measured: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield measured
    measured["cpu_us"] = (time.process_time() - cpu) / invoices * 1e6
    measured["per_s"] = invoices / (time.perf_counter() - wall)
    measured["rss_mib"] = _peak_mib()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(what: str, address: str, pages: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.extract", what, address, str(pages)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.page_server", str(PAGE_SIZE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _row(name: str, value: float, unit: str, bar: float, more_is_better: bool, note: str) -> dict[str, Any]:
    ok = value >= bar if more_is_better else value <= bar
    sign = ">=" if more_is_better else "<="
    return {"name": name, "value": f"{value:,.0f}", "unit": unit, "bar": f"{sign} {bar:,}", "ok": ok, "note": note}


if __name__ == "__main__":
    measure = {"land": land, "plain": plain}[sys.argv[1]]
    json.dump(measure(sys.argv[2], int(sys.argv[3])), sys.stdout)
