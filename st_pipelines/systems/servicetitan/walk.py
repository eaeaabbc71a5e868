"""Walks all pages of a list. Invariant: every row that stood in it during the whole walk comes out, or ``Drift`` is
raised; ``hasMore`` ends the walk, never a short page.

Pages are numbered by the server, so a row that leaves the list moves up all later ones and one is skipped unseen. A
window whose end lies in the past can only lose rows. So equal totals before and after, and as many different ids as the
total says, prove that nothing was skipped. Lists without a window only grow: there the total before is the least.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from operator import lt
from typing import TypeVar

from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicetitan.columns import tables
from st_pipelines.systems.servicetitan.entities import Ids
from st_pipelines.systems.servicetitan.pages import (
    Drift,
    Fetched,
    FilterIgnored,
    PageReader,
    Params,
    Read,
    Unsorted,
    identities,
    values,
)

T = TypeVar("T")

_FEW = 3  # named records that are not worth asking how long the whole list is


def walk(reader: PageReader, params: Params, *, closed: bool) -> Iterator[Read]:
    """The pages in order, asked for ahead of time by a few threads. ``closed``: the list can only lose rows."""
    different, anonymous, total, before = Distinct(ordered=reader.ordered), 0, None, -1
    for number, read in enumerate(_pages(reader, params), 1):
        if number == 1:
            total = read.page.total
        elif read.ids and read.ids[0] == before:
            raise Drift(f"page {number} begins like the one before, with id {before}")
        try:
            different.add(read.ids)
        except Unsorted:
            reader.ordered = False
            raise
        anonymous += read.rows - len(read.ids)
        before = read.ids[0] if read.ids else -1
        yield read
    if total is None:
        return
    if number > 1:
        after = reader.page(1, 1, params, with_total=True).page.total
        if after is None or after < total or (closed and after > total):
            raise Drift(f"{total} records before reading, {after} after it")
    found = different.count + anonymous
    if found < total or (closed and found > total):
        raise Drift(f"{found} different records, {total} announced")


def by_ids(reader: PageReader, ids: Iterable[int]) -> Iterator[Read]:
    """The records that belong to these ids, in blocks. Raises ``FilterIgnored`` where others come back.

    Records that belong to others come by owner, then id, whatever the server's order; out of a whole list by id."""
    wanted, how = sorted(set(ids)), reader.entity.ids
    if how is None or not wanted:
        return
    if how.at_most == 1 and len(wanted) > _FEW and is_read_whole(reader, how, len(wanted), length(reader)):
        yield from (_only(reader, read, how.field, set(wanted)) for read in walk(reader, [], closed=False))
        return
    blocks = [wanted[start : start + how.at_most] for start in range(0, len(wanted), how.at_most)]

    def job(block: Sequence[int]) -> Callable[[], list[Read]]:
        texts = [str(one) for one in block]
        asked = [(how.parameter, text) for text in texts] if how.repeated else [(how.parameter, ",".join(texts))]
        return lambda: _in_order_of(
            how.field,
            reader,
            [_checked(reader, read, how.field, set(block)) for read in walk(reader, asked, closed=False)],
        )

    yield from chain.from_iterable(in_order(map(job, blocks), reader.client.reading.look_ahead))


def in_order(jobs: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """Results in the order of the jobs, ``ahead`` of them in flight; the rest is not started before it is wanted."""
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="servicetitan")
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Distinct:
    """Counts different ids and finds repeated ones. ``ordered``: only as long as they ascend, and without keeping them;
    else ``Unsorted`` is raised and everything is read again with a set of all ids."""

    def __init__(self, *, ordered: bool) -> None:
        self.count = 0
        self._highest: int | None = None
        self._met: set[int] | None = None if ordered else set()

    def add(self, ids: Sequence[int]) -> list[int]:
        """Places in ``ids`` of those that were met before, here or in an earlier call."""
        if self._met is None:
            if not all(map(lt, ids, ids[1:])) or (ids and self._highest is not None and ids[0] <= self._highest):
                raise Unsorted(f"ids do not ascend after {self.count} records")
            self.count += len(ids)
            self._highest = ids[-1] if ids else self._highest
            return []
        repeated = []
        for place, one in enumerate(ids):
            if one in self._met:
                repeated.append(place)
            self._met.add(one)
        self.count = len(self._met)
        return repeated


def _pages(reader: PageReader, params: Params) -> Iterator[Read]:
    """Fetched ahead of time by a few threads, decoded here one by one: so one page is in memory as records."""
    reading = reader.client.reading
    read = reader.page(1, reading.page_size, params, with_total=True)
    total, size = read.page.total, read.page.page_size or reading.page_size
    yield read
    if not read.page.has_more:
        return
    if total is None:
        what = "its list gives no total although asked for it, so nothing proves that no row was skipped"
        raise reader.fault(BadAnswer, what, "ask ServiceTitan why includeTotal has no effect")
    last = -(-total // size)
    for fetched in in_order((_fetch_job(reader, n, size, params) for n in range(2, last + 1)), reading.look_ahead):
        read = reader.decoded(fetched)
        yield read
        if not read.page.has_more:
            return
    for number in range(max(last, 1) + 1, 2 * last + 3):  # hasMore decides: go on beyond the announced total
        read = reader.page(number, size, params)
        yield read
        if not read.page.has_more:
            return
    raise Drift(f"{total} records announced and still more after page {2 * last + 2}")


def _fetch_job(reader: PageReader, number: int, size: int, params: Params) -> Callable[[], Fetched]:
    return lambda: reader.fetch(number, size, params)


def length(reader: PageReader) -> int | None:
    """Records in the whole list, where it says so."""
    return reader.page(1, 1, [], with_total=True).page.total


def is_read_whole(reader: PageReader, how: Ids, ids: int, total: int | None) -> bool:
    """Whether a list that takes one id a call is read whole instead, because that is fewer calls."""
    pages = None if total is None else -(-total // reader.client.reading.page_size)
    return how.at_most == 1 and ids > _FEW and pages is not None and pages <= ids


def _in_order_of(field: str, reader: PageReader, reads: list[Read]) -> list[Read]:
    """The same pages with all records in the first, by ``field`` and id; where that is the id they are in order."""
    if field == "id" or not reads:
        return reads
    records = [record for read in reads for record in read.page.records]
    ordered = sorted(records, key=lambda record: (getattr(record, field), record.id))
    if ordered == records and len(reads) == 1:
        return reads
    pages = [replace(read.page, records=ordered if place == 0 else []) for place, read in enumerate(reads)]
    return [
        Read(read.sha256, page, tables(reader.shape, page.records), identities(page))
        for read, page in zip(reads, pages, strict=True)
    ]


def _checked(reader: PageReader, read: Read, field: str, block: set[int]) -> Read:
    strangers = set(values(read.tables[reader.shape.name], field)) - block
    if strangers:
        what = f"asked for {len(block)} ids and got others, e.g. {min(strangers)}: the filter was ignored"
        raise reader.fault(FilterIgnored, what, "report it: the parameter may have changed its name")
    return read


def _only(reader: PageReader, read: Read, field: str, wanted: set[int]) -> Read:
    return read.reduced(reader.shape, Counter(one.id for one in read.page.records if getattr(one, field) in wanted))
