"""Who acts, and the one way to write to the ledger. Invariant: a ledger transaction is alone, durable and audited.

Every change of a posting and its audit event are in one transaction (A1). Where the database cannot be written, nothing
may be sent: callers see ``LedgerUnavailable`` and stop (C5, A6).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

from st_pipelines import __version__
from st_pipelines.audit import trail
from st_pipelines.database.engine import transaction

_RAISED_BY_A_GUARD = "P0001"  # PostgreSQL's code of RAISE EXCEPTION
_PERMISSION_DENIED = "42501"


class LedgerUnavailable(RuntimeError):
    """The ledger cannot be read or written. Nothing more is sent; running again resumes without repair."""


@dataclass(frozen=True)
class RunContext:
    """``actor``: a person, or ``dagster run <id>``. ``partition_key``: the day the run works on, or empty."""

    integration: str
    run_id: str
    actor: str
    mapping_version: str = ""
    partition_key: str = ""

    def audited(self) -> dict[str, Any]:
        """What every event of this run says about its author (A4)."""
        return {
            "integration": self.integration, "run_id": self.run_id, "actor": self.actor,
            "mapping_version": self.mapping_version, "code_version": __version__,
        }  # fmt: skip


@contextmanager
def ledger_transaction(engine: Engine) -> Iterator[Connection]:
    """One writer at a time, so that what one transaction plans the next one sees. No network call inside (C3)."""
    with ledger_faults_named(), transaction(engine) as connection:
        trail.lock(connection)
        yield connection


@contextmanager
def ledger_faults_named() -> Iterator[None]:
    """Turns "disk full", "read-only", "connection lost" into ``LedgerUnavailable``; programming errors pass."""
    try:
        yield
    except (OperationalError, InternalError, ProgrammingError) as error:
        code = getattr(error.orig, "pgcode", None)
        if code == _RAISED_BY_A_GUARD or (isinstance(error, ProgrammingError) and code != _PERMISSION_DENIED):
            raise
        raise LedgerUnavailable(
            f"the ledger cannot be used: {str(error.orig).strip()}. Nothing more was sent. Free disk space or restore "
            "write access to the database, then run again: it resumes by itself"
        ) from error
