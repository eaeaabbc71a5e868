"""Everything one process needs to run one integration, opened once and closed at the end.

Invariant: clients are made when first used, from the encrypted vault; a session holds no secret itself.
"""

import logging
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from st_pipelines.audit.high_water import HighWaterMark
from st_pipelines.credentials.keyring import Keyring, load_keyring
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.integrations.reading import Opened
from st_pipelines.integrations.registry import BrokenIntegration, Integration
from st_pipelines.integrations.road import Road
from st_pipelines.integrations.roads import road_of
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping as MappingTables
from st_pipelines.mapping.tables import load_mapping
from st_pipelines.posting.plan import RunContext
from st_pipelines.posting.target import Target
from st_pipelines.settings import Settings
from st_pipelines.store.files import Store

log = logging.getLogger(__name__)

SNAPSHOT = "current"  # the partition key of reference tables


class NotReady(RuntimeError):
    """A precondition of a run is missing; the text says which command or setting cures it."""


class Session:
    """One integration, ready to run. Use as a context manager; safe to use from several threads."""

    def __init__(self, integration: Integration, settings: Settings) -> None:
        self.integration = integration
        self.settings = settings
        self.road: Road = road_of(integration)
        self._require_free_space()
        self.engine = open_database(settings.ledger_url)
        upgrade(self.engine)
        self.store = Store(settings.data_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for name in ("source", "target_client"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                client.close()
        self.engine.dispose()

    @cached_property
    def keyring(self) -> Keyring:
        return load_keyring(default_file=self.settings.master_key_file)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.engine, self.keyring)

    @cached_property
    def mark(self) -> HighWaterMark:
        return HighWaterMark(self.settings.high_water_mark, self.keyring)

    @cached_property
    def source(self) -> Any:
        return self.road.source.connect(self._opened(self.integration.source.connection))

    @cached_property
    def target_client(self) -> Any:
        self.require_agreement()
        return self.road.target.connect(self._opened(self.integration.target.connection))

    def require_agreement(self) -> None:
        """Raises ``BrokenIntegration`` where the target's profile and ``integration.yaml`` contradict each other:
        documents would be planned for one account and posted to another. Asks no system."""
        found = self.road.target.contradictions(self.integration)
        if found:
            raise BrokenIntegration(f"{self.integration.name}: {'; '.join(found)}")

    @cached_property
    def target(self) -> Target:
        return self.road.target.as_target(self.target_client)

    @cached_property
    def mapping(self) -> MappingTables:
        return load_mapping(self.integration.folder, self.road.tables)

    @cached_property
    def reference(self) -> Reference:
        return self.road.target.mapping_reference(self.reference_tables("target"), self.reference_tables("source"))

    @cached_property
    def reference_digests(self) -> tuple[str, ...]:
        """Digests of the snapshots that mapping joins with, in a fixed order; one that was never read is left out."""
        road, name = self.road, self.integration.name
        return tuple(
            self.store.manifest(name, "reference", f"{side}_{entity}", SNAPSHOT).digest
            for side, entities in (("source", road.source.reference), ("target", road.target.reference))
            for entity in entities
            if self.has_reference(side, entity)
        )

    @cached_property
    def _reference_tables(self) -> dict[str, Mapping[str, pa.Table]]:
        return {}

    def forget_reference(self) -> None:
        """To be called when a snapshot was replaced: what was read of it before is outdated."""
        self.__dict__.pop("reference", None)
        self.__dict__.pop("reference_digests", None)
        self._reference_tables.clear()

    def reference_tables(self, side: str) -> Mapping[str, pa.Table]:
        """The last snapshot of each reference entity of ``source`` or ``target``."""
        if side in self._reference_tables:
            return self._reference_tables[side]
        entities = self.road.source.reference if side == "source" else self.road.target.reference
        missing = [name for name in entities if not self.has_reference(side, name)]
        if missing:
            raise NotReady(
                f"{self.integration.name}: reference data of the {side} was never read ({', '.join(missing)}); "
                f"materialize the reference assets or run st-pipelines run --integration {self.integration.name}"
            )
        self._reference_tables[side] = {
            name: self.store.read_table(self.integration.name, "reference", f"{side}_{name}", SNAPSHOT)
            for name in entities
        }
        return self._reference_tables[side]

    def has_reference(self, side: str, entity: str) -> bool:
        return self.store.has_table(self.integration.name, "reference", f"{side}_{entity}", SNAPSHOT)

    def context(self, run_id: str, actor: str, partition_key: str = "") -> RunContext:
        return RunContext(
            integration=self.integration.name, run_id=run_id, actor=actor,
            mapping_version=self.mapping.version, partition_key=partition_key,
        )  # fmt: skip

    def _opened(self, connection: str) -> Opened:
        return Opened(self.integration, self.vault.get(connection), self.engine, self.keyring)

    def _require_free_space(self) -> None:
        folder = self.settings.home
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free_mb = shutil.disk_usage(folder).free // 2**20
        if free_mb < self.settings.minimum_free_mb:
            raise NotReady(
                f"{free_mb} MiB free under {folder}, the floor is {self.settings.minimum_free_mb}: nothing was sent"
            )


def day_window(integration: Integration, day: date, *, now: datetime | None = None) -> tuple[datetime, datetime]:
    """The UTC instants [start, end) of one local business day: 23, 24 or 25 hours (T3). The day in progress ends at
    now minus the settle time (X1)."""

    def midnight(of: date) -> datetime:
        return datetime.combine(of, time(), integration.zone).astimezone(UTC)

    latest = (now or datetime.now(UTC)) - timedelta(minutes=integration.options.settle_minutes)
    start, end = midnight(day), midnight(day + timedelta(days=1))
    if start >= latest:
        raise NotReady(f"{integration.name}: {day} has not begun in {integration.time_zone}")
    return start, min(end, latest)
