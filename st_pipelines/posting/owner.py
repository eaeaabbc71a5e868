"""Names the worker that holds a lease, and tells whether it is provably gone. Invariant: in doubt a worker lives.

A lease of a worker that is provably dead need not be waited for; the posting is unknown all the same (L7). Provable
means: same machine since the same boot, same process numbers (pid namespace), and no process with that start time.
"""

import hashlib
import os
import threading
from pathlib import Path
from uuid import uuid4

_active: set[str] = set()  # workers of this process that are at work
_lock = threading.Lock()


class Owner:
    """One worker. Use as a context manager; the name ends with the block."""

    def __init__(self) -> None:
        self.name = f"{_machine()}:{os.getpid()}:{_started(os.getpid())}:{uuid4().hex[:12]}"

    def __enter__(self) -> "Owner":
        with _lock:
            _active.add(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            _active.discard(self.name)


def is_gone(name: str) -> bool:
    """Whether the named worker is provably no longer at work."""
    machine, _, rest = name.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, nonce = rest.partition(":")
    if not (machine and pid.isdigit() and started and nonce) or machine != _machine():
        return False
    if int(pid) == os.getpid() and started == _started(os.getpid()):
        with _lock:
            return name not in _active
    return _started(int(pid)) != started


def _machine() -> str:
    """Empty where it cannot be told: then nobody is ever provably gone."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (not a real path)
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{namespace}".encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """When the process started, in ticks since boot; empty where there is no such process (or it is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
