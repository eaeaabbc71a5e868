"""One page of a table's window. Invariant: nothing but the count ends a reading, and an answer that breaks off is asked
for again with fewer rows, never taken as it is.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicenow.answers import BrokenOff, Row, Untrusted
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID, Place
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.tables import select

log = logging.getLogger("st_pipelines.servicenow")


class SourceKeepsMoving(BadAnswer):
    """A window that could not be read by offsets because its rows moved during every attempt."""


@dataclass(frozen=True)
class Page:
    """Some rows in ascending order, at least one; ``last``: the place of the last one."""

    rows: list[Row]
    last: Place


@dataclass(frozen=True)
class Answer:
    """``asked``: how many rows were asked for; ``count``: how many match, readable or not."""

    rows: list[Row]
    asked: int
    count: int


class Asking:
    """Asks for pages of one table. ``shown``: the columns that come back. Not thread-safe."""

    def __init__(self, proof: Proof, table: str, shown: Sequence[str], filter_by: Sequence[str] = ()) -> None:
        self.client, self.table = proof.client, table
        self.columns = proof.columns(table, [STAMP, SYS_ID, *filter_by])
        self._shown = list(dict.fromkeys([SYS_ID, STAMP, "sys_mod_count", *shown]))
        self._size = self.client.reading.page_rows

    def ask(self, question: str, offset: int = 0) -> Answer:
        """One page. Raises ``Untrusted`` where its count is not told."""
        while True:
            try:
                got = select(self.client, self.table, question, self._shown, limit=self._size, offset=offset,
                             gives_up_at_once=True)  # fmt: skip
            except BrokenOff as broken:
                if self._size <= self.client.reading.smallest_page:
                    raise
                self._size = max(self._size // 2, self.client.reading.smallest_page)
                log.info(
                    "%s %s: %s; asked again for %d rows", self.client.connection, self.table, broken.what, self._size
                )
                continue
            if got.total is None:
                raise self.client.fault(
                    Untrusted, "its answers carry no X-Total-Count, so whether more rows follow cannot be told",
                    self.table, cure="let the gateway before the instance pass this header",
                )  # fmt: skip
            return Answer(got.rows, self._size, got.total)

    def not_as_asked(self, why: str) -> Untrusted:
        return self.client.fault(
            Untrusted, f"the rows are not those asked for: {why}", self.table,
            cure=f"grant query_range on {STAMP} and {SYS_ID}, and read rights on both, to the integration user",
        )  # fmt: skip
