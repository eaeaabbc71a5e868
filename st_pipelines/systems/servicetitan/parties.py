"""Customers and vendors as parties. Invariant: contacts and tax zone of a party do not depend on the order of rows.

ServiceTitan keeps phone and e-mail of a customer in contacts and the tax zone in locations. Of several contacts the
oldest counts; a tax zone counts only where all active locations of the customer agree.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import PARTY_SOURCE
from st_pipelines.systems.servicetitan.unreadable import with_unreadable
from st_pipelines.systems.servicetitan.vectors import constant, id_text, key, look_up, one_array, text

Tables = Mapping[str, pa.Table]
_ADDRESS = ("street", "unit", "city", "state", "zip", "country")
_PHONES, _EMAILS = ("Phone", "MobilePhone"), ("Email",)


def customers(tables: Tables, tenant: str) -> pa.Table:
    """Tables ``customers``, ``customer_contacts``, ``locations``; optional ``customers_unreadable`` and the reference
    ``payment_terms``. Gives ``PARTY_SOURCE``."""
    given, terms = tables["customers"], tables.get("payment_terms")
    term = look_up(given["payment_term_id"], terms["id"], terms["name"]) if terms is not None else None
    rows = given.num_rows
    party = _party(given, tenant, "customer") | {
        "party_type": text(given["type"]),
        "email": _contact(given, tables["customer_contacts"], _EMAILS),
        "phone": _contact(given, tables["customer_contacts"], _PHONES),
        "terms": constant("", rows) if term is None else pc.fill_null(term, ""),
        "unreadable": _terms_unknown(given, term),
        "tax_zone": _tax_zone(given, tables["locations"]),
        "tax_exempt": given["tax_exempt"],
        "merged_into": key(tenant, "customer", given["merged_to_id"]),
    }
    return with_unreadable(_table(party), tables, "customers", tenant, "customer")


def vendors(tables: Tables, tenant: str) -> pa.Table:
    """Table ``vendors``, optional ``vendors_unreadable``; gives ``PARTY_SOURCE``. ServiceTitan shows no payment term
    of a vendor: each bill carries its own."""
    given = tables["vendors"]
    blank = constant("", given.num_rows)
    party = _party(given, tenant, "vendor") | {
        "party_type": blank, "email": text(given["contact_info_email"]), "phone": text(given["contact_info_phone"]),
        "terms": blank, "unreadable": blank, "tax_zone": blank,
        "tax_exempt": constant(False, given.num_rows, pa.bool_()), "merged_into": blank,
    }  # fmt: skip
    return with_unreadable(_table(party), tables, "vendors", tenant, "vendor")


def _party(given: pa.Table, tenant: str, role: str) -> dict[str, pa.Array]:
    return {
        "doc_key": key(tenant, role, given["id"]), "source_id": id_text(given["id"]),
        "role": constant(role, given.num_rows), "name": text(given["name"]),
        "modified_on": given["modified_at"], "is_active": given["active"],
        **{part: text(given[f"address_{part}"]) for part in _ADDRESS},
    }  # fmt: skip


def _terms_unknown(given: pa.Table, term: pa.Array | None) -> pa.Array:
    """A term that the reference data does not know is not the same as no term."""
    if term is None:
        return constant("", given.num_rows)
    unknown = pc.and_(pc.is_valid(one_array(given["payment_term_id"])), pc.is_null(term))
    reason = pc.binary_join_element_wise("unknown paymentTermId ", id_text(given["payment_term_id"]), "")
    return pc.if_else(unknown, reason, "")


def _contact(given: pa.Table, contacts: pa.Table, types: tuple[str, ...]) -> pa.Array:
    """The value of the customer's contact of these types with the lowest id."""
    chosen = contacts.filter(pc.is_in(contacts["type"], value_set=pa.array(types))).sort_by("id")
    return pc.fill_null(look_up(given["id"], chosen["customer_id"], chosen["value"]), "")


def _tax_zone(given: pa.Table, locations: pa.Table) -> pa.Array:
    active = locations.filter(pc.and_(locations["active"], pc.is_valid(locations["tax_zone_id"])))
    zones = active.group_by("customer_id").aggregate([("tax_zone_id", "min"), ("tax_zone_id", "max")])
    agreed = zones.filter(pc.equal(zones["tax_zone_id_min"], zones["tax_zone_id_max"]))
    return pc.fill_null(
        pc.cast(look_up(given["id"], agreed["customer_id"], agreed["tax_zone_id_min"]), pa.string()), ""
    )


def _table(columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    return pa.Table.from_arrays([one_array(columns[name]) for name in PARTY_SOURCE.names], schema=PARTY_SOURCE)
