"""Runs a body for each day of a run, whatever its length. Invariant: a finished day is recorded as materialized even
when a later day fails; an unfinished one never is."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import dagster as dg

Metadata = Mapping[str, Any]


def each_day(
    context: dg.AssetExecutionContext, body: Callable[[date], Metadata], **shared: Any
) -> dg.MaterializeResult:
    """One materialization a day, with its metadata. A body that raises ends the run; the days before it count."""
    days = map(date.fromisoformat, context.partition_keys)
    return as_done(context, ((day, body(day)) for day in days), **shared)


def as_done(
    context: dg.AssetExecutionContext, days: Iterable[tuple[date, Metadata]], **shared: Any
) -> dg.MaterializeResult:
    """The same for days that are finished several at a time, in any order."""
    finished: dict[str, Metadata] = {}
    try:
        for day, metadata in days:
            finished[day.isoformat()] = metadata
    except BaseException:
        record_finished(context, finished)
        raise
    require_all(context, finished, "")
    return dg.MaterializeResult(metadata=shared)


def require_all(context: dg.AssetExecutionContext, finished: Mapping[str, Metadata], failure: str) -> None:
    """Keeps the metadata of the finished days. ``failure`` says why others are not and what to do; empty = all are.
    Never retried by itself: the ledger decides what may be sent again (R3)."""
    if failure:
        record_finished(context, finished)
        raise dg.Failure(failure, allow_retries=False)
    for key, metadata in finished.items():
        context.add_asset_metadata(metadata, partition_key=key)


def record_finished(context: dg.AssetExecutionContext, finished: Mapping[str, Metadata]) -> None:
    """Says which days are done when the step as a whole is about to fail."""
    for key, metadata in finished.items():
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=key, metadata=dict(metadata)))
