"""Records of an entity that were modified since an instant. Invariant: what was modified comes out, and comes out with
the days that it may belong to; a record too many costs nothing, because a version that is known plans nothing (L11).

QAD keeps a date and, apart, the seconds of the day, in the server's zone (reference/qad.md C2). A profile without
``lastModified`` cannot be asked: then every reading is the whole list, and the ledger's content hash tells what moved.
Asked is «from this date on», without an end: rows can join such an answer while it is paged, but none can leave it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import Filter, rows
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.reads import own_set
from st_pipelines.systems.qad.wire_values import read_date, wire_date

MODIFIED, TIME = "lastModified", "lastModifiedTime"
DAY = timedelta(days=1)

Span = tuple[datetime, datetime]  # the record was modified at some instant in [first, second)


def domains(client: QadClient) -> list[Company]:
    """One company of each pinned domain: orders, receipts and codes belong to domains."""
    pinned = [company(name) for name in client.companies]
    if not pinned:
        raise ValueError("no companies are pinned; set source.companies in integration.yaml")
    return list({books.domain: books for books in reversed(pinned)}.values())


def modified_since(client: QadClient, name: str, books: Company, since: datetime) -> Iterator[Record]:
    """From the day of ``since`` on; the whole list where the profile has no such field."""
    entity, narrow = client.profile.entity(name), own_set(client.profile, name)
    if entity.has(MODIFIED):
        day = since.astimezone(ZoneInfo(client.profile.dates.server_zone)).date()
        narrow.append(Filter(entity.wire(MODIFIED), "ge", wire_date(day, client.profile)))
    yield from rows(client, name, books, narrow)


def modified(record: Record, entity: Entity, profile: Profile, read_at: datetime) -> Span:
    """When: to the second, to the day, or at the time of reading where QAD does not say. Raises ``UntrustedAnswer``."""
    if not entity.has(MODIFIED):
        return read_at, read_at
    try:
        day = read_date(record.get(entity.wire(MODIFIED)), profile, entity.wire(MODIFIED))
        seconds = int(str(record[entity.wire(TIME)])) if entity.has(TIME) else None
    except (ValueError, KeyError) as error:
        raise UntrustedAnswer(f"{entity.path}: when a record was modified cannot be read: {error}") from error
    if day is None or (seconds is not None and not 0 <= seconds < 86_400):
        raise UntrustedAnswer(
            f"{entity.path}: a record without a time of modification; correct {MODIFIED} in the profile"
        )
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(profile.dates.server_zone))
    start = (midnight + timedelta(seconds=seconds or 0)).astimezone(UTC)
    return start, start + (DAY if seconds is None else timedelta(seconds=1))


def days_of(span: Span, windows: Mapping[str, Span], known: bool) -> Iterator[str]:
    """Keys of the windows that the record belongs to. What QAD cannot date belongs to each: that is a whole reading."""
    for key, (start, end) in windows.items():
        if not known or (span[0] < end and span[1] > start):
            yield key
