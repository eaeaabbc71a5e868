"""``st-pipelines database``: the ledger's schema. Forward only."""

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import Answer, answering, text

app = typer.Typer(no_args_is_help=True, help="The database of ledger, audit trail, credentials and limits.")


@app.callback()
def _group() -> None:
    """Keeps ``database upgrade`` a group of commands."""


@app.command("upgrade")
@answering
def upgrade() -> Answer:
    """Bring the database to the schema of this version. Every command does this by itself; safe to repeat."""
    from st_pipelines.database.engine import open_database
    from st_pipelines.database.migrate import REVISIONS, upgrade

    engine = open_database(opened.settings().ledger_url)
    try:
        changed = upgrade(engine)
    finally:
        engine.dispose()
    said = f"migrated to schema {REVISIONS[-1]}" if changed else f"already at schema {REVISIONS[-1]}"
    return Answer({"changed": changed, "schema": REVISIONS[-1], "database": engine.dialect.name}, (text(said),))
