"""What an onboarding check found, for a person. Invariant: what could not be told stops nothing, and is shown."""

from collections.abc import Mapping, Sequence

from rich.console import RenderableType

from st_pipelines.cli.output import table

Rows = Sequence[Mapping[str, str]]


def onboarding_screen(title: str, faults: Rows, unknown: Rows) -> tuple[RenderableType, ...]:
    """Two tables, each left out where it is empty."""
    parts = ((title, "what is missing", faults), ("Not proven, not counted as missing", "could not be told", unknown))
    return tuple(table(("integration", heading), [tuple(one.values()) for one in rows], title=said)
                 for said, heading, rows in parts if rows)  # fmt: skip
