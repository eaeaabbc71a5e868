"""Integrations: one source, one target, their flows and mapping folder. Everything a run does, without Dagster."""
