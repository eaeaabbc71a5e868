"""What is asked and what became of it, as values. Invariant: neither shows a header value or a body in its repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from st_pipelines.systems.http.wire import Answer

WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Call:
    """One call of a system's client: what is asked, and for which record."""

    method: str
    target: str
    entity: str
    reference: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)

    @property
    def written(self) -> bool:
        """A write: its effect matters."""
        return self.method in WRITES


@dataclass(frozen=True)
class Happened:
    """What became of one sending. ``what`` is a key of the decision table; ``wait`` what the other side asked for."""

    what: str | int
    why: str
    answer: Answer | None = None
    wait: float | None = None
    cure: str = ""
