"""Where this installation keeps things, from the environment or ``.env``. Invariant: nothing secret is held here.

Every setting is ``ST_PIPELINES_<NAME>``. Settings of one connection (base URL, quiet period, rate …) live with the
connection in the database, see ``st-pipelines connections add``.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """``home`` holds what the other settings do not name: ledger, data and key file, each with mode 0700/0600."""

    model_config = SettingsConfigDict(env_prefix="ST_PIPELINES_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Path("var/live")
    database_url: str = ""
    mappings: Path = Path("mappings")
    data_root: str = ""
    key_file: Path | None = None
    mark_file: Path | None = Field(
        default=None, description="the ledger's high-water mark; one file for all machines that post from one ledger"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    minimum_free_mb: int = Field(default=200, ge=1, description="refuse to start below this much free disk (C5)")

    ui_url: str = Field(default="", description="where people open the Dagster UI; for the links in alerts")
    slack_channel: str = Field(default="", description="alerts to Slack; the token is ST_PIPELINES_SLACK_TOKEN")
    mail_to: str = Field(default="", description="alerts by e-mail to these addresses, separated by commas")
    mail_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    smtp_user: str = Field(default="", description="empty = no login; the password is ST_PIPELINES_SMTP_PASSWORD")
    keep_deliveries_days: int = Field(default=90, ge=1, description="webhook deliveries that were handled; then purged")
    keep_runs_days: int = Field(default=180, ge=7, description="Dagster's own history, where its clean-up is on")

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.mail_to and not (self.mail_from and self.smtp_host):
            raise ValueError("ST_PIPELINES_MAIL_TO needs ST_PIPELINES_MAIL_FROM and ST_PIPELINES_SMTP_HOST")
        if self.smtp_security == "none" and self.smtp_user:
            raise ValueError("ST_PIPELINES_SMTP_SECURITY: a password is never sent over an open connection")
        return self

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

    @cached_property
    def high_water_mark(self) -> Path:
        """How far the ledger has come, kept apart from it (L15); beside the key file unless told otherwise."""
        return self.mark_file or self.master_key_file.parent / "ledger.mark"
