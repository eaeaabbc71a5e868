"""What commands open: settings, ledger, vault, integrations. Invariant: opened when a command needs it, closed after.

Heavy rooms are imported inside the functions: ``st-pipelines --help`` must not wait for them.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from st_pipelines.cli.output import Usage

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from st_pipelines.audit.high_water import HighWaterMark
    from st_pipelines.credentials.vault import Vault
    from st_pipelines.integrations.registry import Integration
    from st_pipelines.integrations.session import Session
    from st_pipelines.settings import Settings


def settings() -> "Settings":
    """Settings of the environment; sets the log level, logs go to stderr and pass the redaction."""
    from st_pipelines.settings import Settings
    from st_pipelines.systems.http import redact

    read = Settings()
    logging.basicConfig(stream=sys.stderr, level=read.log_level, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("alembic", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    redact.install()
    return read


@contextmanager
def ledger() -> Iterator["Engine"]:
    """The ledger's database, migrated."""
    from st_pipelines.database.engine import open_database
    from st_pipelines.database.migrate import upgrade

    engine = open_database(settings().ledger_url)
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def vault() -> Iterator["Vault"]:
    """The connections; refuses where the master key is missing or badly kept."""
    from st_pipelines.credentials.keyring import load_keyring
    from st_pipelines.credentials.vault import Vault

    with ledger() as engine:
        yield Vault(engine, load_keyring(os.environ, settings().master_key_file))


def mark() -> "HighWaterMark":
    """The ledger's high-water mark; refuses where the master key is missing or badly kept."""
    from st_pipelines.audit.high_water import HighWaterMark
    from st_pipelines.credentials.keyring import load_keyring

    read = settings()
    return HighWaterMark(read.high_water_mark, load_keyring(os.environ, read.master_key_file))


def say(line: str) -> None:
    """Progress, on stderr, only where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{line}\n")


def integrations() -> "list[Integration]":
    """All integrations of the mappings folder, by name."""
    from st_pipelines.integrations.registry import load_integrations

    return load_integrations(settings().mappings)


def integration(name: str) -> "Integration":
    """One by name; without a name the only one there is."""
    known = integrations()
    if not name and len(known) == 1:
        return known[0]
    for one in known:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known) or "none"
    if not known:
        raise Usage(f"there are no integrations in {settings().mappings}; set ST_PIPELINES_MAPPINGS")
    if not name:
        raise Usage(f"there are several integrations ({names}): say which with --integration")
    raise Usage(f"there is no integration {name!r}; there are: {names}")


@contextmanager
def session(name: str) -> Iterator["Session"]:
    """One integration, ready to run."""
    from st_pipelines.integrations.session import Session

    with Session(integration(name), settings()) as opened:
        yield opened
