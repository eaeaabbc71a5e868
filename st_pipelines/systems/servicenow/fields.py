"""One row by our own names. Invariant: what cannot be read exactly raises ``UnreadableValue`` with the tenant's column;
no amount is given without the currency it is in.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from st_pipelines.systems.servicenow import values
from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID
from st_pipelines.systems.servicenow.profile import Table
from st_pipelines.systems.servicenow.values import UnreadableValue

T = TypeVar("T")


class Fields:
    """``labels``: by column, stored value to label. ``reference``: the instance's reference currency."""

    def __init__(self, row: Row, table: Table, labels: Mapping[str, Mapping[str, str]], reference: str) -> None:
        self._row, self._table, self._labels, self._reference = row, table, labels, reference

    @property
    def sys_id(self) -> str:
        return values.sys_id(values.stored(self._row.get(SYS_ID)))

    @property
    def modified_on(self) -> datetime:
        found = values.instant(values.stored(self._row.get(STAMP)))
        if found is None:
            raise UnreadableValue(f"{STAMP} is empty")
        return found

    def text(self, name: str, *, needed: bool = False) -> str:
        """Empty where the tenant's table has no such column."""
        column = self._table.columns.get(name)
        return "" if column is None else self._parsed(column, str, needed)

    def number(self, name: str, *, needed: bool = True) -> Decimal:
        found = self._parsed(self._table.column(name), values.amount, needed)
        return Decimal(0) if found is None else found

    def day(self, name: str) -> date:
        column = self._table.column(name)
        found = self._parsed(column, values.day, True)
        if found is None:
            raise UnreadableValue(f"{column} is empty")
        return found

    def optional_day(self, name: str) -> date | None:
        column = self._table.columns.get(name)
        return None if column is None else self._parsed(column, values.day, False)

    def has(self, name: str) -> bool:
        return name in self._table.columns

    def flag(self, name: str) -> bool:
        """True where the tenant's table has no such column."""
        column = self._table.columns.get(name)
        return True if column is None else self._parsed(column, values.flag, False)

    def label(self, name: str) -> str:
        """The label of a choice; its value must be one that the instance knows."""
        column, known = self._table.column(name), self._labels.get(name, {})
        text = self._parsed(column, str, True)
        if text not in known:
            raise UnreadableValue(f"{column}: {text!r} is no choice of the instance")
        return known[text]

    def money(self, name: str, currency: str = "", *, needed: bool = True) -> tuple[str, Decimal]:
        """Currency and amount; zero where it is empty and not needed. ``currency``: the document's, which it must be
        in. What a bare amount is in, ``amounts`` in the profile says."""
        column, wanted = self._table.column(name), currency or self.text("currency")
        text = self._parsed(column, str, needed)
        if not text:
            return wanted or self._reference, Decimal(0)
        if ";" not in text and self._table.amounts == "pair":
            raise UnreadableValue(f"{column}: {text[:40]!r} does not say its currency; see `amounts` in the profile")
        bare = wanted if self._table.amounts == "document" else self._reference
        found = self._parsed(column, lambda held: values.money(held, bare), True)
        if found is None:
            raise UnreadableValue(f"{column}: {text[:40]!r} holds no amount")
        if wanted and found[0] != wanted:
            raise UnreadableValue(f"{column} is in {found[0]}, the document in {wanted}")
        return found

    def currency(self, name: str) -> str:
        """That of an amount which shows it (``EUR;12.50``); empty where it does not, or there is none."""
        found, semicolon, _ = self.text(name).partition(";")
        return found if semicolon else ""

    def _parsed(self, column: str, parse: Callable[[str], T], needed: bool) -> T:
        if column not in self._row:
            raise UnreadableValue(f"{column} is missing: the integration user may not read it")
        try:
            text = values.stored(self._row[column])
            if needed and not text:
                raise UnreadableValue("is empty")
            return parse(text)
        except UnreadableValue as error:
            raise UnreadableValue(f"{column}: {error}") from None
