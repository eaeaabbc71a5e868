"""Python values to Arrow arrays without ``pa.array``. Invariant: exact, and a value of another kind is an error.

``pa.array`` and ``pa.scalar`` import pandas to ask whether they were given a Series: 40 MiB that reading does not need.
Here the buffers are made with numpy; it costs the same time.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import index, is_not
from typing import Any

import numpy as np
import pyarrow as pa


def texts(values: Sequence[str | None]) -> pa.Array:
    """Raises ``TypeError``, and ``UnicodeError`` for a lone surrogate."""
    validity, nulls = _validity(values)
    present: Sequence[Any] = ["" if value is None else value for value in values] if nulls else values
    joined = "".join(present)
    data = joined.encode()
    sizes: Iterable[int] = map(len, present)
    if len(data) != len(joined):
        sizes = (len(value) if value.isascii() else len(value.encode()) for value in present)
    if len(data) >= 2**31:
        raise OverflowError("more than 2 GiB of text in one column of one page")
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(sizes, np.int32, len(values)), out=offsets[1:])
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(values), buffers, nulls)


def wholes(values: Sequence[int | None]) -> pa.Array:
    """64-bit integers. Raises ``OverflowError`` beyond them, ``TypeError`` for anything else."""
    validity, nulls = _validity(values)
    present: Sequence[Any] = [0 if value is None else value for value in values] if nulls else values
    data = array("q", present)
    return pa.Array.from_buffers(pa.int64(), len(values), [validity, pa.py_buffer(data)], nulls)


def flags(values: Sequence[bool | None]) -> pa.Array:
    """True, false or null. Raises ``TypeError`` for a text or a fraction."""
    validity, nulls = _validity(values)
    present: Sequence[Any] = [False if value is None else value for value in values] if nulls else values
    data = np.packbits(np.fromiter(map(index, present), np.bool_, len(values)), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [validity, pa.py_buffer(data)], nulls)


def _validity(values: Sequence[Any]) -> tuple[pa.Buffer | None, int]:
    """Arrow's bitmap of what is there, none where all is; and how many nulls."""
    nulls = values.count(None)
    if not nulls:
        return None, 0
    present = np.fromiter(map(is_not, values, repeat(None)), np.bool_, len(values))
    return pa.py_buffer(np.packbits(present, bitorder="little")), nulls
