"""The open connections to one origin. Invariant: a connection belongs to one request, from taking to giving back.

httpcore has a pool, but in it one thread may look at, and close, an idle connection that another is just taking into
use; for a write that is a needless unknown outcome. Here a connection leaves the shelf before anything is done with it.
"""

import ssl
import threading
import time
from dataclasses import dataclass

import httpcore

from st_pipelines.systems.http.deadline import Deadline, Timeouts
from st_pipelines.systems.http.origin import Origin
from st_pipelines.systems.http.sockets import Stream, connect

KEEP_ALIVE_S = 3.0  # under the 5 s of common servers: a connection closed under a write costs a quiet period


@dataclass(frozen=True)
class Line:
    """One open connection: HTTP/1.1 over a stream."""

    http: httpcore.HTTP11Connection
    stream: Stream


class Pool:
    """At most ``most`` connections. Thread-safe; not for two processes."""

    def __init__(
        self, origin: Origin, tls: ssl.SSLContext | None, timeouts: Timeouts, most: int, private_network: bool
    ) -> None:
        self._origin = origin
        self._tls = tls
        self._timeouts = timeouts
        self._private_network = private_network
        self._places = threading.BoundedSemaphore(most)
        self._shelf: list[tuple[float, Line]] = []
        self._lock = threading.Lock()
        self._where = httpcore.Origin(origin.scheme.encode(), origin.host.encode(), origin.port)

    def take(self, deadline: Deadline) -> Line:
        """An idle connection that looks alive, the youngest first, else a new one. Raises httpcore's connect errors."""
        if not self._places.acquire(timeout=deadline.within(self._timeouts.pool_s)):
            raise httpcore.PoolTimeout("all connections stayed busy")
        try:
            return self._idle() or self._open()
        except BaseException:
            self._places.release()
            raise

    def give_back(self, line: Line, exact: bool) -> None:
        """Ends the use of a connection; it is kept only if its last answer was complete and nothing came behind it."""
        if exact and line.http.is_idle():
            with self._lock:
                self._shelf.append((time.monotonic(), line))
        else:
            line.stream.close()
        self._places.release()

    def close(self) -> None:
        """Closes the idle connections. Those in use go on."""
        with self._lock:
            shelf, self._shelf = self._shelf, []
        for _, line in shelf:
            line.stream.close()

    def _idle(self) -> Line | None:
        while True:
            with self._lock:
                if not self._shelf:
                    return None
                since, line = self._shelf.pop()
            if time.monotonic() - since < KEEP_ALIVE_S and not line.stream.has_something():
                return line
            line.stream.close()

    def _open(self) -> Line:
        stream = connect(self._origin, self._private_network, self._timeouts.connect_s)
        if self._tls is not None:
            stream = stream.start_tls(self._tls, self._origin.host, self._timeouts.connect_s)
        return Line(httpcore.HTTP11Connection(self._where, stream), stream)
