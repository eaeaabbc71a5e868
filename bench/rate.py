"""How well eight processes share one limit of 60 a second: share of the limit used, and the worst sliding second."""

import multiprocessing
import tempfile
import time
from collections import deque
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from st_pipelines.database.engine import open_database
from st_pipelines.database.schema import metadata
from st_pipelines.systems.http.rate import RateGate

PROCESSES = 8
LIMIT = 60
SECONDS = 6.0


def worst_second(moments: list[float]) -> int:
    """The largest number of moments in any sliding second."""
    window: deque[float] = deque()
    worst = 0
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - 1.0:
            window.popleft()
        worst = max(worst, len(window))
    return worst


def spend(url: str, seconds: float, start: Barrier, answers: Any) -> None:
    """One process: takes permits as fast as it gets them and tells when each came."""
    gate = RateGate(open_database(url), "bench", LIMIT)
    gate.acquire(10.0)
    start.wait()
    end, moments, cpu = time.monotonic() + seconds, [], time.process_time()
    while time.monotonic() < end:
        gate.acquire(10.0)
        moments.append(time.monotonic())
    answers.put((moments, time.process_time() - cpu))


def measure(url: str, processes: int = PROCESSES, seconds: float = SECONDS) -> tuple[float, int, float]:
    """(permits a second, worst sliding second, CPU seconds a permit) with real processes on one database."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=spend, args=(url, seconds, start, answers)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    results = [answers.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    moments = [moment for result, _ in results for moment in result]
    first = min(moments)
    counted = [moment for moment in moments if first <= moment < first + seconds]
    return len(counted) / seconds, worst_second(moments), sum(cpu for _, cpu in results) / len(moments)


def run() -> list[dict[str, object]]:
    """The figures for ``make bench``."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'rate.db'}"
        engine = open_database(url)
        metadata.create_all(engine)
        engine.dispose()
        rate, worst, cpu = measure(url)
    share = 100 * rate / LIMIT
    note = f"{PROCESSES} processes, limit {LIMIT}/s, SQLite"
    return [
        {"name": "rate limit used", "value": round(share, 1), "unit": "%", "bar": 88, "ok": share >= 88, "note": note},
        {
            "name": "worst sliding second",
            "value": worst,
            "unit": "requests",
            "bar": LIMIT,
            "ok": worst <= LIMIT,
            "note": note,
        },
        {
            "name": "CPU per permit",
            "value": round(cpu * 1000, 2),
            "unit": "ms",
            "bar": 2,
            "ok": cpu <= 0.002,
            "note": note,
        },
    ]


if __name__ == "__main__":
    for line in run():
        print(line)
