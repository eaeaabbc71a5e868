"""Which tables and columns an instance has. Invariant: «not there» is only said where the instance shows its metadata;
otherwise ``MetadataHidden`` is raised and nothing is claimed.

Inherited columns are listed under the parent's name, so the chain of parents is walked. Rights may hide metadata as an
empty list, so each question also asks for something that every instance has.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from st_pipelines.systems.http.errors import Forbidden, NotFound, Refused
from st_pipelines.systems.servicenow.answers import Row, Untrusted, said
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.query import Columns, all_of, one_of, query
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import flag, stored

_OBJECTS, _COLUMNS = Columns("sys_db_object", ["name"]), Columns("sys_dictionary", ["name", "element"])
_PARENTS = [".".join(["super_class"] * depth + ["name"]) for depth in range(6)]  # itself and five above it
_DETAILS = [
    "name",
    "element",
    "column_label",
    "internal_type",
    "reference",
    "unique",
    "active",
    "max_length",
    "read_only",
]
_EVERYWHERE = "sys_user"
_TEXTS = ("string", "translated_text", "translated_field", "url", "email")
_MOST, _AT_ONCE = 10_000, 25  # rows of an answer, tables in a question: some have hundreds of columns


class MetadataHidden(Untrusted):
    """The instance does not show its own tables or columns to this user: nothing can be said about them."""


@dataclass(frozen=True)
class ColumnInfo:
    """``table``: which table of the chain declares it. ``reference``: the table it refers to. ``length``: of a text,
    which the instance cuts silently; 0 where it is not said, or the column is no text."""

    table: str
    name: str
    label: str
    type: str
    reference: str
    unique: bool
    length: int = 0
    read_only: bool = False


@dataclass(frozen=True)
class TableInfo:
    """``chain``: the table and its parents. ``whole``: no row of the dictionary was withheld from us."""

    name: str
    chain: tuple[str, ...]
    columns: Mapping[str, ColumnInfo]
    whole: bool


class Dictionary:
    """What is known of an instance, each table asked for once a process. Thread-safe."""

    def __init__(self, client: ServiceNow) -> None:
        self._client = client
        self._known: dict[str, TableInfo | None] = {}
        self._lock = threading.Lock()

    def tables(self, names: Iterable[str]) -> Mapping[str, TableInfo | None]:
        """None for a table that is not there. Two requests, for up to 25 tables and parents not known yet."""
        wanted = list(dict.fromkeys(names))
        with self._lock:
            new = [name for name in wanted if name not in self._known]
            if new:
                chains = self._chains(new)
                infos = self._columns({name: chain for name, chain in chains.items() if chain})
                self._known.update({name: infos.get(name) for name in new})
            return {name: self._known[name] for name in wanted}

    def table(self, name: str) -> TableInfo | None:
        return self.tables([name])[name]

    def column(self, table: str, path: str) -> ColumnInfo | None:
        """``purchase_order.erp_number`` is followed through the tables referred to. None where a step is missing."""
        info, found = self.table(table), None
        for place, step in enumerate(path.split(".")):
            if place:
                info = self.table(found.reference) if found is not None and found.reference else None
            found = info.columns.get(step) if info is not None else None
            if found is None:
                return None
        return found

    def _chains(self, names: list[str]) -> dict[str, tuple[str, ...]]:
        rows = self._rows(_OBJECTS.table, query(all_of(one_of(_OBJECTS["name"], [*names, _EVERYWHERE]))), _PARENTS)
        found = {stored(row.get("name")): tuple(filter(None, (stored(row.get(level)) for level in _PARENTS)))
                 for row in rows[0]}  # fmt: skip
        if _EVERYWHERE not in found:
            raise self._hidden(_OBJECTS.table, f"{_EVERYWHERE}, which every instance has, is not among the tables")
        self._require_asked(found, {*names, _EVERYWHERE}, _OBJECTS.table)
        chains = {name: found.get(name, ()) for name in names}
        deep = {chain[-1] for chain in chains.values() if len(chain) == len(_PARENTS)}
        above = self._chains(sorted(deep)) if deep else {}
        return {name: chain + above.get(chain[-1], ())[1:] if chain else () for name, chain in chains.items()}

    def _columns(self, chains: Mapping[str, tuple[str, ...]]) -> dict[str, TableInfo]:
        declaring = sorted({name for chain in chains.values() for name in chain})
        if not declaring:
            return {}
        rows: list[Row] = []
        whole = True
        for start in range(0, len(declaring), _AT_ONCE):
            asked = query(all_of(one_of(_COLUMNS["name"], declaring[start : start + _AT_ONCE])))
            some, all_shown = self._rows(_COLUMNS.table, asked, _DETAILS)
            rows += some
            whole = whole and all_shown
        of: dict[str, dict[str, ColumnInfo]] = {name: {} for name in declaring}
        for row in rows:
            info = _info(row)
            self._require_asked([info.table], set(declaring), _COLUMNS.table)
            if info.name and stored(row.get("active")) != "false":
                of[info.table][info.name] = info
        infos = {}
        for name, chain in chains.items():
            columns = {key: info for parent in reversed(chain) for key, info in of[parent].items()}
            if "sys_id" not in columns:
                raise self._hidden(_COLUMNS.table, f"the columns of {name} are not shown, not even sys_id")
            infos[name] = TableInfo(name, chain, columns, whole)
        return infos

    def _rows(self, table: str, asked: str, columns: list[str]) -> tuple[list[Row], bool]:
        try:
            answer = select(self._client, table, asked, columns, limit=_MOST)
        except (Forbidden, NotFound) as fault:
            raise self._hidden(table, said(fault)) from fault
        except Refused as fault:
            if fault.status != 400:
                raise
            raise self._hidden(table, said(fault)) from fault
        if any(column not in row for row in answer.rows for column in ("name",)):
            raise self._hidden(table, "its rows come without their names")
        return answer.rows, answer.total is None or answer.total == len(answer.rows)

    def _require_asked(self, given: Iterable[str], wanted: set[str], table: str) -> None:
        strange = set(given) - wanted
        if strange:
            raise self._client.fault(
                Untrusted, f"asked {table} for {len(wanted)} names and got others, e.g. {min(strange)!r}", table,
                cure="the condition on name was ignored: give the user the right to query it",
            )  # fmt: skip

    def _hidden(self, table: str, why: str) -> MetadataHidden:
        return self._client.fault(MetadataHidden, f"its metadata cannot be read ({why})", table,
                                  cure=f"give the integration user the right to read {table}")  # fmt: skip


def _info(row: Row) -> ColumnInfo:
    return ColumnInfo(
        stored(row.get("name")), stored(row.get("element")), stored(row.get("column_label")),
        stored(row.get("internal_type")), stored(row.get("reference")), flag(stored(row.get("unique"))), _length(row),
        flag(stored(row.get("read_only"))),
    )  # fmt: skip


def _length(row: Row) -> int:
    length = stored(row.get("max_length")).replace(",", "")
    return int(length) if stored(row.get("internal_type")) in _TEXTS and length.isdecimal() else 0
