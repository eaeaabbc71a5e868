"""What a sandbox system holds: JSON records by entity and key. Invariant: a record is in SQLite before it can be read.

Reads come from memory (a dictionary lookup, or an index that builds itself on first use); every write goes through to
SQLite, so a killed process loses nothing that it had acknowledged. Records are JSON objects with exact numbers: an
amount is an ``int`` or a ``Decimal``, never a float, and reads the same before and after a restart.
"""

import sqlite3
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

Record = dict[str, Any]

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(Record, float_hook=Decimal).decode
_NUMBERS = "_numbers"
_LEAVES = frozenset({str, int, bool, Decimal, type(None)})


class Books:
    """Records of one system. Thread-safe. ``path=None`` keeps them in memory only.

    A record that was handed out is a value: never change it in place, ``put`` a new one.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._entities: dict[str, _Entity] = {}
        self._undo: list[tuple[str, str, Record | None]] | None = None
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        # The file outlives a killed process (the kernel has the pages); only a power cut could lose the last commits.
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "temp_store=MEMORY", "wal_autocheckpoint=4000"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record (row INTEGER PRIMARY KEY, entity TEXT NOT NULL, key TEXT NOT NULL,"
            " body BLOB NOT NULL, UNIQUE (entity, key))"
        )
        for entity, key, body in self._database.execute("SELECT entity, key, body FROM record ORDER BY row"):
            self._entity(entity).put(key, _decode(body))

    def put(self, entity: str, key: str, record: Mapping[str, Any]) -> Record:
        """Stores a record under its key, new or in place of the old one. Gives it back as it will be read.

        ``TypeError`` for what is not exact JSON (a float, an unknown type).
        """
        _refuse_floats(record)
        body = _encode(record)
        stored = _decode(body)
        with self._lock:
            self._remember(entity, key)
            self._database.execute(
                "INSERT INTO record (entity, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (entity, key) DO UPDATE SET body = excluded.body",
                (entity, key, body),
            )
            self._entity(entity).put(key, stored)
        return stored

    def put_many(self, entity: str, records: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Many records in one transaction; the way to load a generated business. Gives their number."""
        count = 0
        with self.transaction():
            for key, record in records:
                self.put(entity, key, record)
                count += 1
        return count

    def delete(self, entity: str, key: str) -> None:
        """Takes a record out. ``KeyError`` where there is none."""
        with self._lock:
            if self._entity(entity).records.get(key) is None:
                raise KeyError(f"{entity} {key}")
            self._remember(entity, key)
            self._database.execute("DELETE FROM record WHERE entity = ? AND key = ?", (entity, key))
            self._entity(entity).delete(key)

    def get(self, entity: str, key: str) -> Record | None:
        """The record of a key, or None."""
        with self._lock:
            return self._entity(entity).records.get(key)

    def all(self, entity: str) -> list[Record]:
        """Every record of an entity, in the order they were first put."""
        with self._lock:
            return list(self._entity(entity).records.values())

    def count(self, entity: str) -> int:
        with self._lock:
            return len(self._entity(entity).records)

    def entities(self) -> list[str]:
        """Names of the entities that hold records, without the internal number series."""
        with self._lock:
            return sorted(name for name, held in self._entities.items() if held.records and name != _NUMBERS)

    def find(self, entity: str, field: str, value: Any) -> list[Record]:
        """Records whose top-level ``field`` equals ``value``, in order of putting. Indexed from the first call on."""
        with self._lock:
            return self._entity(entity).find(field, value)

    def between(self, entity: str, field: str, low: str | None = None, high: str | None = None) -> list[Record]:
        """Records whose text ``field`` is within [low, high] (None = open), in order of field and key. Indexed."""
        with self._lock:
            return self._entity(entity).between(field, low, high)

    def version(self, entity: str) -> int:
        """Goes up with each change of the entity; a cached answer is good while this stands still."""
        with self._lock:
            return self._entity(entity).version

    def next_number(self, series: str, start: int = 1) -> int:
        """The next number of a series, gapless except for failed transactions, kept over restarts."""
        with self._lock:
            last = self.get(_NUMBERS, series)
            number = start if last is None else int(last["number"]) + 1
            self.put(_NUMBERS, series, {"number": number})
            return number

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All puts inside become durable together, or none does. May be nested; the outermost one commits."""
        with self._lock:
            if self._undo is not None:
                yield
                return
            self._undo = []
            self._database.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                for entity, key, before in reversed(self._undo):
                    self._entity(entity).delete(key) if before is None else self._entity(entity).put(key, before)
                raise
            else:
                self._database.execute("COMMIT")
            finally:
                self._undo = None

    def clear(self) -> None:
        """Forgets everything, number series included."""
        with self._lock:
            self._database.execute("DELETE FROM record")
            for held in self._entities.values():
                held.clear()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _entity(self, name: str) -> "_Entity":
        held = self._entities.get(name)
        if held is None:
            held = self._entities[name] = _Entity()
        return held

    def _remember(self, entity: str, key: str) -> None:
        if self._undo is not None:
            self._undo.append((entity, key, self._entity(entity).records.get(key)))


class _Entity:
    """The records of one entity in memory, with the indexes that were asked for so far."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.version = 0
        self._equal: dict[str, dict[Any, dict[str, None]]] = {}
        self._sorted: dict[str, list[tuple[str, str]]] = {}

    def put(self, key: str, record: Record) -> None:
        before = self.records.get(key)
        self.records[key] = record
        self.version += 1
        for field, index in self._equal.items():
            old, new = _indexable(before, field), _indexable(record, field)
            if before is not None and old != new:
                index.get(old, {}).pop(key, None)
            index.setdefault(new, {})[key] = None
        for field, ordered in self._sorted.items():
            old, new = _text(before, field), _text(record, field)
            if old == new:
                continue
            if old is not None:
                del ordered[bisect_left(ordered, (old, key))]
            if new is not None:
                insort(ordered, (new, key))

    def delete(self, key: str) -> None:
        record = self.records.pop(key)
        self.version += 1
        for field, index in self._equal.items():
            index[_indexable(record, field)].pop(key, None)
        for field, ordered in self._sorted.items():
            text = _text(record, field)
            if text is not None:
                del ordered[bisect_left(ordered, (text, key))]

    def find(self, field: str, value: Any) -> list[Record]:
        index = self._equal.get(field)
        if index is None:
            index = self._equal[field] = {}
            for key, record in self.records.items():
                index.setdefault(_indexable(record, field), {})[key] = None
        records = self.records
        return [records[key] for key in index.get(_as_index(value), ())]

    def between(self, field: str, low: str | None, high: str | None) -> list[Record]:
        ordered = self._sorted.get(field)
        if ordered is None:
            texts = ((_text(record, field), key) for key, record in self.records.items())
            ordered = self._sorted[field] = sorted((text, key) for text, key in texts if text is not None)
        first = 0 if low is None else bisect_left(ordered, (low, ""))
        last = len(ordered) if high is None else bisect_right(ordered, (high, chr(0x10FFFF)))
        records = self.records
        return [records[key] for _, key in ordered[first:last]]

    def clear(self) -> None:
        self.records.clear()
        self._equal.clear()
        self._sorted.clear()
        self.version += 1


def _indexable(record: Record | None, field: str) -> Any:
    return None if record is None else _as_index(record.get(field))


def _as_index(value: Any) -> Any:
    """True is not 1 here; lists and objects are found by their JSON text."""
    if isinstance(value, bool):
        return ("bool", value)
    return _encode(value) if isinstance(value, list | dict) else value


def _text(record: Record | None, field: str) -> str | None:
    value = None if record is None else record.get(field)
    return value if isinstance(value, str) else None


def _refuse_floats(value: Any) -> None:
    """Walks containers only: leaves are told by their exact type, which is what makes a large load bearable."""
    if isinstance(value, float):
        raise TypeError(f"a float has no place in the books: {value!r}")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for item in value:
        if type(item) not in _LEAVES:
            _refuse_floats(item)
