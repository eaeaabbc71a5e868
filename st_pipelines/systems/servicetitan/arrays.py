"""Python values to Arrow arrays without ``pa.array``. Invariant: exact, and a value of another kind is an error.

``pa.array`` and ``pa.scalar`` import pandas to ask whether they were given a Series: 40 MiB that reading does not need.
Here the buffers are made with numpy; it costs the same time.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import index, is_not
from typing import Any

import numpy as np
import pyarrow as pa

_utf8: Callable[[Any], bytes] = str.encode


def texts(values: Sequence[str | None]) -> pa.Array:
    """Raises ``TypeError``, and ``UnicodeError`` for a lone surrogate."""
    validity, nulls = _validity(values)
    encoded: list[bytes] = list(map(_utf8, ["" if value is None else value for value in values] if nulls else values))
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(values)), out=offsets[1:])
    if offsets[-1] >= 2**31:
        raise OverflowError("more than 2 GiB of text in one column of one page")
    buffers = [validity, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers, nulls)


def wholes(values: Sequence[int | None]) -> pa.Array:
    """64-bit integers. Raises ``OverflowError`` beyond them, ``TypeError`` for anything else."""
    validity, nulls = _validity(values)
    plain: Sequence[Any] = [0 if value is None else value for value in values] if nulls else values
    data = np.fromiter(map(index, plain), np.int64, len(values))
    return pa.Array.from_buffers(pa.int64(), len(values), [validity, pa.py_buffer(data)], nulls)


def flags(values: Sequence[bool | None]) -> pa.Array:
    """True, false or null. Raises ``TypeError`` for anything else."""
    if not all(value is None or value is True or value is False for value in values):
        raise TypeError("not a flag")
    validity, nulls = _validity(values)
    data = np.packbits(np.fromiter(map(bool, values), np.bool_, len(values)), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [validity, pa.py_buffer(data)], nulls)


def _validity(values: Sequence[Any]) -> tuple[pa.Buffer | None, int]:
    """Arrow's bitmap of what is there, none where all is; and how many nulls."""
    nulls = values.count(None)
    if not nulls:
        return None, 0
    present = np.fromiter(map(is_not, values, repeat(None)), np.bool_, len(values))
    return pa.py_buffer(np.packbits(present, bitorder="little")), nulls
