"""Walks all pages of a list. Invariant: every row that stood in it during the whole walk comes out, or ``Drift`` is
raised; ``hasMore`` ends the walk, never a short page.

Pages are numbered by the server, so a row that leaves the list moves up all later ones and one is skipped unseen. A
window whose end lies in the past can only lose rows. So equal totals before and after, and as many different ids as the
total says, prove that nothing was skipped. Lists without a window only grow: there the total before is the least.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, count
from typing import TypeVar

from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicetitan.pages import Drift, FilterIgnored, PageReader, Params, Read, values

T = TypeVar("T")

_FEW = 3  # named records that are not worth asking how long the whole list is


def walk(reader: PageReader, params: Params, *, closed: bool) -> Iterator[Read]:
    """The pages in order, asked for ahead of time by a few threads. ``closed``: the list can only lose rows."""
    first = reader.page(1, reader.client.reading.page_size, params, with_total=True)
    yield first
    total, different = first.page.total, Distinct()
    different.add(first.ids)
    anonymous = first.rows - len(first.ids)
    if first.page.has_more:
        if total is None:
            what = "its list gives no total although asked for it, so nothing proves that no row was skipped"
            raise reader.fault(BadAnswer, what, "ask ServiceTitan why includeTotal has no effect")
        before = first
        for read in _following(reader, params, first, total):
            if read.rows and read.sha256 == before.sha256:
                raise Drift(f"the same page came again after {different.count} records")
            different.add(read.ids)
            anonymous += read.rows - len(read.ids)
            before = read
            yield read
        after = reader.page(1, 1, params, with_total=True).page.total
        if after is None or after < total or (closed and after > total):
            raise Drift(f"{total} records before reading, {after} after it")
    found = different.count + anonymous
    if total is not None and (found < total or (closed and found > total)):
        raise Drift(f"{found} different records, {total} announced")


def by_ids(reader: PageReader, ids: Iterable[int]) -> Iterator[Read]:
    """The records that belong to these ids, in blocks. Raises ``FilterIgnored`` where others come back."""
    wanted, how = sorted(set(ids)), reader.entity.ids
    if how is None or not wanted:
        return
    if how.at_most == 1 and len(wanted) > _FEW and _whole_list_is_shorter(reader, len(wanted)):
        yield from (_only(reader, read, how.field, set(wanted)) for read in walk(reader, [], closed=False))
        return
    blocks = [wanted[start : start + how.at_most] for start in range(0, len(wanted), how.at_most)]

    def job(block: Sequence[int]) -> Callable[[], list[Read]]:
        texts = [str(one) for one in block]
        asked = [(how.parameter, text) for text in texts] if how.repeated else [(how.parameter, ",".join(texts))]
        return lambda: [_checked(reader, read, how.field, set(block)) for read in walk(reader, asked, closed=False)]

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
    """Counts different ids and finds repeated ones. Eight bytes an id while they ascend, as they do in sorted lists."""

    def __init__(self) -> None:
        self._ascending: array[int] = array("q")
        self._met: set[int] | None = None

    @property
    def count(self) -> int:
        return len(self._ascending) if self._met is None else len(self._met)

    def add(self, ids: Sequence[int]) -> list[int]:
        """Places in ``ids`` of those that were met before, here or in an earlier call."""
        if self._met is None:
            highest = self._ascending[-1] if self._ascending else None
            if all(map(int.__lt__, ids, ids[1:])) and (not ids or highest is None or ids[0] > highest):
                self._ascending.extend(ids)
                return []
            self._met = set(self._ascending)
            self._ascending = array("q")
        repeated = []
        for place, one in enumerate(ids):
            if one in self._met:
                repeated.append(place)
            self._met.add(one)
        return repeated


def _following(reader: PageReader, params: Params, first: Read, total: int) -> Iterator[Read]:
    size = first.page.page_size or reader.client.reading.page_size
    last = -(-total // size)
    ahead = reader.client.reading.look_ahead
    for read in in_order((_page_job(reader, number, size, params) for number in range(2, last + 1)), ahead):
        yield read
        if not read.page.has_more:
            return
    for number in count(max(last, 1) + 1):  # hasMore decides: go on beyond the announced total
        read = reader.page(number, size, params)
        yield read
        if not read.page.has_more:
            return
        if number > 2 * last + 2:
            raise Drift(f"{total} records announced and still more after page {number}")


def _page_job(reader: PageReader, number: int, size: int, params: Params) -> Callable[[], Read]:
    return lambda: reader.page(number, size, params)


def _whole_list_is_shorter(reader: PageReader, ids: int) -> bool:
    total = reader.page(1, 1, [], with_total=True).page.total
    return total is not None and -(-total // reader.client.reading.page_size) <= ids


def _checked(reader: PageReader, read: Read, field: str, block: set[int]) -> Read:
    strangers = set(values(read.tables[reader.shape.name], field)) - block
    if strangers:
        what = f"asked for {len(block)} ids and got others, e.g. {min(strangers)}: the filter was ignored"
        raise reader.fault(FilterIgnored, what, "report it: the parameter may have changed its name")
    return read


def _only(reader: PageReader, read: Read, field: str, wanted: set[int]) -> Read:
    kept = [place for place, one in enumerate(values(read.tables[reader.shape.name], field)) if one in wanted]
    return read.reduced(reader.shape, kept)
