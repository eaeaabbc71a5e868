"""QAD's codes as tables for the reference assets. Invariant: complete lists, each code once, flags true or false.

Every table has ``code``, ``description``, ``is_active``; a retired code is there and inactive, not absent
(reference/qad.md B6). Codes of several domains are joined; a code that two domains hold differently comes twice, and
mapping refuses it.
"""

from collections.abc import Callable

import pyarrow as pa

from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import Filter, rows
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import read_date

ENTITIES = {
    "gl_accounts": "glAccount", "cost_centers": "costCentre", "sub_accounts": "subAccount", "tax_codes": "taxCode",
    "credit_terms": "creditTerms", "daybooks": "daybook", "gl_periods": "period", "customers": "customer",
    "suppliers": "supplier", "sites": "site",
}  # fmt: skip

_CODE: dict[str, pa.DataType] = {"code": pa.string(), "description": pa.string(), "is_active": pa.bool_()}
_ACCOUNT: dict[str, pa.DataType] = {
    **_CODE, "is_cost_centre_account": pa.bool_(), "is_project_account": pa.bool_(),
    "is_sub_account_account": pa.bool_(), "analysis_limitation": pa.string(),
}  # fmt: skip
_PARTY: dict[str, pa.DataType] = {
    **_CODE, "external_reference": pa.string(), "business_relation": pa.string(), "currency": pa.string(),
    "credit_terms": pa.string(),
}  # fmt: skip
_PERIOD: dict[str, pa.DataType] = {
    **_CODE, "company": pa.string(), "year": pa.int64(), "period": pa.int64(), "start_date": pa.date32(),
    "end_date": pa.date32(), "is_open": pa.bool_(),
}  # fmt: skip

Row = dict[str, object]


def read_reference(client: QadClient, entity: str) -> pa.Table:
    """One of ``ENTITIES`` as a table. Raises ``UntrustedAnswer`` or the kernel's errors, never gives half a list."""
    if entity not in ENTITIES:
        raise ValueError(f"QAD has no reference {entity!r}; known: {', '.join(ENTITIES)}")
    name, (schema, row) = ENTITIES[entity], _SHAPES.get(entity, (_CODE, _code_row))
    found: dict[tuple[object, ...], Row] = {}
    for books in _books(client, by_entity=entity == "gl_periods"):
        for record in rows(client, name, books, own_set(client.profile, name)):
            made = row(record, client.profile.entity(name), client.profile, books)
            found[tuple(made.values())] = made
    made_rows = sorted(found.values(), key=lambda made: (str(made["code"]), str(made.get("company", ""))))
    return pa.Table.from_pylist(made_rows, schema=pa.schema(list(schema.items())))


def own_set(profile: Profile, name: str) -> list[Filter]:
    entity = profile.entity(name)
    if not entity.shared_set:
        return []
    return [Filter(entity.wire("sharedSetCode"), "eq", profile.workspace.shared_sets[entity.shared_set])]


def _books(client: QadClient, *, by_entity: bool) -> list[Company]:
    """One company of each domain: codes belong to domains and their sets, periods to entities."""
    pinned = [company(name) for name in client.companies]
    if not pinned:
        raise ValueError("no companies are pinned; set target.companies in integration.yaml")
    return pinned if by_entity else list({books.domain: books for books in reversed(pinned)}.values())


def _code_row(record: Record, entity: Entity, profile: Profile, books: Company) -> Row:
    code = _text(record, entity, "code")
    if not code:
        raise UntrustedAnswer(f"{entity.path}: a record without {entity.wire('code')}")
    return {"code": code, "description": _text(record, entity, "description"),
            "is_active": _flag(record, entity, "isActive")}  # fmt: skip


def _account_row(record: Record, entity: Entity, profile: Profile, books: Company) -> Row:
    return {
        **_code_row(record, entity, profile, books),
        "is_cost_centre_account": _flag(record, entity, "isCostCentreAccount"),
        "is_project_account": _flag(record, entity, "isProjectAccount"),
        "is_sub_account_account": _flag(record, entity, "isSubAccountAccount"),
        "analysis_limitation": _text(record, entity, "analysisLimitation"),
    }


def _party_row(record: Record, entity: Entity, profile: Profile, books: Company) -> Row:
    return {
        **_code_row(record, entity, profile, books),
        "external_reference": _text(record, entity, "externalReference"),
        "business_relation": _text(record, entity, "businessRelation"),
        "currency": _text(record, entity, "currency"),
        "credit_terms": _text(record, entity, "creditTerms"),
    }


def _period_row(record: Record, entity: Entity, profile: Profile, books: Company) -> Row:
    try:
        days = [read_date(record.get(entity.wire(end)), profile, entity.wire(end)) for end in ("startDate", "endDate")]
        year, period = int(str(record[entity.wire("year")])), int(str(record[entity.wire("period")]))
    except (ValueError, KeyError) as error:
        raise UntrustedAnswer(f"{entity.path}: an unreadable period: {error}") from error
    is_open = _flag(record, entity, "isOpen")
    return {"code": f"{year}-{period:02}", "description": "", "is_active": is_open, "company": books.workspace,
            "year": year, "period": period, "start_date": days[0], "end_date": days[1], "is_open": is_open}  # fmt: skip


def _flag(record: Record, entity: Entity, logical: str) -> bool:
    """Where the profile maps no such flag the tenant's entity has none, and every record counts as active."""
    if not entity.has(logical):
        return True
    return flag(record.get(entity.wire(logical)), f"{entity.path} {entity.wire(logical)}")


def _text(record: Record, entity: Entity, logical: str) -> str:
    value = record.get(entity.wire(logical)) if entity.has(logical) else None
    return "" if value is None else str(value)


_Shape = tuple[dict[str, pa.DataType], Callable[[Record, Entity, Profile, Company], Row]]
_SHAPES: dict[str, _Shape] = {
    "gl_accounts": (_ACCOUNT, _account_row), "customers": (_PARTY, _party_row), "suppliers": (_PARTY, _party_row),
    "gl_periods": (_PERIOD, _period_row),
}  # fmt: skip
