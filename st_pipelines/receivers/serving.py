"""One worker: uvicorn around the app. Invariant: told to stop it takes in nothing more, commits what it took, ends."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_pipelines.credentials.keyring import Keyring, load_keyring
from st_pipelines.database.engine import open_database
from st_pipelines.receivers.app import Limits, build
from st_pipelines.receivers.metrics import InboxLag, Metrics
from st_pipelines.receivers.options import Options
from st_pipelines.receivers.protocol import limited
from st_pipelines.receivers.senders import Senders, names_of_senders

BACKLOG = 1024


class Server(uvicorn.Server):
    """Tells when it answers; a signal means a graceful stop and exit code 0, not death by that signal."""

    def __init__(self, config: uvicorn.Config, answering: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answering()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def run_worker(
    options: Options,
    listener: socket.socket,
    answering: Callable[[], None],
    registry: CollectorRegistry,
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Serves until SIGTERM or SIGINT, or until the parent is gone. Raises what ``build`` raises."""
    engine = open_database(options.database_url, patience_s=options.patience_s)
    limits = Limits(options.largest_body, options.per_second, options.most_waiting, options.behind_proxy)
    app = build(engine, keyring_of(options), limits, Metrics(registry))
    # Behind a proxy all connections are the proxy's.
    of_one_peer = options.most_connections if options.behind_proxy else max(1, options.most_connections // 4)
    protocol: Any = limited(options.header_s, options.request_s, options.most_connections, of_one_peer)
    config = uvicorn.Config(
        app, http=protocol,
        ws="none", lifespan="on", log_config=None, log_level="error", access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=options.idle_s, timeout_graceful_shutdown=options.stop_s,
        backlog=BACKLOG, ssl_certfile=options.certificate or None, ssl_keyfile=options.certificate_key or None,
    )  # fmt: skip
    server = Server(config, answering)
    gc.freeze()  # what was loaded stays: a full collection would stop the door for a tenth of a second
    # The thread that commits gives the interpreter away at each call into the database, and would get it back only
    # after 5 ms of a busy door.
    sys.setswitchinterval(0.0005)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        if until_stdin_closes:
            loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else server.stop())
        await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())
    engine.dispose()


def keyring_of(options: Options) -> Callable[[], Keyring]:
    """Reads the keys each time: a rotated key file counts without a restart."""
    return lambda: load_keyring(os.environ, Path(options.key_file))


def check_vault(options: Options) -> None:
    """Raises what the vault raises where its secrets cannot be opened, before any worker is started."""
    engine = open_database(options.database_url, patience_s=options.patience_s)
    Senders(engine, keyring_of(options)).refresh()
    engine.dispose()


@contextlib.contextmanager
def serving_metrics(options: Options, registry: CollectorRegistry) -> Iterator[str]:
    """``/metrics`` on a loopback port of its own, in a thread; yields its address."""
    engine = open_database(options.database_url, patience_s=options.patience_s)
    lags = CollectorRegistry()
    lags.register(InboxLag(engine, lambda: names_of_senders(engine)))

    def show(_request: Request) -> Response:
        return Response(generate_latest(registry) + generate_latest(lags), media_type=CONTENT_TYPE_LATEST)

    listener = listen("127.0.0.1", options.metrics_port)
    config = uvicorn.Config(Starlette(routes=[Route("/metrics", show)]), ws="none", lifespan="off", log_config=None,
                            log_level="error", access_log=False, server_header=False)  # fmt: skip
    accepting = threading.Event()
    server = Server(config, accepting.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="metrics", daemon=True)
    thread.start()
    accepting.wait(10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
    finally:
        server.stop()
        thread.join(5)
        engine.dispose()
