"""What is kept of journal entries and their lines. Invariant: see ``record``; amounts are JSON numbers here."""

from st_pipelines.systems.servicetitan.record import Instant, NumberAmount, Record


class JournalAccount(Record, kw_only=True):
    id: int
    number: str | None = None
    name: str | None = None


class JournalUnit(Record, kw_only=True):
    id: int
    name: str | None = None


class JournalTransaction(Record, kw_only=True):
    id: int
    type: str
    ref_number: str | None = None


class JournalEntry(Record, kw_only=True):
    """``id`` is a GUID; the document lets it be null, but an entry without one cannot be asked for its lines.
    ``post_date``: declared a date, seen live as midnight without a zone."""

    id: str
    number: int
    source: str
    sync_status: str
    version_id: int
    last_sync_version_id: int | None = None
    message: str | None = None
    modified_on: Instant
    post_date: str | None = None


class JournalEntrySummary(Record, kw_only=True):
    post_date: str | None = None
    account: JournalAccount
    debit: NumberAmount
    credit: NumberAmount
    business_unit: JournalUnit | None = None


class JournalEntryDetails(JournalEntrySummary, kw_only=True):
    transaction: JournalTransaction | None = None
