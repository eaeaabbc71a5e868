"""Runs sandbox systems in one process, each on its own loopback port. Invariant: an address that was announced answers.

    python -m st_pipelines.sandbox.server --home DIR [--systems servicetitan,qad] [--seed N] [--size small|demo|large]
        [--month 2026-10] [--port-base N] [--ticking] [--set name=value …]

prints one JSON line of addresses, writes it to ``DIR/addresses.json`` and serves until SIGTERM or SIGINT. The books
stay in ``DIR/<system>.db``: a start on the same home goes on with them. A system is a module
``sandbox.<system>.app`` with ``BASE_PATH`` and ``build(books, clock, options) -> ASGI app``, made with
``kernel.sandbox_app``.
"""

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import uvicorn
from starlette.types import ASGIApp

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.connection import OpenProtocol
from st_pipelines.sandbox.options import SandboxOptions

SYSTEMS = ("servicetitan", "qad", "servicenow")
DEFAULT_SYSTEMS = ("servicetitan", "qad")


class _Server(uvicorn.Server):
    """Tells when it accepts connections, and leaves the signals to the process that runs several of it."""

    def __init__(self, app: ASGIApp, *, date_header: bool = True) -> None:
        config = uvicorn.Config(
            app, http=OpenProtocol, ws="none", date_header=date_header, lifespan="off",
            log_config=None, access_log=False, log_level="warning",
            server_header=False, timeout_keep_alive=75, timeout_graceful_shutdown=2, backlog=512,
        )  # fmt: skip
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int = 0) -> socket.socket:
    """A listening loopback socket; port 0 takes a free one."""
    # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


def _origin(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _serve(
    home: Path, systems: Sequence[str], options: SandboxOptions, port_base: int, ticking: bool, until_stdin_closes: bool
) -> None:
    home.mkdir(parents=True, exist_ok=True)
    clock = Clock(options.start_of_clock(), ticking=ticking, path=home / "clock.json")
    servers: list[_Server] = []
    listeners: list[socket.socket] = []
    addresses: dict[str, str] = {}
    held: list[Books] = []
    for position, system in enumerate(systems):
        module = importlib.import_module(f"st_pipelines.sandbox.{system}.app")
        books = Books(home / f"{system}.db")
        held.append(books)
        listeners.append(listen(port_base + position if port_base else 0))
        addresses[system] = _origin(listeners[-1]) + module.BASE_PATH
        dates_itself = getattr(module, "DATES_ITS_ANSWERS", False)
        servers.append(_Server(module.build(books, clock, options), date_header=not dates_itself))

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: stop() if not os.read(sys.stdin.fileno(), 4096) else None)
    running = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    await asyncio.gather(*(server.accepting.wait() for server in servers))
    line = msgspec.json.encode(addresses)
    temporary = home / "addresses.json.new"
    temporary.write_bytes(line + b"\n")
    temporary.replace(home / "addresses.json")
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
    await asyncio.gather(*running)
    if until_stdin_closes:
        loop.remove_reader(sys.stdin.fileno())
    for books in held:
        books.close()


class RunningSandbox:
    """A sandbox process. ``addresses``: system to base address."""

    def __init__(self, process: "subprocess.Popen[bytes]", addresses: Mapping[str, str]) -> None:
        self.process, self.addresses = process, dict(addresses)

    def __getitem__(self, system: str) -> str:
        return self.addresses[system]

    def stop(self) -> int:
        """Gracefully (SIGTERM); gives the exit code."""
        self.process.terminate()
        return self._reaped()

    def kill(self) -> int:
        """SIGKILL, as a crash would."""
        self.process.kill()
        return self._reaped()

    def _reaped(self) -> int:
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code


@contextlib.contextmanager
def running_sandbox(
    home: Path,
    *,
    systems: Sequence[str] = DEFAULT_SYSTEMS,
    seed: int = 1,
    size: str = "small",
    month: str = "2026-10",
    port_base: int = 0,
    ticking: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RunningSandbox]:
    """The sandbox as a process of its own, ready when this yields, stopped afterwards (also when this process dies).

    Raises ``RuntimeError`` with the process's own words where it could not start.
    """
    home.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "st_pipelines.sandbox.server", "--home", str(home), "--systems", ",".join(systems),
        "--seed", str(seed), "--size", size, "--month", month, "--port-base", str(port_base), "--until-stdin-closes",
        *(["--ticking"] if ticking else []),
    ]  # fmt: skip
    for name, value in (settings or {}).items():
        command += ["--set", f"{name}={value}"]
    words = home / "sandbox.log"
    with words.open("ab") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise RuntimeError(f"the sandbox did not start: {words.read_text(errors='replace')[-2000:]}")
    running = RunningSandbox(process, msgspec.json.decode(line, type=dict[str, str]))
    try:
        yield running
    finally:
        running.stop()


@contextlib.contextmanager
def serving(app: ASGIApp, *, port: int = 0, date_header: bool = True) -> Iterator[str]:
    """One app on a loopback port in a thread of this process; yields its origin. For tests that need a special app."""
    listener = listen(port)
    server: list[_Server] = []
    loops: list[asyncio.AbstractEventLoop] = []
    accepting = threading.Event()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        server.append(_Server(app, date_header=date_header))
        task = asyncio.create_task(server[0].serve(sockets=[listener]))
        await server[0].accepting.wait()
        accepting.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    accepting.wait()
    try:
        yield _origin(listener)
    finally:
        server[0].should_exit = True
        thread.join()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m st_pipelines.sandbox.server", description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--systems", default=",".join(DEFAULT_SYSTEMS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", choices=("small", "demo", "large"), default="small")
    parser.add_argument("--month", default="2026-10")
    parser.add_argument("--port-base", type=int, default=0)
    parser.add_argument("--ticking", action="store_true", help="let the sandbox's clock run")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of one system")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent process is gone")
    given = parser.parse_args(arguments)
    systems = [name for name in given.systems.split(",") if name]
    unknown = sorted(set(systems) - set(SYSTEMS))
    if unknown or not systems:
        parser.error(f"unknown systems {unknown}; there are {', '.join(SYSTEMS)}")
    if any("=" not in pair for pair in given.set):
        parser.error("--set takes NAME=VALUE")
    extra = dict(pair.split("=", 1) for pair in given.set)
    options = SandboxOptions(seed=given.seed, size=given.size, month=given.month, extra=extra)
    asyncio.run(_serve(given.home, systems, options, given.port_base, given.ticking, given.until_stdin_closes))


if __name__ == "__main__":
    main()
