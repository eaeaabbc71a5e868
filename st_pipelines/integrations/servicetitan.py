"""ServiceTitan as a source: what is read by day, what is read whole, and how its records become documents.

Invariant: heavy modules are imported when a run needs them, so that Dagster loads definitions fast.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations.masters import PartyReturn, PartySide
from st_pipelines.integrations.reading import (
    ExtractedDay,
    Finding,
    Opened,
    ReadAgain,
    Reread,
    SourceEntity,
    Tables,
    Windows,
    last_part,
)
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import SourceSide
from st_pipelines.integrations.telling import EventHint, EventSide, JournalTelling, Mark, Marked, Marking

if TYPE_CHECKING:
    from st_pipelines.posting.target import Target
    from st_pipelines.reconciliation.second_witness import Journal
    from st_pipelines.store.files import Store

DAILY = (
    SourceEntity("invoices", "Invoices with their items, as modified that day.",
                 ("invoices", "invoice_items", "invoices_unreadable")),
    SourceEntity("payments", "Payments and refunds with their applications.",
                 ("payments", "payment_applications", "payments_unreadable")),
    SourceEntity("bills", "Inventory bills with their items.", ("bills", "bill_items", "bills_unreadable")),
    SourceEntity("customers", "Customers modified that day or named by its invoices and payments.",
                 ("customers", "customers_unreadable"),
                 named_by=("invoices", "payments")),
    SourceEntity("customer_contacts", "All phone numbers and e-mail addresses of the day's customers.",
                 ("customer_contacts",), named_by=("customers",)),
    SourceEntity("locations", "All service locations of the day's customers.", ("locations",), named_by=("customers",)),
    SourceEntity("vendors", "Vendors modified that day or named by its bills.", ("vendors", "vendors_unreadable"),
                 named_by=("bills",)),
    SourceEntity("purchase_orders", "Purchase orders modified that day or named by its bills.", ("purchase_orders",),
                 named_by=("bills",)),
    SourceEntity("receipts", "Goods receipts with their items, also those of the orders that the day's bills name.",
                 ("receipts", "receipt_items"), named_by=("bills",)),
)  # fmt: skip

REFERENCE = {
    "business_units": "Business units: the key of cost center and entity.",
    "payment_types": "Payment types: the key of the bank account.",
    "payment_terms": "Payment terms of customers and vendors.",
    "tax_zones": "Tax zones: the key of the tax code.",
    "gl_accounts": "ServiceTitan's own account list, used as hints.",
}


def _naming_columns(entity: str) -> Mapping[str, Sequence[str]]:
    from st_pipelines.systems.servicetitan.named import naming_columns

    return naming_columns(entity)


def _named_ids(entity: str, tables: Tables) -> Sequence[str]:
    from st_pipelines.systems.servicetitan.named import named_ids

    return [str(one) for one in named_ids(entity, tables)]


def _connect(opened: Opened) -> Any:
    from st_pipelines.systems.servicetitan.client import connect

    return connect(opened.connection, opened.engine, opened.keyring, tenant=opened.integration.source.tenant)


def _extract_days(
    client: Any, store: "Store", integration: Integration, entity: str, windows: Windows,
    ids_by_day: Mapping[str, Sequence[str]],
) -> Iterator[Mapping[str, ExtractedDay]]:  # fmt: skip
    from st_pipelines.systems.servicetitan.extract_days import extract_days
    from st_pipelines.systems.servicetitan.ids import numbers

    referenced = {key: numbers(ids) for key, ids in ids_by_day.items()}
    return extract_days(client, store, integration.name, entity, windows, referenced)


def _extract_reference(client: Any, store: "Store", integration: Integration, entity: str) -> int:
    from st_pipelines.systems.servicetitan.extract import extract_reference

    return extract_reference(client, store, integration.name, entity).records


def _ping(client: Any, integration: Integration) -> list[Finding]:
    """What the flows and options that are switched on need, and nothing else."""
    from st_pipelines.systems.servicetitan.ping import ping

    options = integration.options
    witness = options.second_witness == "journal_entries"
    faults = ping(client, integration.flows, write_back=options.mark_exported, with_journal=witness,
                  tell_journal=options.journal_sync)  # fmt: skip
    return [Finding(f"{fault.name}: {fault.detail}", fault.cure) for fault in faults]


def _journal(opens: Callable[[], Any], integration: Integration, reference: Tables) -> "Journal":
    """A tenant without journal entries, or an app without their scope, is refused by ServiceTitan: no witness then."""
    from st_pipelines.credentials.vault import VaultFault
    from st_pipelines.reconciliation.second_witness import Journal, NoWitness
    from st_pipelines.systems.http.errors import Forbidden, NotFound, SystemFault
    from st_pipelines.systems.servicetitan.journal import SCOPE, Currencies, journal_details, journal_summary

    units = reference["business_units"]
    known = zip(units["id"].to_pylist(), units["currency"].to_pylist(), strict=True)
    currencies = Currencies({unit: code for unit, code in known if code}, integration.options.currency)

    def heard(read: Callable[..., pa.Table], since: date, until: date) -> pa.Table:
        try:
            return read(opens(), since, until, currencies)
        except (Forbidden, NotFound) as fault:
            raise NoWitness(
                f"ServiceTitan does not show its journal entries ({fault.what}). Give the app the scope {SCOPE}, or "
                "set options.second_witness to none where the tenant does not have them."
            ) from fault
        except (SystemFault, VaultFault) as fault:
            raise NoWitness(f"It could not be read: {fault}") from fault

    return Journal(
        "ServiceTitan's journal", summary=lambda since, until: heard(journal_summary, since, until),
        details=lambda since, until: heard(journal_details, since, until),
    )  # fmt: skip


def _mark(client: Any, entity: str, marks: Sequence[Mark]) -> Sequence[Marked]:
    from st_pipelines.systems.servicetitan import writeback
    from st_pipelines.systems.servicetitan.ids import number

    asked = [writeback.Mark(number(last_part(one.doc_key)), one.external_id, told=one.told) for one in marks]
    return writeback.mark_exported(client, entity, asked)


def _not_marked(entity: str, tables: Tables, integration: Integration) -> Sequence[str]:
    from st_pipelines.systems.servicetitan.documents import not_exported

    return not_exported(tables[entity], entity, integration.source.tenant)


def _hint(event_type: str, body: bytes, names: Mapping[str, str]) -> EventHint:
    from st_pipelines.systems.servicetitan.webhooks import Hint, read_hint

    found = read_hint(event_type, body, names)
    if isinstance(found, Hint):
        return EventHint(found.event, found.entity, str(found.record_id))
    return EventHint(found.event, reason=found.reason)


def _reread(
    client: Any, store: "Store", integration: Integration, partition: str, entities: Sequence[str],
    wanted: Mapping[str, Sequence[str]], feed_since: datetime,
) -> Mapping[str, ReadAgain]:  # fmt: skip
    from st_pipelines.systems.servicetitan.ids import numbers
    from st_pipelines.systems.servicetitan.reread import reread

    ids = {entity: numbers(some) for entity, some in wanted.items()}
    read = reread(client, store, integration.name, partition, entities, ids, feed_since)
    return {entity: Reread(one.pages, one.records, tuple(map(str, one.missing))) for entity, one in read.items()}


def _document_key(integration: Integration, entity: str, record_id: str) -> str:
    from st_pipelines.systems.servicetitan.entities import DAILY as KNOWN

    kind = KNOWN[entity].document_type
    return f"ST:{integration.source.tenant}:{kind}:{record_id}" if kind else ""


def _journal_entries(client: Any, since: date, until: date) -> Iterable[Any]:
    from st_pipelines.systems.servicetitan.journal import journal_entries

    return journal_entries(client, since, until)


def _journal_documents(client: Any, entry: Any, carried: Collection[str]) -> tuple[Sequence[str], Sequence[str]]:
    from st_pipelines.systems.servicetitan.journal_sync import document_keys

    return document_keys(client, entry, carried)


def _modified_on(entry: Any) -> datetime:
    return datetime.fromisoformat(entry.modified_on)


def _is_settled(entry: Any) -> bool:
    from st_pipelines.systems.servicetitan.journal_sync import is_settled

    return is_settled(entry)


def _says(entry: Any, in_books: bool, message: str) -> bool:
    from st_pipelines.systems.servicetitan.journal_sync import says

    return says(entry, "Synced" if in_books else "Error", message)


def _tell_entry(client: Any, entry: Any, in_books: bool, message: str) -> Any:
    from st_pipelines.systems.servicetitan.journal_sync import tell_entry

    return tell_entry(client, entry, "Synced" if in_books else "Error", message)


def _read_parties(client: Any, role: str) -> Iterable[PartyRecord]:
    from st_pipelines.systems.servicetitan.party_records import read_parties

    return read_parties(client, role)


def _get_parties(client: Any, role: str, references: Collection[str]) -> Mapping[str, PartyRecord]:
    from st_pipelines.systems.servicetitan.party_records import get_parties

    return get_parties(client, role, references)


def _as_target(client: Any) -> "Target":
    from st_pipelines.systems.servicetitan.post import ServiceTitanTarget

    return ServiceTitanTarget(client)


def _reference(client: Any, role: str, identity: str) -> str:
    return f"ST:{client.tenant}:{role}:{identity}"


SOURCE = SourceSide(
    system="servicetitan", daily=DAILY, reference=REFERENCE, connect=_connect, extract_days=_extract_days,
    extract_reference=_extract_reference, naming_columns=_naming_columns, named_ids=_named_ids, ping=_ping,
    journal=_journal, marking=Marking(_mark, _not_marked),
    journal_telling=JournalTelling(_journal_entries, _journal_documents, _modified_on, _is_settled, _says, _tell_entry),
    events=EventSide(_hint, _reread, _document_key),
    parties=PartySide(_read_parties, _get_parties, lambda reference: reference.rsplit(":", 1)[1], _reference),
    takes_parties=PartyReturn(
        _as_target, {"customer": "field_customer", "vendor": "field_vendor"},
        {"customer": ("name", "active"), "vendor": ("name", "address", "email", "phone", "active")},
    ),
)  # fmt: skip
