"""ServiceNow as a source: approved supplier invoices by local day of modification. Invariant: every name of the tenant
comes from the profile, and nothing is read from another instance than the one that is pinned.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from st_pipelines.documents.keys import LONGEST_PART
from st_pipelines.integrations.reading import (
    ExtractedDay,
    Finding,
    Opened,
    RawRecords,
    ReadAgain,
    Reread,
    SourceEntity,
    Tables,
    Windows,
    last_part,
)
from st_pipelines.integrations.registry import BrokenIntegration, Integration
from st_pipelines.integrations.road import SourceSide
from st_pipelines.integrations.servicenow import order_lines
from st_pipelines.integrations.telling import EventHint, EventSide, Mark, Marked, Marking, Note
from st_pipelines.posting.target import Found

if TYPE_CHECKING:
    from st_pipelines.store.files import Store
    from st_pipelines.systems.servicenow.invoice_answers import InvoiceAnswers

DAILY = (
    SourceEntity("invoices", "Supplier invoices from approval on of which the header or a line changed that day, with "
                 "all lines and every other row of the same supplier's number.",
                 ("invoices", "invoice_lines", "invoices_unreadable")),
)  # fmt: skip


def _connect(opened: Opened) -> Any:
    from st_pipelines.systems.servicenow.connect import connect, quiet_period_s
    from st_pipelines.systems.servicenow.profile_file import load_profile
    from st_pipelines.systems.servicenow.proof import Proof
    from st_pipelines.systems.servicenow.side import Instance

    source = opened.integration.source
    profile = load_profile(opened.integration.folder / source.profile)
    if source.tenant != profile.instance_name:
        raise BrokenIntegration(f"{opened.integration.name}: source.tenant is {source.tenant}, and {source.profile} is "
                                f"for the instance {profile.instance_name!r}; write its name into both")  # fmt: skip
    client = connect(opened.connection, opened.engine, opened.keyring)
    quiet = quiet_period_s(opened.connection)
    return Instance(client, profile, Proof(client), f"SN:{source.tenant}", quiet)


def _extract_days(
    instance: Any, store: "Store", integration: Integration, entity: str, windows: Windows,
    ids_by_day: Mapping[str, Sequence[str]],
) -> Iterator[Mapping[str, ExtractedDay]]:  # fmt: skip
    from st_pipelines.systems.servicenow.invoice_days import InvoiceDays
    from st_pipelines.systems.servicenow.procurement import Procurement

    instance.ask(integration.source.tenant)
    procurement = Procurement(instance.client, instance.profile, instance.proof)
    return InvoiceDays(procurement, store, integration.name).extract(windows, ids_by_day)


def _no_reference(instance: Any, store: "Store", integration: Integration, entity: str) -> int:
    raise LookupError(f"ServiceNow has no reference data named {entity} for this road")


def _nothing_named(entity: str) -> Mapping[str, Sequence[str]]:
    return {}


def _no_ids(entity: str, tables: Tables) -> Sequence[str]:
    return ()


def _values(found: Found) -> Mapping[str, str]:
    """What stands in the books, by the names of the profile. Without a match nothing is matched, varies or is held."""
    from st_pipelines.systems.servicenow.invoice_answers import ON_HOLD

    content, nothing = found.content, "0"
    matched, hold = content.get("matched", nothing), content.get("hold", nothing)
    result = ON_HOLD if hold.strip("0.") else "Matched" if matched.strip("0.") else "Posted"
    return {
        "voucher": found.number, "posting_date": found.business_date.isoformat() if found.business_date else "",
        "result": result, "matched_amount": matched, "variance_amount": content.get("variance", nothing),
        "hold_amount": hold, "message": "",
    }  # fmt: skip


def _id_of(doc_key: str) -> str:
    from st_pipelines.systems.servicenow.invoice_days import ROW

    return (ROW if ":invoice_row:" in doc_key else "") + last_part(doc_key)


def _still(doc_key: str) -> str:
    from st_pipelines.systems.servicenow.invoice_days import STILL

    return STILL + _id_of(doc_key)


def _send(instance: Any, entity: str, marks: Sequence[Mark]) -> Sequence[Marked]:
    told = _answers(instance).posted({last_part(one.doc_key): one.values for one in marks})
    return [told[last_part(one.doc_key)] for one in marks]


def _note(instance: Any, entity: str, notes: Sequence[Note]) -> Sequence[Marked]:
    named = [_id_of(one.doc_key) for one in notes]
    told = _answers(instance).open({name: (one.state, one.reason) for name, one in zip(named, notes, strict=True)})
    return [told[name] for name in named]


def _answers(instance: Any) -> "InvoiceAnswers":
    from st_pipelines.systems.servicenow.invoice_answers import InvoiceAnswers
    from st_pipelines.systems.servicenow.procurement import Procurement

    instance.ask(instance.profile.instance_name)  # no other one is told
    return InvoiceAnswers(Procurement(instance.client, instance.profile, instance.proof))


def _not_told(entity: str, tables: Tables, integration: Integration) -> Sequence[str]:
    from st_pipelines.systems.servicenow.invoice_documents import not_told

    return not_told(tables, integration.source.tenant)


def _row_ids(store: "Store", integration: str, partition: str, identity: str) -> Collection[str]:
    """sys_ids of the rows that are one invoice."""
    found: set[str] = set()
    for table in ("invoices", "invoices_unreadable"):
        rows = store.read_table(integration, "source", table, partition, ["id", "identity"]).to_pylist()
        found |= {row["id"] for row in rows if identity in (row["identity"], row["id"])}
    return found


def _ping(instance: Any, integration: Integration) -> list[Finding]:
    """What is read of approved invoices, and the columns into which their results are written."""
    from st_pipelines.integrations.servicenow import findings
    from st_pipelines.systems.servicenow.invoice_answers import TOLD
    from st_pipelines.systems.servicenow.needs import Needs

    options, road = integration.options, "outbound_" if instance.profile.invoices.road == "outbound" else ""
    told = (*TOLD, "state") if road else TOLD  # the state of an outbound row is ours to move
    tells = {f"{road}invoices": told} if options.mark_exported else {}
    reads = [f"{road}invoices", f"{road}invoice_lines"]
    return findings(instance, Needs(reads, (), tells, {options.currency, *options.currencies}))


def _hint(event_type: str, body: bytes, names: Mapping[str, str]) -> EventHint:
    from st_pipelines.systems.servicenow.hints import read_hint

    found = read_hint(event_type, body, names)
    return EventHint(found.event, found.entity, found.sys_id, found.reason)


def _reread(
    instance: Any, store: "Store", integration: Integration, partition: str, entities: Sequence[str],
    wanted: Mapping[str, Sequence[str]], feed_since: datetime,
) -> Mapping[str, ReadAgain]:  # fmt: skip
    from st_pipelines.systems.servicenow.invoice_days import InvoiceDays
    from st_pipelines.systems.servicenow.procurement import Procurement

    instance.ask(integration.source.tenant)
    days = InvoiceDays(Procurement(instance.client, instance.profile, instance.proof), store, integration.name)
    (entity,) = entities  # of this source there is one
    landed, missing = days.again(partition, wanted.get(entity, ()))
    return {entity: Reread(landed.pages, landed.records, tuple(missing))}


def _no_key(integration: Integration, entity: str, record_id: str) -> str:
    """An invoice is known by supplier and number, which no sys_id tells: its delivery is done once it is planned, and
    what is not posted then is posted by the schedules."""
    return ""


SOURCE = SourceSide(
    system="servicenow", daily=DAILY, reference={}, connect=_connect, extract_days=_extract_days,
    extract_reference=_no_reference, naming_columns=_nothing_named, named_ids=_no_ids, ping=_ping,
    marking=Marking(_send, _not_told, _values, _note), pins=("tenant", "profile"), longest_id=LONGEST_PART,
    id_of=_id_of, still=_still, raw=RawRecords("invoices", "sys_id", _row_ids),
    order_lines=order_lines, events=EventSide(_hint, _reread, _no_key),
)  # fmt: skip
