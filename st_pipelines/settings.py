"""Where this installation keeps things, from the environment or ``.env``. Invariant: nothing secret is held here.

Every setting is ``ST_PIPELINES_<NAME>``. Settings of one connection (base URL, quiet period, rate …) live with the
connection in the database, see ``st-pipelines connections add``.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """``home`` holds what the other settings do not name: ledger, data and key file, each with mode 0700/0600."""

    model_config = SettingsConfigDict(env_prefix="ST_PIPELINES_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Path("var/live")
    database_url: str = ""
    mappings: Path = Path("mappings")
    data_root: str = ""
    key_file: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    minimum_free_mb: int = Field(default=200, ge=1, description="refuse to start below this much free disk (C5)")

    @cached_property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger; SQLite under ``home`` unless told otherwise."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    @cached_property
    def data_url(self) -> str:
        """Root of raw pages, typed tables and reports: a folder or any fsspec URL."""
        return self.data_root or str(self.home.resolve() / "data")

    @cached_property
    def master_key_file(self) -> Path:
        """The key file, used where ``ST_PIPELINES_KEY`` is not set."""
        return self.key_file or self.home.resolve() / "keys" / "master.key"
