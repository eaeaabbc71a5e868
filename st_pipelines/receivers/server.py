"""The receiver: one worker in this process, or several beside it. Invariant: an address that was announced answers.

Several workers share the listening socket. One that dies is started again; when this process dies they end by
themselves, because their standard input closes.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from types import FrameType

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead

from st_pipelines.receivers.metrics import sum_of_workers
from st_pipelines.receivers.options import Options
from st_pipelines.receivers.serving import check_vault, listen, run_worker, serving_metrics

Announce = Callable[[Mapping[str, str]], None]
_SHORTEST_LIFE_S = 1.0  # a worker that dies sooner is not started again at once


def serve(options: Options, announce: Announce) -> None:
    """Serves until it is told to stop; ``announce`` gets the addresses as soon as they answer."""
    options.check()
    listener = listen(options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "https" if options.certificate else "http"
    webhooks = f"{scheme}://{host}:{listener.getsockname()[1]}/webhooks/"
    if options.workers == 1:
        registry = CollectorRegistry()
        with serving_metrics(options, registry) as metrics:
            run_worker(options, listener, lambda: announce({"webhooks": webhooks, "metrics": metrics}), registry)
        return
    check_vault(options)
    with (
        tempfile.TemporaryDirectory(prefix="webhook-metrics-") as folder,
        serving_metrics(options, sum_of_workers(folder)) as metrics,
    ):
        addresses = {"webhooks": webhooks, "metrics": metrics}
        _Workers(options, listener, folder).run(lambda: announce(addresses))


class _Workers:
    """The worker processes and what happens when one of them ends."""

    def __init__(self, options: Options, listener: socket.socket, folder: str) -> None:
        self._options, self._listener, self._folder = options, listener, folder
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopping = False

    def run(self, answering: Callable[[], None]) -> None:
        """Raises ``RuntimeError`` where a worker cannot start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            for worker in [self._start() for _ in range(self._options.workers)]:
                assert worker.stdout is not None
                if not worker.stdout.readline() and not self._stopping:
                    raise RuntimeError("a worker of the receiver did not start; it has said why")
            answering()
            while self._running:
                self._reap()
        finally:
            self._stop()
            for worker, _ in self._running.values():
                worker.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        door = self._listener.fileno()
        worker = subprocess.Popen(
            [sys.executable, "-m", "st_pipelines.receivers.worker", str(door)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, pass_fds=(door,), process_group=0,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": self._folder},
        )  # fmt: skip
        assert worker.stdin is not None
        worker.stdin.write(msgspec.json.encode(self._options) + b"\n")
        worker.stdin.flush()
        self._running[worker.pid] = worker, time.monotonic()
        if self._stopping:  # told while it was being made
            worker.terminate()
        return worker

    def _reap(self) -> None:
        """Waits for one worker to end, and starts another in its place."""
        pid, status = os.waitpid(-1, 0)
        if pid not in self._running:
            return
        worker, started = self._running.pop(pid)
        worker.returncode = os.waitstatus_to_exitcode(status)
        mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        if self._stopping:
            return
        time.sleep(max(0.0, _SHORTEST_LIFE_S - (time.monotonic() - started)))
        if not self._stopping:
            self._start()

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True
        self._listener.close()  # or the kernel would go on taking connections for nobody
        for worker, _ in self._running.values():
            worker.terminate()
