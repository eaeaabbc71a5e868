"""The ledger's databases, copied from one that was migrated once."""

from st_pipelines_tests.posting.conftest import (
    engine,
    migrated_file,
    migrated_postgres,
    migrated_url,
    pytest_generate_tests,
)

__all__ = ["engine", "migrated_file", "migrated_postgres", "migrated_url", "pytest_generate_tests"]
