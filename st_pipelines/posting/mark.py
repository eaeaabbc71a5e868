"""The ledger's high-water mark as posting sees it (L15). Invariant: who posts has a mark; there is no way around it."""

from typing import Protocol

from sqlalchemy import Engine

FIRST_EPOCH = 1  # of a ledger that was never recovered after a restore


class Mark(Protocol):
    """``audit.high_water.HighWaterMark``: a file beside the ledger that knows how far the ledger had come."""

    def require(self, engine: Engine) -> int:
        """Gives the ledger's epoch. Raises ``LedgerRestored`` where the ledger is an older copy, and ``MarkFault``."""

    def raise_to_present(self, engine: Engine) -> None:
        """Durable when it returns: a copy of the ledger without what it holds now will be known. Raises the same."""
