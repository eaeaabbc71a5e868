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
    for key, metadata in finished.items():
        context.add_asset_metadata(metadata, partition_key=key)
    return dg.MaterializeResult(metadata=shared)


def record_finished(context: dg.AssetExecutionContext, finished: Mapping[str, Metadata]) -> None:
    """Says which days are done when the step as a whole is about to fail."""
    for key, metadata in finished.items():
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=key, metadata=dict(metadata)))
