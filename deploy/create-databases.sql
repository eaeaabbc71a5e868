-- Dagster's storage lives beside the ledger, never in it: each has its own migrations and its own backups.
CREATE DATABASE st_pipelines_dagster;
