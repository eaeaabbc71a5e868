"""A target system with every bad habit, for the ledger's tests. Its books can live in memory or in a file that outlives
a killed process."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.clock import Clock
from st_pipelines.posting.target import (
    CannotRender,
    Found,
    NotSent,
    Outcome,
    Posted,
    Reference,
    Refused,
    Unknown,
    Write,
    WrongCompany,
)

# What may happen to one write. The first three are answers, the rest is weather.
OK, REFUSE, DUPLICATE = "ok", "refuse", "duplicate"
THROTTLE, NO_CONNECTION = "throttle", "no connection"
DROP_BEFORE, APPLY_THEN_DROP, APPLY_LATE, TWICE, EXPLODE = "drop before", "apply then drop", "late", "twice", "explode"
Weather = Callable[[Write], str]


class Record(msgspec.Struct, frozen=True):
    target_id: str
    kind: str
    company: str
    external_ref: str
    total: str
    currency: str
    business_date: str
    is_void: bool = False
    names: dict[str, str] = {}


class MemoryBooks:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def all(self) -> list[Record]:
        return list(self.records)

    def put(self, record: Record) -> None:
        self.records = [each for each in self.records if each.target_id != record.target_id] + [record]


class FileBooks:
    """Shared by processes; what was put stays when the process is killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._open()) as books, books:
            books.execute("CREATE TABLE IF NOT EXISTS record (target_id TEXT PRIMARY KEY, content BLOB)")

    def all(self) -> list[Record]:
        with closing(self._open()) as books, books:
            rows = books.execute("SELECT content FROM record ORDER BY rowid").fetchall()
        return [msgspec.json.decode(row[0], type=Record) for row in rows]

    def put(self, record: Record) -> None:
        with closing(self._open()) as books, books:
            books.execute(
                "INSERT OR REPLACE INTO record VALUES (?, ?)", (record.target_id, msgspec.json.encode(record))
            )

    def _open(self) -> sqlite3.Connection:
        books = sqlite3.connect(self.path, timeout=30)
        books.execute("PRAGMA synchronous=OFF")
        return books


