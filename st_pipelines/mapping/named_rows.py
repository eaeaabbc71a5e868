"""Rows found by an id of the source (business unit, payment type, tax zone), and each business unit's company.

Invariant: the id decides, on the document's day; a name that the source has changed since stops the document (M3).
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, Findings
from st_pipelines.mapping.intake import is_blank
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping, MappingTable


@dataclass(frozen=True)
class NamedRows:
    """Rows found by one id column, one per document. ``known``: the id has a row on some day; ``renamed``: the source
    calls it by another name now; ``values``: what hold texts need to name."""

    thing: str
    blank: Flags
    known: Flags
    rows: Ints
    renamed: Flags
    values: Columns

    def report(self, findings: Findings, *, needed: Flags | None = None) -> None:
        """In this order: missing (where it is needed), no row, not effective, renamed."""
        missing = self.blank if needed is None else self.blank & needed
        findings.on_documents(missing, f"{self.thing}.missing", self.values)
        for flags, code in self.faults():
            findings.on_documents(flags, code, self.values)

    def faults(self) -> list[tuple[Flags, str]]:
        """What is wrong with ids that are not blank, in order of precedence."""
        return [
            (~self.blank & ~self.known, f"{self.thing}.no_row"),
            (~self.blank & (self.rows < 0), f"{self.thing}.not_effective"),
            (self.renamed, f"{self.thing}.name_changed"),
        ]


class NamedLookup:
    """A table whose key is one id of the source and which carries that id's name beside it."""

    def __init__(self, thing: str, table: MappingTable, reference: Reference) -> None:
        self.lookup = RowLookup(table)
        self._thing = thing
        (self.key,) = self.lookup.columns
        names = reference.source_names.get(table.format.name, {})
        self._renamed = np.array([names_differ(row["name"], names.get(row[self.key])) for row in table.rows] + [False])
        self._names_now = pa.array([*(names.get(row[self.key], "") for row in table.rows), ""], pa.string())

    def find(self, ids: pa.Array, days: Ints) -> NamedRows:
        codes = self.lookup.codes({self.key: ids})
        code = codes.get(self.key, np.full(len(ids), -1, dtype=np.int64))
        rows = self.lookup.find(codes, days)
        values: Columns = {
            self.key: ids,
            f"{self.key}_name": lambda places: self.lookup.take("name", rows[places]),
            f"{self.key}_name_now": lambda places: self._names_now.take(pa.array(rows[places] % len(self._names_now))),
        }
        renamed = np.asarray(self._renamed[rows], dtype=np.bool_)
        return NamedRows(self._thing, is_blank(ids), code >= 0, rows, renamed, values)


TABLE_OF = {"business_unit": "business_units", "legal_entity": "legal_entities"}


class BusinessUnits(NamedLookup):
    """The table of business units, or of what else stands for the company in a source (``unit``), with each row's
    company."""

    def __init__(
        self, mapping: Mapping, reference: Reference, options: MappingOptions, unit: str = "business_unit"
    ) -> None:
        super().__init__(unit, mapping[TABLE_OF[unit]], reference)
        rows = self.lookup.table.rows
        companies = [f"{row['domain']}_{row['entity']}" for row in rows] + [""]
        distinct = sorted(set(companies))
        self._companies = pa.array(companies, pa.string())
        self._company_code = np.array([distinct.index(company) for company in companies], dtype=np.int64)
        self._elsewhere = np.array([row["domain"] != options.party_domain for row in rows] + [False])

    def companies(self, rows: Ints) -> pa.Array:
        """``<domain>_<entity>``; blank where there is no row."""
        return self._companies.take(pa.array(rows % len(self._companies)))

    def report(self, findings: Findings, header: NamedRows) -> None:
        """On documents; a company outside the domain of the masters could not name its customer."""
        header.report(findings)
        values: Columns = {"company": lambda places: self.companies(header.rows[places])}
        findings.on_documents(np.asarray(self._elsewhere[header.rows], dtype=np.bool_), "company.other_domain", values)

    def differ(self, rows: Ints, others: Ints) -> Flags:
        """Where two rows lie in different companies; rows that were not found do not count."""
        different = self._company_code[rows] != self._company_code[others]
        return np.asarray((rows >= 0) & (others >= 0) & different, dtype=np.bool_)


def names_differ(written: str, now: str | None) -> bool:
    # An id that the source's list does not show cannot be compared; the id itself has decided already.
    return now is not None and unicodedata.normalize("NFC", written) != unicodedata.normalize("NFC", now)
