"""What the switched-on flows need of an instance. Invariant: nothing is asked for that no flow uses, and nothing that
one uses is left out: the names are those of the profile's own ``tables`` and ``staging``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from st_pipelines.systems.servicenow.profile import Profile

# A sys_id, and the least that a column must hold which is to carry one, or our own reference.
SYS_ID_LENGTH = 32


@dataclass(frozen=True)
class Needs:
    """``reads``: entities of ``tables`` that are read, also back after a write; ``stages``: those of ``staging`` that
    are written; ``tells``: by entity, our names of columns of its records that are written to directly, where the
    tenant has them. ``currencies``: of the documents that are carried."""

    reads: Collection[str]
    stages: Collection[str] = ()
    tells: Mapping[str, Collection[str]] = field(default_factory=dict)
    currencies: Collection[str] = ()

    @property
    def entities(self) -> frozenset[str]:
        return frozenset((*self.reads, *self.stages, *self.tells))


def everything(profile: Profile) -> Needs:
    """All that a profile names, but for the tables of the road that its invoices do not take."""
    other = "outbound_" if profile.invoices.road == "primary" else "invoice"
    return Needs([name for name in profile.tables if not name.startswith(other)], list(profile.staging))
