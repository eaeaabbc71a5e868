"""How a receiver is started. Invariant: plain http stays on this machine, unless a proxy stands before it (K10).

The options go to the workers through a pipe: the database's address may hold a password.
"""

import ipaddress
from pathlib import Path

import msgspec

from st_pipelines.receivers.door import LARGEST_BODY


class WrongOptions(ValueError):
    """Options that cannot be served with. Says what to do."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``port`` and ``metrics_port`` 0 take a free one. ``patience_s``: how long a commit waits for another process's
    lock. ``per_second``: requests of one peer. ``stop_s``: for requests under way when it is stopped."""

    database_url: str
    key_file: str
    host: str = "127.0.0.1"
    port: int = 8088
    metrics_port: int = 9188
    workers: int = 1
    certificate: str = ""
    certificate_key: str = ""
    behind_proxy: bool = False
    largest_body: int = LARGEST_BODY
    per_second: float = 2_000.0
    most_waiting: int = 2_000
    most_connections: int = 800
    header_s: float = 10.0
    request_s: float = 30.0
    idle_s: int = 75
    patience_s: float = 5.0
    stop_s: int = 10

    def __repr__(self) -> str:
        return "Options(***)"

    def check(self) -> None:
        """Raises ``WrongOptions``."""
        if bool(self.certificate) != bool(self.certificate_key):
            raise WrongOptions("TLS needs both --certificate and --certificate-key")
        for file in filter(None, (self.certificate, self.certificate_key)):
            if not Path(file).is_file():
                raise WrongOptions(f"{file}: no such file")
        if not (self.certificate or self.behind_proxy or _loopback(self.host)):
            raise WrongOptions(
                f"plain http on {self.host} would carry deliveries readable over the network: give --certificate and "
                "--certificate-key, or --behind-proxy where a proxy speaks https for it"
            )
        if not 1 <= self.workers <= 64:
            raise WrongOptions("--workers takes 1 to 64")
        positive = ("largest_body", "per_second", "most_waiting", "most_connections", "header_s", "request_s", "idle_s",
                    "patience_s", "stop_s")  # fmt: skip
        for name in positive:
            if not getattr(self, name) > 0:
                raise WrongOptions(f"--{name.replace('_', '-')} must be more than 0")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
