"""The instance's description of itself: tables, columns, rights, scopes. Invariant: one file (``tables.yaml``) says it,
and the rows made from it are all that any API looks at afterwards.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Record = dict[str, Any]

BASE = {
    "sys_id": "GUID", "sys_created_on": "glide_date_time", "sys_created_by": "string",
    "sys_updated_on": "glide_date_time", "sys_updated_by": "string", "sys_mod_count": "integer",
}  # fmt: skip
APO = "sn_ap_apm"
SCOPES = {
    "sn_fin": ("Finance Common Architecture", "12.0.1"),
    "sn_shop": ("Source-to-Pay Common Architecture", "24.0.0"),
    "sn_fcms_intg": ("ERP Integration Framework", "19.0.3"),
    "sn_spend_intg": ("Source-to-Pay Integration Framework", "14.0.2"),
    "sn_slm": ("Supplier Common Architecture", "11.0.6"),
    APO: ("Accounts Payable Invoice Processing", "9.0.1"),
    "com.snc.procurement": ("Procurement", "1.0.0"),
}
_FLAGS = frozenset({"display", "unique", "mandatory"})
_UPPER = {"Erp": "ERP", "Po": "PO", "Gl": "GL", "Id": "ID", "Url": "URL", "Uom": "UOM", "Sku": "SKU", "Duns": "DUNS"}


def key(*parts: str) -> str:
    """The sys_id of something that every instance has."""
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest()


def column_of(label: str, prefix: str = "") -> str:
    """The column that this sandbox gives to a published label: ``Ship to zip/postal code`` is
    ``ship_to_zip_or_postal_code``, as the published columns of the invoice import are made."""
    return prefix + re.sub(r"[^a-z0-9]+", "_", label.lower().replace("/", " or ")).strip("_")


@cache
def described() -> Mapping[str, Mapping[str, Any]]:
    """The tables of ``tables.yaml`` by name."""
    text = (Path(__file__).parent / "tables.yaml").read_text(encoding="utf-8")
    tables: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)["tables"]
    return tables


def metadata(scopes: Sequence[str]) -> Iterator[tuple[str, Record]]:
    """(table, row without stamps) of everything that describes the tables of these scopes and of the platform."""
    for scope in scopes:
        title, version = SCOPES[scope]
        row = {"sys_id": key("scope", scope), "name": title, "version": version}
        yield "sys_scope", {**row, "scope": scope, "active": "true"}
        yield "v_plugin", {**row, "sys_id": key("plugin", scope), "id": scope, "active": "active"}
    for name, table in described().items():
        if table.get("scope") is None or table["scope"] in scopes:
            yield from _table(name, table)


def tables_of(scope: str) -> list[str]:
    return [name for name, table in described().items() if table.get("scope") == scope]


def _table(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
    parent, scope = table.get("extends", ""), table.get("scope", "")
    yield "sys_db_object", {
        "sys_id": key("table", name), "name": name, "label": table["label"], "number_ref": table.get("number", ""),
        "super_class": key("table", parent) if parent else "", "sys_scope": key("scope", scope) if scope else "",
    }  # fmt: skip
    yield "sys_dictionary", _dictionary(name, "", "collection", table["label"])
    base = {} if parent else {**BASE, **({"sys_class_name": "sys_class_name"} if table.get("extended") else {})}
    for element, described_as in {**base, **table.get("columns", {})}.items():
        kind, *rest = described_as.split()
        flags = set(rest) & _FLAGS
        length = next((one for one in rest if one.isdigit()), "")
        target = next((one for one in rest if one not in flags and not one.isdigit()), "")
        yield "sys_dictionary", _dictionary(name, element, kind, _label(element), target, length, flags)
    references = table.get("references", {})
    for label in (*table.get("labels", ()), *table.get("assumed", ())):
        element, target = column_of(label, table.get("prefix", "")), references.get(label, "")
        yield "sys_dictionary", _dictionary(name, element, "reference" if target else "string", label, target, "")
    for operation, roles in (("read", table.get("read")), ("write", table.get("write"))):
        if roles:
            yield "sys_security_acl", acl(name, operation, roles)


def acl(name: str, operation: str, roles: Sequence[str], condition: str = "") -> Record:
    """A right on a table, or on ``table.column``; with a condition only on the rows that it selects."""
    return {
        "sys_id": key("acl", name, operation, condition), "name": name, "operation": operation,
        "roles": ",".join(roles), "condition": condition, "active": "true",
    }  # fmt: skip


def _dictionary(
    table: str, element: str, kind: str, label: str, target: str = "", length: str = "",
    flags: frozenset[str] | set[str] = frozenset(),
) -> Record:  # fmt: skip
    return {
        "sys_id": key("dictionary", table, element), "name": table, "element": element, "column_label": label,
        "internal_type": kind, "reference": target, "max_length": length or "255", "active": "true",
        "default_value": "true" if element == "active" else "", "read_only": "false",
        **{one: "true" if one in flags else "false" for one in sorted(_FLAGS)},
    }  # fmt: skip


def _label(element: str) -> str:
    words = element.removeprefix("u_").removeprefix("sys_").split("_")
    first, *rest = (_UPPER.get(one.capitalize(), one) for one in words)
    return " ".join((first[:1].upper() + first[1:], *rest))
