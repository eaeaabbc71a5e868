"""Before anything is sent: do the tables and columns exist that it goes into, and do its values fit? Invariant: what an
instance would lose or cut silently is not sent; where it hides its metadata, reading back is the only proof.

An unknown column of a staging row is dropped, and a text that is too long is cut, both with HTTP 201.
"""

from collections.abc import Iterable, Mapping

from st_pipelines.posting.target import CannotRender
from st_pipelines.systems.servicenow.answers import NotProven
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.profile import Profile, Staging
from st_pipelines.systems.servicenow.proof import Proof


def landing_columns(profile: Profile, staging: Staging) -> Mapping[str, str]:
    """Our name to the column of the record that a staging row makes."""
    return {**profile.table(staging.lands_in).columns, **staging.read_back}


def require_tables(proof: Proof, profile: Profile, entities: Iterable[str]) -> None:
    """Raises ``NotProven`` that lists every table and column that is missing. Two questions for all of them."""
    wanted: dict[str, list[str]] = {}
    for staging in map(profile.into, entities):
        wanted.setdefault(staging.table, []).extend(staging.columns.values())
        table = profile.table(staging.lands_in).table
        wanted.setdefault(table, []).extend(
            path.partition(".")[0] for path in landing_columns(profile, staging).values()
        )
    try:
        known = proof.dictionary.tables(wanted)
    except MetadataHidden:
        return
    missing = [table for table, info in known.items() if info is None]
    missing += [f"{table}.{column}" for table, info in known.items() if info is not None and info.whole
                for column in dict.fromkeys(wanted[table]) if column not in info.columns]  # fmt: skip
    if missing:
        raise proof.client.fault(
            NotProven, f"it has no {', '.join(sorted(missing))}: what is sent would be lost silently", "tables",
            cure="install what is missing or correct the profile; st-pipelines connections ping names all of it",
        )  # fmt: skip


def require_room(proof: Proof, profile: Profile, staging: Staging, row: Mapping[str, str]) -> None:
    """``row``: by our names. Raises ``CannotRender`` for a text that the staging row or the record would cut."""
    landing, table = landing_columns(profile, staging), profile.table(staging.lands_in).table
    for name, text in row.items():
        places = [(staging.table, staging.columns.get(name, "")), (table, landing.get(name, ""))]
        for where, column in places:
            if column and "." not in column and 0 < (width := _width(proof, where, column)) < len(text):
                raise CannotRender(f"{name}: {text[:60]!r} has {len(text)} characters, and {where}.{column} holds "
                                   f"{width}: it would be cut silently; have the column made longer")  # fmt: skip


def _width(proof: Proof, table: str, column: str) -> int:
    try:
        info = proof.dictionary.column(table, column)
    except MetadataHidden:
        return 0
    return info.length if info is not None else 0
