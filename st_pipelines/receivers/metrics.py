"""What the receiver tells Prometheus. Invariant: a stranger cannot make a new time series.

Connections are labels only when they are known. With several workers each writes its own file and the parent adds them
up; its library finds the folder in ``PROMETHEUS_MULTIPROC_DIR`` when it is imported.
"""

import logging
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from st_pipelines.inbox.arrivals import Group
from st_pipelines.inbox.pending import lag

_log = logging.getLogger(__name__)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)


class Metrics:
    """Counters of one worker, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter("st_pipelines_webhook_answers", "Requests by what became of them",
                                ("connection", "outcome"), registry=registry)  # fmt: skip
        self._latency = Histogram("st_pipelines_webhook_seconds", "From the header of a request to its answer",
                                  buckets=_SECONDS, registry=registry)  # fmt: skip
        self._stored = Counter("st_pipelines_inbox_deliveries", "Deliveries: new, repeated, or not stored",
                               ("kind",), registry=registry)  # fmt: skip
        self._group = Histogram("st_pipelines_inbox_group_size", "Deliveries that shared one commit",
                                buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500), registry=registry)  # fmt: skip
        self._commit = Histogram("st_pipelines_inbox_commit_seconds", "From the begin of a commit to durable",
                                 buckets=_SECONDS, registry=registry)  # fmt: skip
        self._waiting = Gauge("st_pipelines_inbox_queue", "Deliveries that wait for their commit",
                              registry=registry, multiprocess_mode="livesum")  # fmt: skip
        self._by_answer: dict[tuple[str, str], Counter] = {}

    def answered(self, connection: str, outcome: str, seconds: float) -> None:
        """One request. ``connection`` is empty for strangers."""
        counter = self._by_answer.get((connection, outcome))
        if counter is None:
            counter = self._by_answer[connection, outcome] = self._answers.labels(connection, outcome)
        counter.inc()
        self._latency.observe(seconds)

    def queue(self, waiting: int) -> None:
        """Deliveries that wait for their commit now."""
        self._waiting.set(waiting)

    def committed(self, group: Group) -> None:
        """One group that was stored, or was not."""
        self._group.observe(group.size)
        self._commit.observe(group.seconds)
        if group.stored is None:
            self._stored.labels("not_stored").inc(group.size)
            return
        self._stored.labels("new").inc(group.stored.new)
        self._stored.labels("repeated").inc(group.stored.repeated)


class InboxLag(Collector):
    """How far the work is behind, asked of the database when Prometheus asks."""

    def __init__(self, engine: Engine, connections: Callable[[], list[str]]) -> None:
        self._engine, self._connections = engine, connections

    def collect(self) -> Iterator[Metric]:
        count = GaugeMetricFamily("st_pipelines_inbox_pending", "Deliveries that wait for the work",
                                  labels=("connection",))  # fmt: skip
        age = GaugeMetricFamily("st_pipelines_inbox_oldest_seconds", "Age of the oldest of them",
                                labels=("connection",))  # fmt: skip
        try:
            for name in self._connections():
                found = lag(self._engine, name)
                count.add_metric((name,), found.pending)
                age.add_metric((name,), found.oldest_age_s)
        except SQLAlchemyError as error:
            _log.error("the lag of the inbox cannot be read (%s)", type(error).__name__)
            return
        yield count
        yield age


def sum_of_workers(folder: str) -> CollectorRegistry:
    """What the workers wrote into their files, added up."""
    shown = CollectorRegistry()
    MultiProcessCollector(shown, path=folder)  # type: ignore[no-untyped-call]
    return shown
