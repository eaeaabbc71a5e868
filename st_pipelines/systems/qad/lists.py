"""Lists of records: by browse where the profile names one, else directly. Invariant: complete and proven, or it raises.

A browse without ``page`` and ``pageAction`` gives zero rows; the more flag is text; page 2 with action ``next`` is
unconfirmed (reference/qad.md A5), so a page that repeats an earlier one stops the scan. A filter that QAD ignored would
look like success: every row that comes back must satisfy the filters that were sent (reliability H5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag, member, read_records
from st_pipelines.systems.qad.client import QadClient, view
from st_pipelines.systems.qad.company import Company, check_own_books
from st_pipelines.systems.qad.profile import Entity

_MOST_PAGES = 100_000


@dataclass(frozen=True)
class Filter:
    """``op``: eq, sw, rg (both ends in), ge, le … as QAD names them; ``field`` is a wire name."""

    field: str
    op: str
    value: str
    until: str = ""

    def __str__(self) -> str:
        for part in (self.value, self.until):
            if "," in part or any(ord(character) < 32 for character in part):
                raise ValueError(f"{self.field}: {part!r} cannot be asked for: QAD's filter has no known escape")
        if self.op == "rg":
            return f"{self.field},rg,{self.value},literal,{self.until},literal"
        return f"{self.field},{self.op},{self.value},literal"

    def satisfied(self, record: Record) -> bool:
        """False only where a row differs by letter case (installations compare without it); a row that shows that the
        filter was ignored raises."""
        if self.op not in ("eq", "sw"):
            return True
        if self.field not in record:
            raise UntrustedAnswer(f"the rows do not carry {self.field}, so the filter cannot be proven; publish it")
        held = str(record[self.field])
        if held == self.value if self.op == "eq" else held.startswith(self.value):
            return True
        folded, wanted = held.casefold(), self.value.casefold()
        if folded == wanted if self.op == "eq" else folded.startswith(wanted):
            return False
        raise UntrustedAnswer(
            f"asked for {self.field} {self.op} {self.value!r}, got {held[:60]!r}: QAD ignored the filter"
        )


def satisfied(record: Record, filters: Sequence[Filter]) -> bool:
    """Each filter is looked at, so that an ignored one always raises."""
    return [item.satisfied(record) for item in filters].count(False) == 0


@dataclass(frozen=True)
class Page:
    rows: list[Record]
    more: bool


def rows(client: QadClient, name: str, books: Company, filters: Sequence[Filter] = (), *,
         reference: str = "") -> Iterator[Record]:  # fmt: skip
    """Every record of an entity that satisfies the filters, once. Raises ``UntrustedAnswer`` on any doubt."""
    entity, seen_pages, seen = client.profile.entity(name), set[tuple[tuple[str, ...], ...]](), set[tuple[str, ...]]()
    for number in count(1):
        page = read_page(client, name, books, filters, number, client.profile.paging.page_size, reference)
        identities = tuple(_identity(row, entity) for row in page.rows)
        if identities and identities in seen_pages:
            raise UntrustedAnswer(f"{name}: page {number} repeats an earlier page; correct `paging` in the profile")
        seen_pages.add(identities)
        for identity, row in zip(identities, page.rows, strict=True):
            if identity not in seen:  # rows that were inserted meanwhile push others onto the next page
                seen.add(identity)
                if satisfied(row, filters):
                    yield row
        if not page.more:
            return
        if not page.rows:
            raise UntrustedAnswer(f"{name}: page {number} is empty but says that there is more")
        if number >= _MOST_PAGES:
            raise UntrustedAnswer(f"{name}: more than {_MOST_PAGES} pages")


def read_page(client: QadClient, name: str, books: Company, filters: Sequence[Filter], number: int, size: int,
              reference: str = "") -> Page:  # fmt: skip
    """One page, every row checked to be of the company."""
    entity, paging = client.profile.entity(name), client.profile.paging
    params = [(paging.page, str(number)), (paging.size, str(size)),
              (paging.action, paging.first if number == 1 else paging.next),
              *((paging.filter, str(item)) for item in filters)]  # fmt: skip
    if entity.browse_id:
        params, path = [(paging.browse_id, entity.browse_id), *params], paging.browse_path
    else:
        params, path = [*view(entity), *params], entity.path
    answer = client.read(path, books, params, entity=name, reference=reference)
    found = [_undotted(row, name) for row in read_records(answer, entity, rows_member=paging.rows)]
    for row in found:
        check_own_books(row, entity, books)
    marker = member(answer, paging.more)
    return Page(found, len(found) >= size if marker is None else flag(marker, paging.more))


def _identity(row: Record, entity: Entity) -> tuple[str, ...]:
    missing = [wire for wire in entity.keys.values() if wire not in row and wire != entity.keys.get("sharedSetCode")]
    if missing:
        raise UntrustedAnswer(f"{entity.path}: the rows carry no {', '.join(missing)}; correct `keys`")
    return tuple(str(row.get(wire, "")) for wire in entity.keys.values())


def _undotted(row: Record, name: str) -> Record:
    """A browse's ``customer.customerCode`` is ``customerCode``; two columns of one name would hide each other."""
    plain: Record = {}
    for column, value in row.items():
        short = column.rsplit(".", 1)[-1]
        if short in plain:
            raise UntrustedAnswer(f"{name}: the browse has two columns named {short}")
        plain[short] = value
    return plain
