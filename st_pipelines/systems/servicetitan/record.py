"""What the Structs of this room have in common. Invariant: names and types are the published ones.

Unknown keys are ignored (the raw page keeps them); a missing required field makes the record unreadable. Amounts are
never floats: the accounting module writes them as text, the others as JSON numbers, and both reach a decimal column.
Enumerations are kept as text, because a new value must hold one document, not stop a page.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

TextAmount = Annotated[str, msgspec.Meta(extra={"kind": "amount"})]
NumberAmount = Annotated[Decimal, msgspec.Meta(extra={"kind": "amount"})]
CalendarDate = Annotated[str, msgspec.Meta(extra={"kind": "date"})]  # midnight with Z, never shifted into a zone
Instant = Annotated[str, msgspec.Meta(extra={"kind": "instant"})]  # UTC, up to seven decimals, kept as received


class Record(msgspec.Struct, rename="camel", gc=False):
    """Fields with a default are those that the document calls nullable."""
