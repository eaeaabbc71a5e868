"""Are orders still made in the older Procurement plugin? Invariant: a warning, never a fault: what stands there is not
ours, it is only not seen by these flows.
"""

from collections.abc import Iterator

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.http.errors import Refused
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.needs import Needs
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.tables import select

ORDERS = "purchase_orders"


def checks(client: ServiceNow, profile: Profile, needs: Needs) -> Iterator[Check]:
    legacy = profile.onboarding.legacy_orders
    if ORDERS not in needs.entities or not legacy or profile.table(ORDERS).table == legacy:
        return
    try:
        answer = select(client, legacy, "", ["sys_id"], limit=1)
    except Refused:
        return  # not there, or not ours to read: nothing is claimed
    if answer.rows or answer.total:
        yield Check("legacy orders", None, f"WARNING: {legacy} holds {answer.total or 'some'} orders of the older "
                    f"Procurement plugin, and these flows see {profile.table(ORDERS).table} alone",
                    "see with the administrator whether orders are still made there")  # fmt: skip
    else:
        yield Check("legacy orders", True, f"{legacy} is empty")
