"""Is one side of an integration ready for its flows? Invariant: nothing is changed, and what a system does not show is
told apart from what it lacks.

A target's profile that contradicts ``integration.yaml`` is told first: no client is made of it.
"""

from typing import Literal

from st_pipelines.integrations.reading import Finding
from st_pipelines.integrations.session import Session

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")


def findings(session: Session, side: Side) -> list[Finding]:
    """What was not found in order, faults first. Raises the kernel's errors where the system cannot be asked."""
    road, integration = session.road, session.integration
    if side == "source":
        found = road.source.ping(session.source, integration)
    elif contradictions := road.target.contradictions(integration):
        found = [Finding(one) for one in contradictions]
    else:
        found = road.target.ping(session.target_client, integration)
    return sorted(found, key=lambda one: not one.certain)