@dataclass
class FakeTarget:
    """``weather`` decides about each write; ``blind`` finds nothing; ``deaf`` questions raise; ``books_of`` other than
    the company asked for is the wrong company."""

    books: MemoryBooks | FileBooks
    weather: Weather = lambda write: OK
    clock: Clock | None = None
    quiet_period_s: float = 0.05
    request_deadline_s: float = 1.0
    max_concurrency: int = 3
    system: str = "fake"
    how_to_change: str = "update"
    blind: bool = False
    deaf: int = 0
    books_of: str = ""
    late_s: float = 0.0
    retry_after_s: float = 0.0
    padding: int = 0  # bytes that each body is longer
    alike: Mapping[str, str] = field(default_factory=dict)  # by reference: what a person would take for the same
    alter: str = ""  # the target keeps another total than it was sent

    def __post_init__(self) -> None:
        self.sent: list[Write] = []
        self.questions: list[tuple[str, str, tuple[str, ...]]] = []
        self.checked: list[str] = []
        self._late: list[tuple[float, Write]] = []
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------- the port
    def check_company(self, company: str) -> None:
        self.checked.append(company)
        if self.books_of and self.books_of != company:
            raise WrongCompany(f"these are the books of {self.books_of}, not of {company}")

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        if "unrenderable" in document.label:
            raise CannotRender("the name is too long for this target")
        missing = [need for need in document.needs if need not in references and ":receipt" not in need]
        assert not missing, f"rendered before {missing} was posted"
        assert (op == "create") == (not target_id), "an update or void acts on what stands"
        assert (op == "void") == (document.disposition == "void")
        return msgspec.json.encode(
            {
                "total": str(document.total),
                "currency": document.currency,
                "date": document.business_date.isoformat(),
                "padding": "x" * self.padding,
                "names": {key: reference.target_id for key, reference in references.items()},
            }
        )

    def send(self, write: Write) -> Outcome:
        with self._lock:
            self._apply_what_is_due()
            self.sent.append(write)
            happens = self.weather(write)
            if happens == EXPLODE:
                raise RuntimeError("a bug in the client")
            if happens == REFUSE:
                return Refused("the period is closed", "closed_period", "postingDate")
            if happens == THROTTLE:
                return NotSent("429 Too Many Requests", self.retry_after_s)
            if happens == NO_CONNECTION:
                return NotSent("connection refused")
            if happens == DROP_BEFORE:
                return Unknown("connection reset")
            if happens == APPLY_LATE:
                self._late.append((self._now() + self.late_s, write))
                return Unknown("time-out")
            if happens == DUPLICATE or (write.op == "create" and self._held(write) and happens != TWICE):
                return Refused("already exists", "duplicate", read_back_first=True)
            made = self._apply(write)
            if happens == TWICE:
                made = self._apply(write)
            if happens in (APPLY_THEN_DROP, TWICE):
                return Unknown("connection reset")
            return Posted(made.target_id, f"N{made.target_id}", "0" * 64)

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        with self._lock:
            self._apply_what_is_due()
            self.questions.append((kind, company, tuple(external_refs)))
            if self.deaf > 0:
                self.deaf -= 1
                raise TimeoutError("no answer")
            if self.blind:
                return {}
            answer: dict[str, list[Found]] = {}
            for record in self.books.all():
                if record.kind == kind and record.company == company and record.external_ref in external_refs:
                    answer.setdefault(record.external_ref, []).append(self._found(record))
            return answer

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        return {write.external_ref: said for write in writes if (said := self.alike.get(write.external_ref))}

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        return (self._found(record) for record in self.books.all() if record.kind == kind and record.company == company)

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        if document.disposition == "void":
            return [] if found.content["void"] == "True" else ["it still stands"]
        if found.content["void"] == "True":
            return ["it is void"]
        planned = {"total": document.total, "currency": document.currency, "date": document.business_date}
        held = {"total": found.total, "currency": found.currency, "date": found.business_date}
        return [
            f"{name}: planned {planned[name]}, held {held[name]}" for name in planned if planned[name] != held[name]
        ]

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        return self.how_to_change

    # ------------------------------------------------------------------------------------------------- for tests
    def live(self, external_ref_prefix: str = "") -> list[Record]:
        with self._lock:
            self._apply_what_is_due()
        return [each for each in self.books.all()
                if not each.is_void and each.external_ref.startswith(external_ref_prefix)]  # fmt: skip

    def _now(self) -> float:
        return self.clock.monotonic() if self.clock else time.monotonic()

    def _apply_what_is_due(self) -> None:
        due = [write for at, write in self._late if at <= self._now()]
        self._late = [(at, write) for at, write in self._late if at > self._now()]
        for write in due:
            self._apply(write)

    def _held(self, write: Write) -> bool:
        return any(
            each.external_ref == write.external_ref and each.company == write.company for each in self.books.all()
        )

    def _apply(self, write: Write) -> Record:
        body = msgspec.json.decode(write.body)
        if write.op == "create":
            target_id = f"T{len(self.books.all()) + 1}-{write.request_key[:6]}"
            if any(each.target_id == target_id for each in self.books.all()):
                target_id += "b"
            record = Record(
                target_id,
                write.kind,
                write.company,
                write.external_ref,
                self.alter or body["total"],
                body["currency"],
                body["date"],
                names=body["names"],
            )
        else:
            record = next(each for each in self.books.all() if each.target_id == write.target_id)
            changed = (
                {"is_void": True} if write.op == "void" else {"total": body["total"], "business_date": body["date"]}
            )
            record = msgspec.structs.replace(record, **changed)
        self.books.put(record)
        return record

    def _found(self, record: Record) -> Found:
        return Found(
            record.kind, record.company, record.external_ref, record.target_id, f"N{record.target_id}",
            date.fromisoformat(record.business_date), record.currency, Decimal(record.total),
            content={"void": str(record.is_void)},
        )  # fmt: skip


class MovedClock(Clock):
    """A clock whose hands the test moves; waiting moves them too. ``step_us`` sets the database's clock."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.step_us = 0
        self.waited: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def now_us(self, connection: object) -> int:
        return 1_790_000_000_000_000 + int(self.at * 1_000_000) + self.step_us

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.at += seconds
        self.on_wait()


def scripted(*happenings: str, then: str = OK) -> Weather:
    """One happening after the other, whatever is sent."""
    left = list(happenings)
    return lambda write: left.pop(0) if left else then


def per_reference(happenings: Mapping[str, Sequence[str]], then: str = OK) -> Weather:
    """Happenings by the reference's end."""
    left = {ending: list(each) for ending, each in happenings.items()}

    def weather(write: Write) -> str:
        for ending, each in left.items():
            if write.external_ref.endswith(ending) and each:
                return each.pop(0)
        return then

    return weather
