"""``st-pipelines mappings``: the tables that people edit. Reads only; a fault names file, line and column."""

from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, WRONG, Answer, answering, table, text

app = typer.Typer(
    no_args_is_help=True, help="Mapping tables: business units, accounts, payment types, tax zones, terms."
)

Integration = Annotated[str, typer.Argument(help="Integration; not needed where there is only one.")]


@app.command("check")
@answering
def check(name: Integration = "") -> Answer:
    """Check the tables by themselves: overlaps, gaps, doubles, wrong values. Asks no outside system."""
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.mapping.tables import MappingErrors, load_mapping

    integration = opened.integration(name)
    try:
        mapping = load_mapping(integration.folder, road_of(integration).tables)
    except MappingErrors as error:
        faults = [str(fault) for fault in error.errors]
        data = {"integration": integration.name, "ok": False, "faults": faults}
        return Answer(data, (table(("fault",), [(fault,) for fault in faults]),), WRONG)
    rows = {table.file: len(table.rows) for table in mapping.tables.values()}
    data = {"integration": integration.name, "ok": True, "faults": [], "version": mapping.version, "rows": rows}
    said = text(f"{integration.name}: {sum(rows.values())} rows in {len(rows)} tables are in order, version "
                f"{mapping.version[:12]}.")  # fmt: skip
    return Answer(data, (said,), CLEAN)


@app.command("coverage")
@answering
def coverage(name: Integration = "") -> Answer:
    """Hold the tables against the reference data last read from source and target: what is missing, what is retired."""
    with opened.session(opened.integration(name).name) as session:
        cover = session.road.coverage
        findings = [str(one) for one in cover(session.mapping, session.reference)] if cover else []
    data = {"integration": session.integration.name, "ok": not findings, "findings": findings}
    if findings:
        return Answer(data, (table(("finding",), [(finding,) for finding in findings]),), OPEN)
    return Answer(data, (text(f"{session.integration.name}: every mapped code exists in the target and is active."),))
