"""``st-pipelines integrations``: what is configured, and whether it could run. Invariant: only reads are made."""

from pathlib import Path
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.onboarding_screen import onboarding_screen
from st_pipelines.cli.output import CLEAN, OPEN, WRONG, Answer, Usage, answering, table, text

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
def check(
    name: Annotated[str, typer.Argument(help="One integration; all of them by default.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no outside system.")] = False,
) -> Answer:
    """Check settings, flows, mapping tables, connections, then both systems: all that the flows need there.

    A system is asked once everything here is in order, and only reads are made. Exit code 2: something here is wrong;
    1: something is missing there.
    """
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
    broken, unknown = {one["integration"] for one in faults}, list[dict[str, str]]()
    asked = [] if offline else [one for one in checked if one not in broken]
    for one in asked:
        lacking, silent = _asked(one)
        faults += lacking
        unknown += silent
    data = {"checked": checked, "asked": asked, "faults": faults, "unknown": unknown, "ok": not faults}
    in_order = f"{', '.join(checked)}: settings, flows, mapping tables and connections are in order"
    there = ", and so are both systems." if asked else "; no system was asked."
    screen = (*(() if faults else (text(in_order + there),)), *onboarding_screen("", faults, unknown))
    return Answer(data, screen, WRONG if broken else OPEN if faults else CLEAN)


def _asked(name: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What both systems of one integration lack, and what they do not show. One that cannot be asked is not ready."""
    from st_pipelines.integrations.onboarding import SIDES, findings
    from st_pipelines.systems.http.errors import SystemFault

    faults: list[dict[str, str]] = []
    unknown: list[dict[str, str]] = []
    with opened.session(name) as session:
        for side in SIDES:
            try:
                found = findings(session, side)
            except SystemFault as fault:
                faults.append({"integration": name, "fault": str(fault)})
                continue
            faults += [{"integration": name, "fault": str(one)} for one in found if one.certain]
            unknown += [{"integration": name, "unknown": str(one)} for one in found if not one.certain]
    return faults, unknown


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
