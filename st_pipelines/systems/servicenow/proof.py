"""Proofs before anything is filtered by or written. Invariant: a column is known to exist before a query names it, and
a record counts as found only if it shows exactly the value that was asked for.

An instance that does not know a column drops the condition and answers with any row: query-before-write would then
«find» a stranger, and the document would never be written.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from st_pipelines.systems.servicenow.answers import Ambiguous, NotProven, Row, Untrusted
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.dictionary import Dictionary, MetadataHidden, TableInfo
from st_pipelines.systems.servicenow.query import Columns, all_of, equals, one_of, query
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import UnreadableValue, stored

AT_ONCE = 50  # values in one question


@dataclass(frozen=True)
class Choice:
    """One of the values that a column may have, by its label."""

    value: str
    label: str
    is_active: bool


class Proof:
    """Thread-safe, as the dictionary is. ``choices``: those read so far, by table, column and language."""

    def __init__(self, client: ServiceNow, dictionary: Dictionary | None = None) -> None:
        self.client = client
        self.dictionary = dictionary or Dictionary(client)
        self.choices: dict[tuple[str, str, str], Sequence[Choice]] = {}

    def learn(self, tables: Iterable[str]) -> None:
        """Of several tables at once: two requests for all instead of two for each. Proves nothing yet."""
        with suppress(MetadataHidden):  # then each column is proven by a record, or refused
            self.dictionary.tables(tables)

    def columns(self, table: str, names: Iterable[str]) -> Columns:
        """These columns of a table, proven. Raises ``NotProven``, naming table and column."""
        wanted = list(dict.fromkeys(names))
        try:
            info = self.dictionary.table(table)
        except MetadataHidden as hidden:
            self._shown_by_a_row(table, wanted, hidden)
            return Columns(table, wanted)
        missing = [name for name in wanted if info is None or name not in info.columns]
        if missing:
            self._refuse(table, missing, info)
        return Columns(table, wanted)

    def find(
        self, table: str, column: str, value: str, shown: Sequence[str] = (), *, reference: str = ""
    ) -> Row | None:
        """The one record with this value, or none. Raises ``Ambiguous`` for two, ``Untrusted`` for any other row."""
        known = self.columns(table, [column])
        asked = query(all_of(equals(known[column], value)))
        answer = select(self.client, table, asked, _shown(column, shown), limit=2, reference=reference or value)
        found = self._exact(table, column, {value}, answer.rows)[value]
        self._none_hidden(table, column, [value], len(answer.rows), answer.total)
        return found[0] if found else None

    def find_many(self, table: str, column: str, values: Iterable[str], shown: Sequence[str] = ()) -> Mapping[str, Row]:
        """Value to record; one that is absent has no entry. As ``find``, fifty values a question."""
        wanted, known, found = list(dict.fromkeys(values)), self.columns(table, [column]), dict[str, Row]()
        for start in range(0, len(wanted), AT_ONCE):
            block = wanted[start : start + AT_ONCE]
            asked = query(all_of(one_of(known[column], block)))
            answer = select(self.client, table, asked, _shown(column, shown), limit=2 * len(block) + 1)
            exact = self._exact(table, column, set(block), answer.rows)
            self._none_hidden(table, column, block, len(answer.rows), answer.total)
            found.update({value: rows[0] for value, rows in exact.items() if rows})
        return found

    def _exact(self, table: str, column: str, wanted: set[str], rows: Sequence[Row]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {value: [] for value in wanted}
        for row in rows:
            if column not in row:
                raise self._untrusted(table, f"a record comes without {column}, so that it is the one cannot be told",
                                      f"give the user the right to read {table}.{column}")  # fmt: skip
            try:
                held = stored(row[column])
            except UnreadableValue as error:
                raise self._untrusted(table, f"{column}: {error}", "ask the administrator what it holds") from None
            if held not in found:
                asked = f"{min(wanted)!r}" if len(wanted) == 1 else f"{len(wanted)} values"
                raise self._untrusted(
                    table, f"asked for {column} = {asked}, got {held[:60]!r}",
                    f"see that {column} exists there; values that differ by case or blanks only must be made different",
                )  # fmt: skip
            found[held].append(row)
        for value, held_by in found.items():
            if len(held_by) > 1:
                ids = ", ".join(sorted(str(row.get("sys_id", "?")) for row in held_by))
                raise self.client.fault(
                    Ambiguous, f"{len(held_by)} records have {column} = {value!r} (sys_id {ids})", table, value,
                    cure=f"remove one of them, then put a unique index on {table}.{column}",
                )  # fmt: skip
        return found

    def _none_hidden(self, table: str, column: str, values: Sequence[str], rows: int, total: int | None) -> None:
        """A record that may not be read counts all the same: to write it again would double it."""
        if total is not None and total > rows:
            about = repr(values[0]) if len(values) == 1 else f"one of {len(values)} values"
            raise self._untrusted(
                table, f"{total - rows} record(s) with {column} = {about} exist and may not be read",
                f"give the integration user a role that reads all rows of {table}",
            )  # fmt: skip

    def _shown_by_a_row(self, table: str, names: Sequence[str], hidden: MetadataHidden) -> None:
        """Where metadata is hidden, a record that shows the column proves it as well."""
        rows = select(self.client, table, "", ["sys_id", *names], limit=1, counted=False).rows
        missing = [name for name in names if not rows or name not in rows[0]]
        if missing:
            raise self.client.fault(
                NotProven, f"whether it has the column {', '.join(missing)} cannot be told: {hidden.what}, and no "
                "record shows it", table, cure=hidden.cure,
            ) from hidden  # fmt: skip

    def _refuse(self, table: str, missing: Sequence[str], info: TableInfo | None) -> None:
        if info is None:
            raise self.client.fault(NotProven, "there is no such table", table,
                                    cure="install the application it belongs to, or correct the profile")  # fmt: skip
        unsure = "" if info.whole else " (as far as the dictionary may be read)"
        raise self.client.fault(
            NotProven, f"it has no column {', '.join(missing)}{unsure}", table,
            cure="correct the column in the profile, or have the administrator add it",
        )  # fmt: skip

    def _untrusted(self, table: str, what: str, cure: str) -> Untrusted:
        return self.client.fault(Untrusted, what, table, cure=cure)


def _shown(column: str, also: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(["sys_id", column, *also]))
