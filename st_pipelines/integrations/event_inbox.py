"""A look into the inbox for who decides whether to start a run. Invariant: reads only, and asks no system."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import Engine

from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.inbox.pending import lag, pending
from st_pipelines.integrations.registry import Integration
from st_pipelines.settings import Settings


@dataclass(frozen=True)
class Peek:
    """``due``: names the first delivery that is due and how often it was tried; empty where none is. ``text``: what
    waits, for a person."""

    due: str
    waiting: int
    oldest_age_s: float

    @property
    def text(self) -> str:
        if not self.waiting:
            return "The inbox is empty."
        return f"{self.waiting} deliveries wait, the oldest for {self.oldest_age_s:.0f} s."


def peek(integration: Integration, settings: Settings) -> Peek:
    """What waits for the integration's source connection."""
    engine, connection = _ledger(settings.ledger_url), integration.source.connection
    first, behind = pending(engine, connection, limit=1), lag(engine, connection)
    due = f"{first[0].n}/{first[0].attempts}" if first else ""
    return Peek(due, behind.pending, behind.oldest_age_s)


@cache
def _ledger(url: str) -> Engine:
    """Opened once a process: a sensor looks every few seconds."""
    engine = open_database(url)
    upgrade(engine)
    return engine
