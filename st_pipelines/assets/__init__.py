"""The Dagster-aware code: asset, check, schedule and sensor factories. Nothing else in the house imports Dagster."""
