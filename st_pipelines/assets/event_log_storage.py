"""Dagster's SQLite event log with kept connections and one transaction a batch. Invariant: same files, same rows.

A range run writes two events per asset and day. The stock storage opens a new engine for every statement (about
18 ms of CPU an event, mostly recompiling SQL) and commits each event alone. Keeping one engine a file and writing a
batch (``DAGSTER_EVENT_BATCH_SIZE``) in one transaction makes a year's backfill of a whole integration one short run.
Named in ``dagster.yaml``; leave it out there and Dagster reads the same files with its own class. See ADR 0006.
"""

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

BUSY_TIMEOUT_S = 30
OPEN_FILES = 64  # one run = one file; older engines are closed beyond this


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """Configuration: ``base_dir`` (default ``$DAGSTER_HOME/history/runs``, where the stock class keeps its files)."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._columns: set[str] = set()
        self._batch: dict[str, Connection] | None = None
        self._batch_ends = ExitStack()
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # a batch takes it around its single events

    @classmethod
    def config_type(cls) -> Any:
        from dagster import Field

        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledSqliteEventLogStorage":
        # Without a home Dagster runs on a temporary instance (`dg check defs`): its log must not land in the project.
        home = os.environ.get("DAGSTER_HOME") or tempfile.mkdtemp(prefix="dagster-")
        return cls(config_value.get("base_dir") or str(Path(home, "history", "runs")), inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All events of the batch become visible together, per file."""
        with self._db_lock, ExitStack() as ends:
            self._batch, self._batch_ends = {}, ends
            try:
                for (of_assets, run_id), some in groupby(events, key=_kind):
                    if of_assets:
                        self._store_asset_events(run_id, list(some))
                    else:
                        for entry in some:
                            self.store_event(entry)
            finally:
                self._batch = None

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        """What ``store_event`` does for each, with one statement a table: the row of an asset is overwritten by each of
        its events, so that only the last of each type leaves anything there."""
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_transaction() as connection:
            numbered = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = connection.execute(numbered, rows).scalars().all()
            self._store_asset_event_tags(connection, events, ids)
            last: dict[tuple[Any, Any], tuple[EventLogEntry, int]] = {}
            for event, number in zip(events, ids, strict=True):
                about = event.get_dagster_event()
                place = (about.asset_key, about.event_type_value)
                last.pop(place, None)  # so that the order is that of the last ones
                last[place] = (event, number)
            for event, number in last.values():
                self._store_asset_event(connection, event, number)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """A column that is there stays there; the stock class looks before each event."""
        if column_name not in self._columns:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._columns.add(column_name)
        return True

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._batch is None:
                with self._engine(shard).begin() as connection:
                    yield connection
                return
            if shard not in self._batch:
                self._batch[shard] = self._batch_ends.enter_context(self._engine(shard).begin())
            yield self._batch[shard]

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= OPEN_FILES:
                self._engines.pop(next(iter(self._engines))).dispose()
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool, pool_size=1, connect_args={"timeout": BUSY_TIMEOUT_S},
            )  # fmt: skip
            event.listen(engine, "connect", _wal_without_fsync_per_commit)
            self._engines[shard] = engine
        if shard not in self._initialized_dbs:
            self._initdb(self._engines[shard])
            self._initialized_dbs.add(shard)
        return self._engines[shard]


def _kind(event: EventLogEntry) -> tuple[bool, str]:
    """Whether all that it leaves is in the tables of assets; the run that it belongs to."""
    kind = event.dagster_event_type if event.is_dagster_event else None
    return kind in ASSET_EVENTS and event.get_dagster_event().asset_key is not None, event.run_id


def _wal_without_fsync_per_commit(connection: sqlite3.Connection, _record: Any) -> None:
    # Dagster's log is a report, not the ledger: under WAL, NORMAL keeps it consistent and may lose the last moments
    # of a power cut. What was posted is known by the ledger alone, which is fully durable.
    connection.execute("PRAGMA synchronous=NORMAL")
