"""Starts the services of ``deploy/systemd`` as systemd would: the very commands of the unit files, with the variables
of ``.env.example``. Invariant: nothing differs but the installation's folder, the ports and the databases.
"""

import configparser
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
INSTALLED = "/opt/st_pipelines"
PORTS = tuple(f"ST_PIPELINES_{name}_PORT" for name in ("CODE", "UI", "RECEIVER", "METRICS"))


def unit(name: str) -> configparser.SectionProxy:
    """The ``[Service]`` section of a unit file."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "systemd" / name).read_text(encoding="utf-8"))
    return parser["Service"]


def services() -> list[str]:
    return sorted(path.name for path in (DEPLOY / "systemd").glob("*.service"))


def example() -> dict[str, str]:
    """The variables that ``.env.example`` sets."""
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def free_ports() -> dict[str, str]:
    """All held open together, so that they differ."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in PORTS]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return {name: str(one.getsockname()[1]) for name, one in zip(PORTS, listeners, strict=True)}


def command(name: str, environment: Mapping[str, str]) -> list[str]:
    """``ExecStart`` with its variables, and with this environment's programs in place of the installed ones."""
    words = [
        re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], word)
        for word in shlex.split(unit(name)["ExecStart"])
    ]
    program = Path(words[0])
    assert program.parent == Path(INSTALLED, ".venv", "bin"), words[0]
    script = Path(sys.executable).with_name(program.name)
    return [sys.executable, str(script), *words[1:]] if script.exists() else [str(script), *words[1:]]


@contextmanager
def running(environment: Mapping[str, str], logs: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """All services, each in a process group of its own."""
    with ExitStack() as stack:
        started: dict[str, subprocess.Popen[bytes]] = {}
        for name in services():
            assert unit(name)["WorkingDirectory"] == INSTALLED
            log = stack.enter_context((logs / f"{name}.log").open("wb"))
            started[name] = subprocess.Popen(
                command(name, environment), cwd=REPOSITORY, env=dict(environment), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
            stack.callback(_kill, started[name])
        yield started


def stop(started: Mapping[str, "subprocess.Popen[bytes]"]) -> dict[str, int]:
    """SIGTERM to every process of each service, as ``systemctl stop`` does; exit codes of the main ones."""
    for process in started.values():
        os.killpg(process.pid, signal.SIGTERM)
    return {name: process.wait(timeout=int(unit(name)["TimeoutStopSec"])) for name, process in started.items()}


def left(started: Mapping[str, "subprocess.Popen[bytes]"]) -> list[str]:
    """Services of which a process is still there after the time that its unit gives it."""
    return [name for name, process in started.items() if not _ends(process, int(unit(name)["TimeoutStopSec"]))]


def _ends(process: "subprocess.Popen[bytes]", within_s: int) -> bool:
    end = time.monotonic() + within_s
    while _alive(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)  # grandchildren: only the kernel's table tells
    return True


def _alive(process: "subprocess.Popen[bytes]") -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if _alive(process):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
