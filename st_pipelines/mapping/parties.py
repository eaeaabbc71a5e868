"""Customers and vendors: one source record to the two or three documents of the target. Invariant: a party is what its
id says; codes that the target wants come from the tables or the target's profile, never from a name that looks alike.

A customer becomes ``<key>:relation`` (business relation), ``<key>`` and ``<key>:domain``; a vendor ``<key>:relation``
and ``<key>``. Parties have no business date: tables are read as of the day of modification (UTC).
"""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import MAPPED_LINE, PARTY, PARTY_SOURCE
from st_pipelines.mapping.assembly import documents_table
from st_pipelines.mapping.attributes import party_attributes
from st_pipelines.mapping.digest import source_digests
from st_pipelines.mapping.dispositions import Dispositions, decide, unreadable
from st_pipelines.mapping.findings import Findings
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.intake import Intake, readable_days, take_in
from st_pipelines.mapping.ledger_lines import repeated
from st_pipelines.mapping.named_rows import NamedLookup
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping
from st_pipelines.mapping.target_codes import Terms, code_checks

RELATION, DOMAIN = ":relation", ":domain"

# role -> flow, and kind by suffix of the document key, in the order in which the target wants them
PARTS = {
    "customer": ("customers", (("business_relation", RELATION), ("customer", ""), ("customer_domain", DOMAIN))),
    "vendor": ("vendors", (("business_relation", RELATION), ("supplier", ""))),
}

_MATTERS = ("role", "name", "party_type", "is_active", "unreadable", "street", "unit", "city", "state", "zip",
            "country", "email", "phone", "terms", "tax_zone", "tax_exempt", "merged_into")  # fmt: skip


class UnknownRole(ValueError):
    """A party that is neither customer nor vendor, or a frame that holds both."""


def map_parties(parties: pa.Table, mapping: Mapping, reference: Reference, options: MappingOptions) -> MappedFrames:
    """``parties``: schema ``PARTY_SOURCE``, all of one role. Raises ``BrokenFrames`` and ``UnknownRole``."""
    roles = pc.unique(parties["role"]).to_pylist()
    if not roles:
        return MappedFrames.empty()
    if len(roles) > 1 or roles[0] not in PARTS:
        raise UnknownRole(f"expected customers or vendors, found {', '.join(map(str, roles))}")
    role = roles[0]
    intake = take_in(parties, None, options, documents_as=PARTY_SOURCE, lines_as=pa.schema([("doc_key", pa.string()),
                     ("sequence", pa.int64())]))  # fmt: skip
    dates = intake.text("modified_on").cast(pa.date32())
    days, believable = readable_days(dates)
    findings = Findings(len(intake), intake.doc_of, {
        "doc_key": intake.text("doc_key"), "unreadable": intake.text("unreadable"), "role": intake.text("role"),
        "party_type": intake.text("party_type"), "day": lambda places: dates.take(pa.array(places))}, {})  # fmt: skip
    broken = unreadable(intake, findings, believable, np.ones(len(intake), dtype=np.bool_))
    findings.on_documents(intake.blank("name"), "name.missing")
    terms = Terms(role, mapping, reference).map(intake.text("terms"), days, findings)
    zones = NamedLookup("tax_zone", mapping["tax_zones"], reference)
    zone = zones.find(intake.text("tax_zone"), days)
    zone.report(findings, needed=np.zeros(len(intake), dtype=np.bool_))
    for flags, code, values in code_checks(zones.lookup, "tax_code", zone.rows, reference.tax_codes):
        findings.on_documents(flags, code, values)
    attributes = party_attributes(mapping["party_attributes"], role, intake.text("party_type"), days, findings)

    decided = decide(intake, findings, broken, np.zeros(len(intake), dtype=np.bool_))
    party = _party(intake, options, terms, zones.lookup.take("tax_code", zone.rows), attributes)
    return MappedFrames(_parts(intake, decided, findings, role, party, dates, options), MAPPED_LINE.empty_table())


def _party(
    intake: Intake, options: MappingOptions, terms: pa.Array, tax_code: pa.Array, attributes: pa.Array
) -> pa.StructArray:
    made = {
        "currency": repeated(options.currency, len(intake)),
        "is_active": pc.fill_null(intake.text("is_active"), False),
        "terms": terms,
        "tax_code": tax_code,
        "is_taxable": pc.invert(pc.fill_null(intake.text("tax_exempt"), False)),
        "attributes": attributes,
    }
    columns = [made[field.name] if field.name in made else intake.text(field.name) for field in PARTY]
    return pa.StructArray.from_arrays(columns, fields=list(PARTY))


def _parts(
    intake: Intake, decided: Dispositions, findings: Findings, role: str, party: pa.Array, dates: pa.Array,
    options: MappingOptions,
) -> pa.Table:  # fmt: skip
    """The same columns once for each document that the party becomes, sorted by key."""
    flow, parts = PARTS[role]
    keys = intake.text("doc_key")
    columns = {
        "number": intake.text("source_id"),
        "company": repeated(options.party_company, len(intake)),
        "party_key": keys,
        "currency": repeated(options.currency, len(intake)),
        "business_date": pc.fill_null(dates, pa.scalar(date(1970, 1, 1))),
        "text": intake.text("name"),
        "related_key": intake.text("merged_into"),
        "party": party,
        "source_sha256": source_digests(intake, _MATTERS),
    }
    tables = []
    for kind, suffix in parts:
        own = {"doc_key": pc.binary_join_element_wise(keys, suffix, "")}
        tables.append(documents_table(intake, decided, findings, flow, kind, columns | own))
    return pa.concat_tables(tables).combine_chunks().sort_by("doc_key")
