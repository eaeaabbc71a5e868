"""The one HTTP client: reads retry, writes are sent once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from st_pipelines.systems.http.auth import Auth
from st_pipelines.systems.http.rate import Gate
from st_pipelines.systems.http.reply import Reply


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``total_s`` bounds the whole call: waiting for the gate, all attempts, a sender of one byte a second."""

    connect_s: float = 10.0
    read_s: float = 60.0
    write_s: float = 60.0
    pool_s: float = 30.0
    total_s: float = 100.0


Params = Sequence[tuple[str, str]]


class HttpClient:
    """One connection. Thread-safe: share it between threads, make one a process."""

    def __init__(self, connection: str, base_url: str, auth: Auth, *, gate: Gate | None = None,
                 timeouts: Timeouts = Timeouts(), ca_file: str | None = None, max_connections: int = 10) -> None:  # fmt: skip  # noqa: B008
        raise NotImplementedError

    def read(self, path: str, params: Params = (), *, entity: str, reference: str = "", headers: Mapping[str, str] | None = None,
             deadline_s: float | None = None, check: Callable[[Reply], object] | None = None) -> Reply:  # fmt: skip
        """GET. ``check`` may raise ``ValueError`` on an unusable body (e.g. your decoder): that is retried like a reset."""
        raise NotImplementedError

    def write(self, method: str, path: str, params: Params = (), *, content: bytes, content_type: str = "application/json",
              entity: str, reference: str, headers: Mapping[str, str] | None = None,
              deadline_s: float | None = None) -> Reply:  # fmt: skip
        """One sending. Raises ``NotExecuted``, ``OutcomeUnknown`` or ``Refused``; anything else is a defect."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
