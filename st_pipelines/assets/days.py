"""Runs a body for each day of a run, whatever its length. Invariant: a finished day is recorded as materialized even
when a later day fails; an unfinished one never is."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import dagster as dg

Metadata = Mapping[str, Any]


def each_day(
    context: dg.AssetExecutionContext, body: Callable[[date], Metadata], **shared: Any
) -> dg.MaterializeResult:
    """One materialization a day, with its metadata. A body that raises ends the run; the days before it count."""
    finished: dict[str, Metadata] = {}
    try:
        for key in context.partition_keys:
            finished[key] = body(date.fromisoformat(key))
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
