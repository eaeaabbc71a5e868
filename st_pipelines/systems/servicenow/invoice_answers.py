"""What the ERP made of an invoice, told to its rows. Invariant: a row is read before it is written, written only where
it says something else, and what the answer to the write does not show as written is refused by name: a column that may
not be written stays as it was, without an error.

On the outbound road a row is claimed (in process) before anything else is written to it, and ends processed, or failed
where the ERP refused it for good. On the primary road the state of an invoice is not ours to move.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from st_pipelines.systems.http.errors import NotExecuted, Refused, SystemFault
from st_pipelines.systems.servicenow.answers import Row, said
from st_pipelines.systems.servicenow.invoice_days import ROW
from st_pipelines.systems.servicenow.invoice_rows import LIVE, InvoiceRows
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.tables import get, same, update

AT_ONCE = 50
TOLD = ("voucher", "posting_date", "result", "matched_amount", "variance_amount", "hold_amount", "message")
ON_HOLD = "On hold"
_NO_ROW = "no row of it can be told"
_LONGEST, _CUT = 1000, 40  # of a message; what a shorter column keeps of it at least

State = Literal["exported", "already_exported", "refused", "unknown", "not_sent"]
_WORST: Sequence[State] = ("unknown", "not_sent", "refused", "exported", "already_exported")


@dataclass(frozen=True)
class Told:
    """As ``road.Marked``: what ServiceNow said to one invoice."""

    state: State
    reason: str = ""


class InvoiceAnswers:
    """Of one tenant. Not thread-safe."""

    def __init__(self, procurement: Procurement) -> None:
        self._client = procurement.proof.client
        self._outbound = procurement.profile.invoices.road == "outbound"
        self._rows = InvoiceRows(procurement)
        self._table = procurement.invoices.table
        self._stored = {word: value for value, word in self._rows.values.items()}
        self._shown = procurement.invoices.shown

    def posted(self, answers: Mapping[str, Mapping[str, str]]) -> dict[str, Told]:
        """``answers``: by identity, values of ``TOLD``. Raises ``SystemFault`` where rows cannot be read: nothing was
        written then. One that is on hold says so in its reason: it may be released."""
        told = self._tell(answers, lambda row, values: self._of_posted(row, values))
        held = {one for one, values in answers.items() if values.get("result") == ON_HOLD}
        return {one: Told(what.state, what.reason or (ON_HOLD if one in held else "")) for one, what in told.items()}

    def open(self, answers: Mapping[str, tuple[str, str]]) -> dict[str, Told]:
        """Not in the books: by identity (or ``ROW`` and a sys_id) ``waiting``, ``held`` or ``refused``, and why. One of
        which no row can be told is left alone. Raises as ``posted``."""
        values = {one: {"result": state.capitalize(), "message": why} for one, (state, why) in answers.items()}
        told = self._tell(values, lambda row, wanted: self._of_open(row, wanted))
        return {one: Told("already_exported", what.reason) if what.reason.startswith(_NO_ROW) else what
                for one, what in told.items()}  # fmt: skip

    def _of_posted(self, row: Row, values: Mapping[str, str]) -> dict[str, str]:
        return {**self._columns(values), **self._moved("processed")}

    def _of_open(self, row: Row, values: Mapping[str, str]) -> dict[str, str]:
        word = self._rows.word(row)
        if self._rows.text(row, "voucher") or word == "processed":
            values = {"message": values["message"]}  # it stands in the books; a change of it does not
            return self._columns(values)
        return {**self._columns(values), **self._moved("failed" if values["result"] == "Refused" else "in_process")}

    def _moved(self, word: str) -> dict[str, str]:
        return {self._table.column("state"): self._stored[word]} if self._outbound and word in self._stored else {}

    def _columns(self, values: Mapping[str, str]) -> dict[str, str]:
        """Those that the profile names; the others are not told."""
        return {self._table.columns[name]: values[name][:_LONGEST] for name in TOLD
                if name in values and name in self._table.columns}  # fmt: skip

    def _tell(
        self, answers: Mapping[str, Mapping[str, str]], wanted: Callable[[Row, Mapping[str, str]], dict[str, str]]
    ) -> dict[str, Told]:
        of: dict[str, list[Row]] = {one: [] for one in answers}
        ids = [one.removeprefix(ROW) for one in answers if one.startswith(ROW)]
        for rows in self._rows.by_sys_id(ids):
            for row in rows:
                of[f"{ROW}{row.get('sys_id')}"].append(row)
        for rows in self._rows.by_identity(one for one in answers if not one.startswith(ROW)):
            for row in rows:
                of[self._rows.identity(row)].append(row)
        return {one: self._invoice(of[one], answers[one], wanted) for one in answers}

    def _invoice(
        self, rows: Sequence[Row], values: Mapping[str, str],
        wanted: Callable[[Row, Mapping[str, str]], dict[str, str]],
    ) -> Told:  # fmt: skip
        """All its rows that count are told, the last one's state last. One that was canceled meanwhile is not told."""
        live = [row for row in rows if self._rows.word(row) in LIVE]
        if not live:
            shown = ", ".join(f"{self._rows.text(row, 'number')} is {self._rows.word(row)}" for row in rows)
            return Told("refused", f"{_NO_ROW}: {shown or 'there is none'}")
        told = [self._row(row, wanted(row, values)) for row in live]
        return min(told, key=lambda one: _WORST.index(one.state))

    def _row(self, row: Row, wanted: Mapping[str, str]) -> Told:
        differing = {name: text for name, text in wanted.items() if not _is_same(row.get(name), text)}
        if not differing:
            return Told("already_exported")
        for step in self._steps(row, differing):
            told = self._written(row, step)
            if told.state != "exported":
                return told
        return Told("exported")

    def _steps(self, row: Row, differing: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """A new outbound row is claimed first."""
        state = self._table.column("state")
        if self._rows.word(row) == "new" and "in_process" in self._stored:
            yield {state: self._stored["in_process"]}
            if differing == {state: self._stored["in_process"]}:
                return
        yield differing

    def _written(self, row: Row, values: Mapping[str, str]) -> Told:
        sys_id, number = str(row.get("sys_id")), self._rows.text(row, "number")
        try:
            held: Row | None = update(self._client, self._table.table, sys_id, values, reference=number).row
        except NotExecuted as fault:
            return Told("not_sent", str(fault))
        except Refused as fault:
            return Told("refused", said(fault))
        except SystemFault as fault:
            held = self._again(sys_id)
            if held is None or _kept(held, values):
                return Told("unknown", str(fault))
        kept = _kept(held or {}, values)
        if kept:
            return Told("refused", f"{number}: {', '.join(kept)} stayed as before: give the integration user the right "
                        f"to write {self._table.table}.{kept[0]}")  # fmt: skip
        return Told("exported")

    def _again(self, sys_id: str) -> Row | None:
        try:
            return get(self._client, self._table.table, sys_id, self._shown)
        except SystemFault:
            return None


def _kept(held: Row, wanted: Mapping[str, str]) -> list[str]:
    """Columns that hold something else than was written."""
    return [name for name, text in wanted.items() if not _is_same(held.get(name), text)]


def _is_same(held: Any, wanted: str) -> bool:
    """A column may keep a day as an instant, or cut a message."""
    if same(held if held is not None else "", wanted):
        return True
    text = held if isinstance(held, str) else ""
    return text == f"{wanted} 00:00:00" or (len(text) >= _CUT and wanted.startswith(text))
