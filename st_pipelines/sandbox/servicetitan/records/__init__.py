"""The business as ServiceTitan's JSON records. Invariant: every published field is there, nulls included.

A record is the feed's shape, the widest one; list rows leave some fields away (``catalog``). Money of the accounting
module is text, numbers elsewhere are ``Decimal``; instants are text with up to seven decimals.
"""

from collections.abc import Iterator
from typing import Any

from st_pipelines.sandbox.business.model import Business
from st_pipelines.sandbox.servicetitan.records import parties, purchasing, reference, sales

Record = dict[str, Any]


def all_records(business: Business) -> Iterator[tuple[str, Record]]:
    """Pairs of entity and record, every entity of the sandbox, ids rising within an entity."""
    yield from reference.records(business.options)
    yield from parties.records(business)
    yield from sales.records(business)
    yield from purchasing.records(business)
