"""Cost centers, GL accounts, payment terms, legal entities of an instance: the whole list, one record, a write.
Invariant: a record counts if it carries our ERP source or none; another ERP's code of the same letters is another code.

A new code goes through its staging table, as everything that comes from the ERP. A record that was made on the instance
has no ERP source yet, and the transform map would make a second one beside it: that one is written to directly, once,
and gets our ERP source with it. An empty field never empties its target in an import, so a cost center that comes back
gets a last day far away.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from st_pipelines.documents.codes import Code, CodeRecord
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.servicenow import values
from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.profile import ProfileFault, Table
from st_pipelines.systems.servicenow.proof import AT_ONCE
from st_pipelines.systems.servicenow.query import all_of, one_of
from st_pipelines.systems.servicenow.ready import require_room
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.staging_rows import Frozen, frozen
from st_pipelines.systems.servicenow.standing_records import SYS_ID, columns_of, keys_of, pages, text_of
from st_pipelines.systems.servicenow.tables import get

ENTITY = {
    "legal_entity": "legal_entities",
    "cost_center": "cost_centers",
    "gl_account": "gl_accounts",
    "payment_term": "payment_terms",
}
VERSION, IN_USE = "sys_mod_count", "in use"
STANDS_OPEN = date(2099, 12, 31)  # the last day of a cost center that is not retired, where one must be given
_ERP_SOURCES, _ERP = "sn_fin_erp_source", "erp"


def read_codes(instance: Instance, kind: str) -> list[CodeRecord]:
    """Every record of the list that is ours or nobody's. Raises ``Untrusted`` or ``UnreadableValue`` where some of it
    may not be read: half a list would look like retired codes."""
    name = ENTITY[kind]
    rows = [row for row in pages(instance, name, also=[VERSION]) if _erp(instance, name, row) in ("", instance.source)]
    return [_record(instance, kind, row) for row in rows]


def freeze(instance: Instance, document: MappedDocument, op: str, target_id: str) -> bytes:
    """Raises ``CannotRender`` for what this instance cannot take. Reads the record that it changes."""
    this, name = of(document), ENTITY[document.kind]
    staging = instance.profile.into(name)
    table = instance.profile.table(staging.lands_in)
    known = target_id if op == "update" else this.begins_from
    held = get(instance.client, table.table, known, _shown(instance, name)) if known else None
    if known and held is None:
        raise CannotRender(f"{this.code}: its record {known} is not in {table.table} any more, or may not be read")
    if held is not None and not _erp(instance, name, held):
        if _key(instance, name, held) != this.code:
            raise CannotRender(f"{known} carries the code {_key(instance, name, held)!r} now, not {this.code!r}")
        return frozen(Frozen("", table.table, _claimed(instance, document.kind, this, held), known))
    given = {_key_name(table): this.code, "source": instance.source, "name": this.name, **this.details,
             **_state(instance, document.kind, this, held)}  # fmt: skip
    row = {staging.column(column): text for column, text in given.items() if text and column in staging.columns}
    require_room(instance.proof, instance.profile, staging, given)
    return frozen(Frozen(staging.table, table.table, row))


def find(instance: Instance, kind: str, company: str, references: Sequence[str]) -> dict[str, list[Found]]:
    """Those that carry our ERP source, by reference."""
    name, found = ENTITY[kind], dict[str, list[Found]]()
    wanted = {keys_of(reference)[0]: reference for reference in references if not reference.endswith(":void")}
    table, codes = instance.profile.table(name), sorted(wanted)
    known = instance.proof.columns(table.table, [column := table.column(_key_name(table))])
    for start in range(0, len(codes), AT_ONCE):
        block = codes[start : start + AT_ONCE]
        for row in pages(instance, name, all_of(one_of(known[column], block)), also=[VERSION]):
            code = _key(instance, name, row)
            if code not in wanted or _erp(instance, name, row) != instance.source:
                continue  # an instance compares without regard to case, and holds other ERPs' codes too
            one = _record(instance, kind, row)
            content = {**_compared(one.name, one.is_active, one.details), "version": one.version}
            if not one.shows_state:
                del content[IN_USE]
            found.setdefault(wanted[code], []).append(
                Found(kind, company, wanted[code], one.target_id, code, content=content)
            )
    return found


def compared(document: MappedDocument) -> dict[str, str]:
    """What the record must hold afterwards."""
    this = of(document)
    return _compared(this.name, this.is_active, this.details)


def change(old: MappedDocument, new: MappedDocument) -> str:
    """Also where the plan is the same and somebody changed the record meanwhile."""
    same = compared(old) == compared(new) and of(new).replaces in ("", of(old).replaces)
    return "none" if same else "update"


def of(document: MappedDocument) -> Code:
    if not isinstance(document.payload, Code):
        raise CannotRender(f"{document.doc_key}: a {document.kind} needs a code, not {type(document.payload).__name__}")
    return document.payload


# --------------------------------------------------------------------------------------------------------- a record
def _record(instance: Instance, kind: str, row: Row) -> CodeRecord:
    name = ENTITY[kind]
    table = instance.profile.table(name)
    details = {"net_days": text_of(row, table.column("net_days"))} if "net_days" in table.columns else {}
    state = _is_active(instance, name, row)
    return CodeRecord(
        "ServiceNow", kind, _key(instance, name, row), " ".join(text_of(row, table.column("name")).split()),
        state is not False, text_of(row, SYS_ID), text_of(row, VERSION), _erp(instance, name, row) == instance.source,
        state is not None, details,
    )  # fmt: skip


def _is_active(instance: Instance, name: str, row: Row) -> bool | None:
    """None where the table has no such column, or the staging table none to set it by."""
    table, staged = instance.profile.table(name), instance.profile.into(name).columns
    if not {"inactive", "active", "valid_to"} & staged.keys():
        return None
    if "inactive" in table.columns:
        return not values.flag(text_of(row, table.column("inactive")))
    if "active" in table.columns:
        return values.flag(text_of(row, table.column("active")))
    if "valid_to" in table.columns:
        last = values.day(text_of(row, table.column("valid_to")))
        return last is None or last >= _today(instance, table)
    return None


def _state(instance: Instance, kind: str, this: Code, held: Row | None) -> dict[str, str]:
    """How the staging row says whether it is in use. A last day that says the same already is left as it is."""
    name = ENTITY[kind]
    table, staging = instance.profile.table(name), instance.profile.into(name)
    said = {"inactive": "false" if this.is_active else "true", "active": "true" if this.is_active else "false"}
    flags = {name: text for name, text in said.items() if name in staging.columns}
    if "valid_to" not in staging.columns:
        return flags
    if this.is_active == (True if held is None else _is_active(instance, name, held)):
        return flags
    last = STANDS_OPEN if this.is_active else _today(instance, table) - timedelta(days=1)
    return {**flags, "valid_to": last.isoformat()}


def _claimed(instance: Instance, kind: str, this: Code, held: Row) -> dict[str, str]:
    """Columns of the record itself."""
    name = ENTITY[kind]
    table = instance.profile.table(name)
    column = columns_of(instance, name)[_ERP].partition(".")[0]
    given = {"name": this.name, **this.details, **_state(instance, kind, this, held)}
    row = {table.column(ours): text for ours, text in given.items() if ours in table.columns}
    return {**row, column: _erp_source(instance)}


def _erp_source(instance: Instance) -> str:
    found = instance.proof.find(_ERP_SOURCES, "name", instance.source)
    if found is None:
        raise CannotRender(f"the instance has no ERP source {instance.source!r} ({_ERP_SOURCES}); add it there")
    return text_of(found, SYS_ID)


def _compared(name: str, is_active: bool, details: Mapping[str, str]) -> dict[str, str]:
    return {"name": name, IN_USE: "yes" if is_active else "no", **details}


def _shown(instance: Instance, name: str) -> list[str]:
    return list(dict.fromkeys([SYS_ID, VERSION, *columns_of(instance, name).values()]))


def _key_name(table: Table) -> str:
    return "number" if "number" in table.columns else "code"


def _key(instance: Instance, name: str, row: Row) -> str:
    table = instance.profile.table(name)
    return text_of(row, table.column(_key_name(table)))


def _erp(instance: Instance, name: str, row: Row) -> str:
    """The name of its ERP source."""
    column = columns_of(instance, name).get(_ERP)
    if column is None:
        raise ProfileFault(f"staging.{name}.read_back: {_ERP} is missing, without which it cannot be told whose it is")
    return text_of(row, column)


def _today(instance: Instance, table: Table) -> date:
    return instance.client.now(table.table).date()
