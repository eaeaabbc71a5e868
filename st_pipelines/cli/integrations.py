"""``st-pipelines integrations``: what is configured, and whether it could run. Reads only."""

from pathlib import Path
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, WRONG, Answer, Usage, answering, table, text

app = typer.Typer(no_args_is_help=True, help="Integrations: one source, one target, their flows and mapping folder.")


@app.command("list")
@answering
def list_all() -> Answer:
    """List the integrations of the mappings folder."""
    known = opened.integrations()
    data = [
        {"name": one.name, "description": one.description, "source": one.source.connection,
         "target": one.target.connection, "companies": list(one.target.companies), "flows": list(one.flows),
         "time_zone": one.time_zone, "first_day": one.first_day.isoformat()}
        for one in known
    ]  # fmt: skip
    rows = [
        (one.name, f"{one.source.system} {one.source.connection}", f"{one.target.system} {one.target.connection}",
         " ".join(one.target.companies), " ".join(one.flows), one.time_zone)
        for one in known
    ]  # fmt: skip
    headings = ("name", "source", "target", "companies", "flows", "time zone")
    return Answer(data, (table(headings, rows),) if rows else (text("No integrations in the mappings folder."),))


@app.command("check")
@answering
def check(name: Annotated[str, typer.Argument(help="One integration; all of them by default.")] = "") -> Answer:
    """Check settings, flows, mapping tables and that both connections are stored. Asks no outside system."""
    from st_pipelines.integrations.registry import FILE_NAME, BrokenIntegration, load_integration

    folder = opened.settings().mappings
    files = sorted(folder.glob(f"*/{FILE_NAME}")) if folder.is_dir() else []
    chosen = [path for path in files if not name or path.parent.name == name]
    if not chosen:
        raise Usage(f"{folder}: no integration {name!r} here; set ST_PIPELINES_MAPPINGS" if name else
                    f"{folder}: no integrations here; set ST_PIPELINES_MAPPINGS")  # fmt: skip
    faults: list[dict[str, str]] = []
    for path in chosen:
        try:
            load_integration(path.parent)
        except BrokenIntegration as error:
            faults.append({"integration": path.parent.name, "fault": str(error)})
        else:
            faults += [{"integration": path.parent.name, "fault": fault} for fault in _faults(path.parent)]
    checked = [path.parent.name for path in chosen]
    data = {"checked": checked, "faults": faults, "ok": not faults}
    if faults:
        return Answer(data, (table(("integration", "fault"), [tuple(f.values()) for f in faults]),), WRONG)
    return Answer(
        data, (text(f"{', '.join(checked)}: settings, flows, mapping tables and connections are in order."),), CLEAN
    )


def _faults(folder: Path) -> list[str]:
    """Everything that can be said at once about one readable integration."""
    from st_pipelines.credentials.keyring import KeyFault
    from st_pipelines.integrations.registry import BrokenIntegration, load_integration
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.mapping.tables import MappingErrors, load_mapping

    one, faults, road = load_integration(folder), list[str](), None
    try:
        road = road_of(one)
    except BrokenIntegration as error:
        faults.append(str(error))
    if road is not None:
        try:
            load_mapping(one.folder, road.tables)
        except MappingErrors as error:
            faults += [str(fault) for fault in error.errors]
    profiles = {"source.profile": one.source.profile, "target.profile": one.target.profile}
    missing = [f"{setting}: {name} is not in {one.folder}" for setting, name in profiles.items()
               if name and not (one.folder / name).is_file()]  # fmt: skip
    faults += missing
    if road is not None and not missing:
        try:
            faults += road.target.contradictions(one)
        except ValueError as error:  # the profile itself is broken; it names file, line and setting
            faults += str(error).splitlines()
    try:
        with opened.vault() as vault:
            stored = {connection.name: connection.system for connection in vault.list()}
    except KeyFault as error:
        return [*faults, str(error)]
    for side in (one.source, one.target):
        if side.connection not in stored:
            faults.append(
                f"connection {side.connection!r} is not stored: st-pipelines connections add {side.connection}"
            )
        elif stored[side.connection] != side.system:
            faults.append(f"connection {side.connection!r} is of {stored[side.connection]}, {side.system} is needed")
    return faults
