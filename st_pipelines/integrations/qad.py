"""QAD as a target (reference data, posting port) and as a source of procurement (suppliers, orders, receipts by day).

Invariant: every name of the tenant comes from the profile.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from st_pipelines.documents.codes import CodeRecord
from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.documents.keys import coded, doc_key, fitting
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.documents.parties import Party
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations import qad_checks
from st_pipelines.integrations.masters import CodeSide, PartySide
from st_pipelines.integrations.reading import ExtractedDay, Opened, RawRecords, SourceEntity, Tables, Windows
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import SourceSide, TargetSide
from st_pipelines.posting.target import Target

if TYPE_CHECKING:
    from st_pipelines.mapping.reference import Reference
    from st_pipelines.store.files import Store

IN_USE = pa.schema([("code", pa.string()), ("is_active", pa.bool_())])
SNAPSHOT = "current"  # the partition key of reference tables

REFERENCE = {
    "gl_accounts": "Chart of accounts with analysis flags.",
    "cost_centers": "Cost centers; retired ones are inactive.",
    "sub_accounts": "Sub-accounts.",
    "tax_codes": "Tax codes.",
    "credit_terms": "Credit terms of customers and suppliers.",
    "daybooks": "Daybooks that number the vouchers.",
    "gl_periods": "Accounting periods per entity, open or closed.",
}


DAILY = (
    SourceEntity("suppliers", "Suppliers of which QAD changed the record or its business relation that day.",
                 ("suppliers",)),
    SourceEntity("purchase_orders", "Purchase orders of which the header or a line changed that day, with all "
                 "lines and their suppliers.", ("purchase_orders", "purchase_order_lines", "order_suppliers")),
    SourceEntity("receipts", "Rows of goods receipts entered that day; corrections are negative.", ("receipts",)),
)  # fmt: skip
SOURCE_REFERENCE = {
    "sites": "Sites: the key of the legal entity.",
    "gl_accounts": "GL accounts that order lines name; retired ones are inactive.",
    "cost_centers": "Cost centers that order lines name; retired ones are inactive.",
}


def _connect(opened: Opened) -> Any:
    target, source = opened.integration.target, opened.integration.source
    prefix = f"SN:{source.tenant}:" if source.system == "servicenow" else ""  # the connection serves both ways
    return _connected(opened, target.profile, target.companies, prefix)


def _connect_source(opened: Opened) -> Any:
    source = opened.integration.source
    return _connected(opened, source.profile, source.companies)


def _connected(opened: Opened, profile: str, companies: Sequence[str], prefix: str = "") -> Any:
    from st_pipelines.systems.qad.connect import connect

    return connect(opened.connection, opened.engine, opened.keyring, profile=opened.integration.folder / profile,
                   companies=companies, reference_prefix=prefix)  # fmt: skip


def _extract_days(
    client: Any, store: "Store", integration: Integration, entity: str, windows: Windows,
    ids_by_day: Mapping[str, Sequence[str]],
) -> Iterator[Mapping[str, ExtractedDay]]:  # fmt: skip
    from st_pipelines.systems.qad.procurement import extract_days

    overlap = timedelta(minutes=integration.options.overlap_minutes)
    return extract_days(client, store, integration.name, entity, windows, overlap)


def _extract_reference(client: Any, store: "Store", integration: Integration, entity: str) -> int:
    if entity == "sites":
        table = _read_reference(client, entity)
    else:  # only whether a code is in use: another name of it changes no document
        named = entity in integration.codes
        table = _read_reference(client, entity).select(IN_USE.names) if named else IN_USE.empty_table()
    store.write_table(integration.name, "reference", f"source_{entity}", SNAPSHOT, table)
    return int(table.num_rows)


def _nothing_named(entity: str) -> Mapping[str, Sequence[str]]:
    return {}


def _no_ids(entity: str, tables: Tables) -> Sequence[str]:
    return ()


def _read_reference(client: Any, entity: str) -> pa.Table:
    from st_pipelines.systems.qad.reads import read_reference

    return read_reference(client, entity)


def _as_target(client: Any) -> Target:
    from st_pipelines.systems.qad.post import QadTarget

    return QadTarget(client)


def _mapping_reference(own: Tables, source: Tables) -> "Reference":
    from st_pipelines.mapping.reference import from_tables, names

    return from_tables(
        **{name: own[name] for name in ("gl_accounts", "cost_centers", "sub_accounts", "tax_codes", "credit_terms")},
        source_names={
            name: names(source[name]) for name in ("business_units", "payment_types", "tax_zones") if name in source
        },
        suppliers=own.get("suppliers"),
    )


def _read_parties(client: Any, role: str) -> Iterable[PartyRecord]:
    from st_pipelines.systems.qad.party_records import read_parties

    return read_parties(client, role)


def _get_parties(client: Any, role: str, references: Collection[str]) -> Mapping[str, PartyRecord]:
    from st_pipelines.systems.qad.party_records import get_parties

    return get_parties(client, role, references)


def _target_id(reference: str) -> str:
    from st_pipelines.systems.qad.party_records import id_of

    return id_of(reference)


def _reference(client: Any, role: str, identifier: str) -> str:
    from st_pipelines.systems.qad.party_records import reference_of_id

    return reference_of_id(role, identifier)


def _goods(client: Any, company: str, lines: Collection[OrderLineKey]) -> Mapping[OrderLineKey, Goods]:
    from st_pipelines.systems.qad.matching import goods

    return goods(client, company, lines)


def _as_linked(document: MappedDocument, target_id: str) -> MappedDocument:
    """A customer that was there has its own relation: it is claimed first, its relation is changed after it."""
    party = document.payload
    if not isinstance(party, Party):
        return document
    relation = document.kind == "business_relation"
    needs = {"business_relation": (party.doc_key,), "customer": (), "supplier": ()}.get(document.kind, document.needs)
    return msgspec.structs.replace(
        document, kind="linked_relation" if relation else document.kind, needs=needs,
        payload=msgspec.structs.replace(party, begins_from=target_id),
    )  # fmt: skip


def _order_lines(client: Any, since: date) -> Iterable[OrderLineStanding]:
    from st_pipelines.systems.qad.order_lines import order_lines

    return order_lines(client, since)


def _read_codes(client: Any, kind: str) -> Sequence[CodeRecord]:
    from st_pipelines.systems.qad.codes import read_codes

    return read_codes(client, kind)


def _code_key(integration: Integration, kind: str, code: str) -> str:
    """All codes of an integration belong to one domain and its shared sets."""
    domain = integration.source.companies[0].partition("_")[0]
    return doc_key("QAD", domain, kind, fitting(coded(code)))


CODES = CodeSide(
    _read_codes, _code_key, _as_target, lists=("legal_entities", "payment_terms", "cost_centers", "gl_accounts"),
    takes=("cost_centers", "gl_accounts"),
)  # fmt: skip


def _raw_record(
    store: "Store", integration: str, entity: str, partition: str, page: Mapping[str, Any], doc_key: str
) -> Mapping[str, Any] | None:
    from st_pipelines.systems.qad.raw_records import find_record

    return find_record(store, integration, entity, partition, page, doc_key)


SOURCE = SourceSide(
    system="qad", daily=DAILY, reference=SOURCE_REFERENCE, connect=_connect_source, extract_days=_extract_days,
    extract_reference=_extract_reference, naming_columns=_nothing_named, named_ids=_no_ids, ping=qad_checks.ping_source,
    codes=CODES, pins=("profile", "companies"), order_lines=_order_lines, raw=RawRecords(find=_raw_record),
)  # fmt: skip

PARTIES = PartySide(_read_parties, _get_parties, _target_id, _reference)

TARGET = TargetSide(
    system="qad", reference=REFERENCE, connect=_connect, read_reference=_read_reference, as_target=_as_target,
    mapping_reference=_mapping_reference, ping=qad_checks.ping_target, contradictions=qad_checks.contradictions,
    parties=PARTIES, as_linked=_as_linked, goods=_goods, order_lines=_order_lines,
)  # fmt: skip

# For documents that name QAD's own suppliers, which no posting of the road makes.
TARGET_WITH_SUPPLIERS = replace(TARGET, reference={**REFERENCE, "suppliers": "Suppliers; retired ones are inactive."})
