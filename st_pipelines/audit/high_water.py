"""How far the ledger has come, written down outside it (L15). Invariant: before the first byte of a batch leaves, the
mark names an event that is not older than the batch's own, so that any copy of the ledger without the batch is known.

The mark is one small file, kept apart from the database and authenticated with the master key: ledger, epoch, number
and hash of the newest event. A ledger whose trail does not hold that event was restored from a backup, or is a copy
that went another way; nothing is sent from it until it was recovered. The epoch counts recoveries. See ADR 0010.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, select

from st_pipelines.audit.head import read_head
from st_pipelines.audit.trail import GENESIS
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import audit_event, ledger_identity, posting

_LARGEST = 4096
_CURE = "nothing is sent until `st-pipelines database recover` has read the target back"


class LedgerRestored(RuntimeError):
    """The ledger is not the one that the mark was made with, or an older copy of it. Nothing may be sent."""


class MarkFault(RuntimeError):
    """The mark cannot be read or written: a fault of the disk or of rights. Nothing may be sent."""


class Signer(Protocol):
    """What of the keyring is needed here."""

    def mac(self, content: bytes) -> tuple[str, str]: ...
    def made_mac(self, key_id: str, content: bytes, mac: str) -> bool: ...


@dataclass(frozen=True)
class Mark:
    """``recorded_at``: when the named event was recorded, microseconds since 1970 UTC."""

    ledger_id: str
    epoch: int
    n: int
    hash: str
    recorded_at: int
    key_id: str = ""
    mac: str = ""

    def content(self) -> bytes:
        said = (self.ledger_id, self.epoch, self.n, self.hash, self.recorded_at)
        return ("st_pipelines high-water mark v1\n" + "\n".join(map(str, said))).encode()


@dataclass(frozen=True)
class Standing:
    """``ledger``: where the ledger stands; ``mark``: the file's, None where there is none that can be trusted.
    ``fault``: why nothing may be sent; empty = the ledger is the one that was used last."""

    ledger: Mark
    mark: Mark | None
    fault: str


class HighWaterMark:
    """The mark of one ledger at one path. Every process that sends from the ledger must use the same file."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path, self._signer = path, signer

    def look(self, engine: Engine) -> Standing:
        """Where ledger and mark stand; changes nothing. The file is read first: what the mark names was committed
        before it was written."""
        mark, fault = self._read()
        with reading(engine) as connection:
            ledger = _present(connection)
            if not fault:
                fault = self._missing(connection) if mark is None else _behind(connection, ledger, mark)
        return Standing(ledger, mark, f"{fault}: {_CURE}" if fault else "")

    def require(self, engine: Engine) -> int:
        """To be called before a session claims anything; gives the epoch. Makes the mark of a ledger that has never
        sent anything. Raises ``LedgerRestored`` and ``MarkFault``."""
        with self._alone():
            standing = self._sound(engine)
            if standing.mark is None:
                self._write(standing.ledger)
            return standing.ledger.epoch

    def raise_to_present(self, engine: Engine) -> None:
        """To be called after a batch was frozen and before any of it is sent. Durable when it returns. A mark that
        another process has raised further stays. Raises ``LedgerRestored`` and ``MarkFault``."""
        with self._alone():
            standing = self._sound(engine)
            if standing.mark is None or standing.ledger.n > standing.mark.n:
                self._write(standing.ledger)

    def replace_after_recovery(self, engine: Engine) -> None:
        """Makes the ledger as it is now the one that counts."""
        with self._alone(), reading(engine) as connection:
            self._write(_present(connection))

    def _sound(self, engine: Engine) -> Standing:
        standing = self.look(engine)
        if standing.fault:
            raise LedgerRestored(standing.fault)
        return standing

    def _missing(self, connection: Connection) -> str:
        sent = connection.execute(select(posting.c.posting_id).where(posting.c.attempt > 0).limit(1)).first()
        return f"there is no high-water mark at {self.path}, though this ledger has sent documents" if sent else ""

    def _read(self) -> tuple[Mark | None, str]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None, ""
        except OSError as error:
            raise MarkFault(f"the high-water mark {self.path} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            written = file.read(_LARGEST)
        try:
            mark = msgspec.json.decode(written, type=Mark)
        except msgspec.DecodeError:
            return None, f"the high-water mark {self.path} is damaged"
        if not self._signer.made_mac(mark.key_id, mark.content(), mark.mac):
            return None, f"the high-water mark {self.path} was not made with this master key"
        return mark, ""

    def _write(self, ledger: Mark) -> None:
        key_id, mac = self._signer.mac(ledger.content())
        signed = msgspec.json.encode(asdict(replace(ledger, key_id=key_id, mac=mac))) + b"\n"
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(signed)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise MarkFault(f"the high-water mark {self.path} cannot be written: {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time, also over a network file system that keeps locks."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(
                self.path.with_name(f"{self.path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
            )  # fmt: skip
        except OSError as error:
            raise MarkFault(f"the high-water mark {self.path} cannot be kept there: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _present(connection: Connection) -> Mark:
    head = read_head(connection)
    epoch = connection.execute(select(ledger_identity.c.epoch)).scalar_one()
    return Mark(head.ledger_id, epoch, head.n, head.hash, head.recorded_at)


def _behind(connection: Connection, ledger: Mark, mark: Mark) -> str:
    """Why the trail of the ledger does not go on from the mark; empty where it does."""
    if ledger.ledger_id != mark.ledger_id:
        return f"this is ledger {ledger.ledger_id[:8]}, the high-water mark is of ledger {mark.ledger_id[:8]}"
    if ledger.epoch != mark.epoch:
        return f"the ledger is of epoch {ledger.epoch}, the high-water mark of epoch {mark.epoch}"
    held: str | None = GENESIS
    if mark.n > 0:
        held = connection.execute(select(audit_event.c.hash).where(audit_event.c.n == mark.n)).scalar_one_or_none()
    if held is None:
        return f"the ledger ends at event {ledger.n}, the high-water mark names event {mark.n}: it was restored"
    return "" if held == mark.hash else f"event {mark.n} of the ledger is not the marked one: it went another way"
