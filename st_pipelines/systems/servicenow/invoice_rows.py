"""Which rows of ServiceNow are one invoice. Invariant: supplier, the supplier's number and type decide, to the letter;
a sys_id never does, because a resubmission is another row.

The id of an invoice at the port is that identity as the last part of its key (``documents.keys.fitting``).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from st_pipelines.documents.keys import coded, first_of, fitting
from st_pipelines.systems.servicenow.answers import Row, Untrusted
from st_pipelines.systems.servicenow.choices import values_of
from st_pipelines.systems.servicenow.keyset import Window
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.profile import ProfileFault, Table
from st_pipelines.systems.servicenow.query import AnyOf, all_of, equals, is_not_empty, one_of, query, starts_with
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import UnreadableValue, stored

AT_ONCE = 50  # numbers or ids in one question
_MOST = 10_000
_EVER, _AHEAD = datetime(1970, 1, 1, tzinfo=UTC), timedelta(hours=1)
WATCHED = ("approved", "pending_payment", "paid", "canceled", "rejected", "new", "in_process", "processed", "failed")
REOPENED = "reopened"  # any other state of a row that carries a voucher
GONE = "gone"  # instead of a state: no row of the invoice is in any of these
LIVE = ("approved", "pending_payment", "paid", "new", "in_process", "processed")  # stands, or is to stand, in the books


def identity(supplier: str, number: str, kind: str) -> str:
    """``kind``: invoice or credit_memo. Empty where supplier or number is missing, or no query can name the number:
    that row is no invoice yet."""
    return fitting(coded(number, supplier, kind)) if supplier and number and not unfit(number) else ""


class InvoiceRows:
    """Headers of one tenant in the states that matter here. Not thread-safe."""

    def __init__(self, procurement: Procurement) -> None:
        self._of, self._client = procurement, procurement.proof.client
        table = procurement.invoices.table
        procurement.proof.learn([table.table, procurement.invoice_lines.table.table])
        voucher = table.columns.get("voucher", "")
        told = ["voucher"] if voucher and "." not in voucher else []
        self._reader = procurement.invoices.reader(["state", "supplier_invoice_number", *told])
        column = table.column("state")
        words = {label: word for word, label in table.choices.get("state", {}).items() if word in WATCHED}
        if not words:
            raise ProfileFault(f"tables.{procurement.invoices.name}.choices: no state is named")
        values = values_of(procurement.proof, table.table, column, words, procurement.profile.language)
        self.values = {value: words[label] for label, value in values.items()}
        self._watched = one_of(self._reader.columns[column], list(self.values))
        self._watched += tuple(is_not_empty(self._reader.columns[voucher]) for _ in told)

    def modified(self, window: Window) -> Iterator[list[Row]]:
        """Those whose header was last modified in the window."""
        yield from self._pages(window)

    def by_sys_id(self, ids: Sequence[str]) -> Iterator[list[Row]]:
        key = self._reader.columns["sys_id"]
        for start in range(0, len(ids), AT_ONCE):
            yield from self._all(one_of(key, ids[start : start + AT_ONCE]))

    def by_identity(self, identities: Iterable[str]) -> Iterator[list[Row]]:
        """All rows of these invoices, those of each question together."""
        wanted = list(dict.fromkeys(one for one in identities if one))
        for start in range(0, len(wanted), AT_ONCE):
            block = wanted[start : start + AT_ONCE]
            for rows in self._all(self._named(block)):
                self._require_asked(rows, block)
                if mine := [row for row in rows if self.identity(row) in block]:
                    yield mine

    def gone(self, identities: Iterable[str]) -> list[str]:
        """Those of which no row is in a state that matters here. One of which rows exist that may not be read is not
        gone."""
        wanted, gone = list(dict.fromkeys(identities)), []
        for start in range(0, len(wanted), AT_ONCE):
            block = wanted[start : start + AT_ONCE]
            rows, whole = self._shown(self._named(block))
            if whole:
                self._require_asked(rows, block)
                there = {self.identity(row) for row in rows}
                gone += [one for one in block if one not in there]
        return gone

    def settled_rows(self, ids: Iterable[str]) -> list[str]:
        """The same of rows that are known by their sys_id alone: those that are gone, or are an invoice by now."""
        key, wanted, found = self._reader.columns["sys_id"], list(dict.fromkeys(ids)), []
        for start in range(0, len(wanted), AT_ONCE):
            block = wanted[start : start + AT_ONCE]
            rows, whole = self._shown(one_of(key, block))
            if whole:
                unknown = {str(row.get("sys_id")) for row in rows if not self.identity(row)}
                found += [one for one in block if one not in unknown]
        return found

    def identity(self, row: Row) -> str:
        """As far as the row tells it; empty where it does not."""
        return identity(self.text(row, "supplier"), self.text(row, "supplier_invoice_number"), self.kind(row))

    def kind(self, row: Row) -> str:
        """An unknown type counts as an invoice here: the document is held for it."""
        return self._of.profile.invoices.types.get(self.text(row, "type"), "invoice")

    def word(self, row: Row) -> str:
        """Our word for its state."""
        other = REOPENED if self.text(row, "voucher") else ""
        return self.values.get(self.text(row, "state"), other)

    def text(self, row: Row, name: str) -> str:
        column = self.table.columns.get(name)
        try:
            return stored(row.get(column)).strip() if column else ""
        except UnreadableValue:
            return ""

    @property
    def table(self) -> Table:
        return self._of.invoices.table

    def _named(self, identities: Sequence[str]) -> AnyOf:
        number = self._reader.columns[self.table.column("supplier_invoice_number")]
        return tuple(dict.fromkeys(equals(number, text) if is_whole else starts_with(number, text)
                                   for text, is_whole in map(first_of, identities)))  # fmt: skip

    def _shown(self, choice: AnyOf) -> tuple[list[Row], bool]:
        """Rows of one question, and whether these are all that there are, readable or not."""
        asked = query(all_of(self._watched, choice))
        answer = select(self._client, self.table.table, asked, self._of.invoices.shown, limit=_MOST)
        whole = answer.total is not None and answer.total == len(answer.rows)
        return [row for row in answer.rows if self.word(row)], whole

    def _all(self, choice: AnyOf) -> Iterator[list[Row]]:
        end = self._client.now(self.table.table) + _AHEAD  # what was saved in this very second is among them
        yield from self._pages(Window.between(_EVER, end), choice)

    def _pages(self, window: Window, *choice: AnyOf) -> Iterator[list[Row]]:
        """Without rows in another state that came all the same: a condition on a column that may not be filtered by is
        dropped."""
        for page in self._reader.window(window, all_of(self._watched, *choice)):
            if rows := [row for row in page.rows if self.word(row)]:
                yield rows

    def _require_asked(self, rows: Sequence[Row], asked: Sequence[str]) -> None:
        """An instance compares without regard to case and blanks; anything farther away was not asked for."""
        begins = tuple({first_of(one)[0].casefold() for one in asked})
        for row in rows:
            if not self.text(row, "supplier_invoice_number").casefold().startswith(begins):
                raise self._client.fault(
                    Untrusted, f"asked for the rows of {len(asked)} invoices by their numbers and got another one",
                    self.table.table, cure="the condition was ignored: see supplier_invoice_number in the profile",
                )  # fmt: skip


def unfit(number: str) -> str:
    """Why an invoice number cannot be asked for; empty where it can."""
    if number != " ".join(number.splitlines()) or any(not one.isprintable() for one in number):
        return "supplier_invoice_number holds a line break or another invisible character"
    return "supplier_invoice_number would be run as a script" if "javascript" in number.casefold() else ""
