"""The port through which posting reaches any target system. Invariant: only what is known is reported as known.

A system implements ``Target`` in ``systems/<x>/post.py``. ``send`` returns an ``Outcome``; of these only ``Posted``,
``Refused`` and ``NotSent`` are knowledge (reliability L9). Everything else is ``Unknown`` and is settled by ``find``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from st_pipelines.documents.mapped import ControlLine, MappedDocument


@dataclass(frozen=True)
class Posted:
    """A complete, well-formed success that carries the target's own id. ``number`` is what a person sees there."""

    target_id: str
    number: str = ""
    response_sha256: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A definite business answer: the target will not take this document as it is. ``field`` where it named one."""

    reason: str
    code: str = ""
    field: str = ""
    read_back_first: bool = False  # "already exists", stale hash: the truth is in the target (reliability §2)


@dataclass(frozen=True)
class NotSent:
    """Proven not executed: no connection, documented throttle, 401 that could not be renewed. May be sent again."""

    reason: str
    retry_after_s: float = 0.0


@dataclass(frozen=True)
class Unknown:
    """Time-out, reset, 5xx, garbled or truncated answer, success without an id: only a read-back can tell."""

    reason: str


Outcome = Posted | Refused | NotSent | Unknown


@dataclass(frozen=True)
class Write:
    """One frozen write: exactly these bytes go out on every attempt. ``company`` is the pinned books."""

    op: str
    kind: str
    company: str
    external_ref: str
    request_key: str
    body: bytes
    target_id: str = ""  # what an update or void acts on


@dataclass(frozen=True)
class Found:
    """A document as the target holds it now. ``content`` holds comparable fields as text: total, currency, date,
    party, and whatever else ``Target.differences`` looks at. Five names mean the same in every target: ``void``:
    ``yes`` for a document that the target keeps as voided; ``reverses``: the reference that a reversing one undoes;
    ``belongs_to``: the id of the linked record through which a part of it was found; ``version``: another one after
    each write of the record; ``hold``: the amount that the target took and does not pay until somebody has looked."""

    kind: str
    company: str
    external_ref: str
    target_id: str
    number: str = ""
    business_date: date | None = None
    currency: str = ""
    total: Decimal | None = None
    control: tuple[ControlLine, ...] = ()
    content: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def on_hold(self) -> str:
        """Empty where the target holds nothing of it back."""
        amount = self.content.get("hold") or "0"
        return f"{amount} {self.currency} of it are on hold in the target" if Decimal(amount) else ""


ON_HOLD = "on_hold"  # the reason code of a posted document of which the target holds something back


class CannotRender(ValueError):
    """The body cannot be built for this target; the document is held with this text."""


class NotYet(RuntimeError):
    """The body cannot be built now, because the target lacks what it takes (goods went back). Nothing was sent; it is
    tried again later and never held for that."""


@dataclass(frozen=True)
class Reference:
    """A posted dependency, for bodies that must name it (an invoice in a payment, a customer in an invoice)."""

    doc_key: str
    target_id: str
    number: str
    kind: str


class Target(Protocol):
    """A target system for one connection. Thread-safe. Every method names the company (the pinned books)."""

    system: str
    quiet_period_s: float  # how long an unknown write may still be applied (reliability 1.4)
    request_deadline_s: float
    max_concurrency: int

    def check_company(self, company: str) -> None:
        """Reads the company's identity from the target; raises ``WrongCompany`` where it is not the pinned one (M1)."""

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        """The canonical request bytes of one write. May read (an update starts from the current record), never writes.
        Raises ``CannotRender`` or ``NotYet``. ``previous`` is what stands now (updates, voids); for a void ``document``
        is the same with disposition ``void``."""

    def send(self, write: Write) -> Outcome:
        """Sends once. Never retries a write whose outcome is unknown. Never raises for transport or business faults."""

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        """Current documents by external reference, asked for in as few queries as the target allows; at least two rows
        a reference where there are two. A reference that is absent has no entry or an empty list. Raises on any doubt.

        A void that is a document of its own in the target carries ``<reference>:void`` and is found under that."""

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        """What a person would take for the same document, among those that carry another reference or none (an invoice
        of the supplier's number that was keyed by hand): one sentence by the external reference of the write. Asked
        just before creates are sent, in few questions. Empty where documents have no such name. Raises on any doubt."""

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        """Every document of ours (by reference prefix) with a business date in [since, until], for reconciliation."""

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        """What differs between the plan and the target in fields that matter to the books (M4); empty = same. For a
        void the plan is the voided version with disposition ``void``: empty = it no longer stands."""

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        """How a posted document becomes the new version: ``update``, ``replace`` (void, then create) or ``none``."""


class WrongCompany(RuntimeError):
    """The books behind the connection are not the pinned ones. Nothing may be sent."""


TargetFactory = Callable[[str], Target]
