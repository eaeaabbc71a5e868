"""Records by the values of one field, in few queries. Invariant: a value reported absent was asked for exactly.

QAD's filter has no "one of". Values that share all but their last two characters (neighbouring ids) are asked for with
one ``sw`` query when the answer fits one page; otherwise one ``eq`` query each, concurrently. Rows are always compared
here, character by character.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.bodies import key_values
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.lists import Filter, read_page, rows, satisfied

_ROWS_FOR_ONE = 20  # at least two, so that doubles are seen (reliability 1.4)
_SHARED_TAIL = 2
_WORTH_A_GROUP = 3

Item = TypeVar("Item")
Result = TypeVar("Result")


def by_values(client: QadClient, name: str, books: Company, field: str, values: Iterable[str],
              narrow: Sequence[Filter] = ()) -> dict[str, list[Record]]:  # fmt: skip
    """Value to its records, two or more where QAD holds two. ``field``: wire name. Raises on any doubt."""
    wanted = list(dict.fromkeys(values))
    groups: dict[str, list[str]] = defaultdict(list)
    for value in wanted:
        if not value:
            raise ValueError(f"{name}: a blank {field} cannot be asked for")
        groups[value[:-_SHARED_TAIL]].append(value)
    asked = [(prefix, group) for prefix, group in groups.items() if prefix and len(group) >= _WORTH_A_GROUP]
    found: dict[str, list[Record]] = {}
    for group, answer in each(client, lambda item: _group(client, name, books, field, item[0], item[1], narrow), asked):
        if answer is not None:
            found.update(answer)
            for value in group[1]:
                found.setdefault(value, [])
    singles = [value for value in wanted if value not in found]
    found.update(each(client, lambda value: _one(client, name, books, field, value, narrow), singles))
    return {value: [whole(client, name, books, row) for row in found[value]] for value in wanted if found[value]}


def all_of(client: QadClient, name: str, books: Company, field: str, values: Iterable[str],
           narrow: Sequence[Filter] = ()) -> list[Record]:  # fmt: skip
    """Every record whose field is one of the values, however many each has (lines of orders, receipts). What shares all
    but its last two characters is asked for together and paged to the end, so that the number of requests follows the
    number of rows and not that of the values. Raises on any doubt."""
    wanted, groups = set(values), defaultdict[str, list[str]](list)
    for value in sorted(wanted):
        groups[value[:-_SHARED_TAIL]].append(value)
    asked: list[Filter] = []
    for prefix, group in groups.items():
        together = bool(prefix) and len(group) >= _WORTH_A_GROUP
        asked += [Filter(field, "sw", prefix)] if together else [Filter(field, "eq", value) for value in group]
    found = each(client, lambda one: list(rows(client, name, books, [one, *narrow])), asked)
    return [row for _, some in found for row in some if str(row[field]) in wanted]


def each(client: QadClient, read: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
    """Reads concurrently within the tenant's limit; the first failure is raised."""
    if len(items) < 2:
        yield from ((item, read(item)) for item in items)
        return
    with ThreadPoolExecutor(min(client.profile.limits.max_concurrency, len(items)), "qad-read") as pool:
        yield from zip(items, pool.map(read, items), strict=True)


def prefix_rows(client: QadClient, name: str, books: Company, field: str, prefix: str,
                narrow: Sequence[Filter] = ()) -> Iterator[Record]:  # fmt: skip
    """Every record whose field begins with the prefix, paged to the end."""
    for row in rows(client, name, books, [Filter(field, "sw", prefix), *narrow]):
        yield whole(client, name, books, row)


def whole(client: QadClient, name: str, books: Company, row: Record) -> Record:
    """A browse gives columns only; the record itself is read where its nested arrays are missing."""
    entity = client.profile.entity(name)
    if all(array.array in row for array in entity.nested.values()):
        return row
    record = client.get_one(name, books, key_values(row, entity))
    if record is None:
        raise UntrustedAnswer(f"{name}: a listed record cannot be read by its own keys; correct `keys`")
    return record


def _group(client: QadClient, name: str, books: Company, field: str, prefix: str, values: Sequence[str],
           narrow: Sequence[Filter]) -> dict[str, list[Record]] | None:  # fmt: skip
    """None where the answer does not fit one page: then each value is asked for by itself."""
    size = client.profile.limits.page_rows_for_find
    filters = [Filter(field, "sw", prefix), *narrow]
    page = read_page(client, name, books, filters, 1, size)
    if page.more or len(page.rows) >= size:
        return None
    found: dict[str, list[Record]] = {value: [] for value in values}
    for row in page.rows:
        if satisfied(row, filters) and str(row[field]) in found:
            found[str(row[field])].append(row)
    return found


def _one(
    client: QadClient, name: str, books: Company, field: str, value: str, narrow: Sequence[Filter]
) -> list[Record]:
    filters = [Filter(field, "eq", value), *narrow]
    page = read_page(client, name, books, filters, 1, _ROWS_FOR_ONE, reference=value)
    return [row for row in page.rows if satisfied(row, filters)]
