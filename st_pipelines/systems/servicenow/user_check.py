"""The integration user: roles and time zone. Invariant: without knowing whose token it is, nothing is claimed."""

from collections.abc import Iterator, Mapping

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.probes import look
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.query import Columns, all_of, equals
from st_pipelines.systems.servicenow.values import stored

_USERS, _ROLES = Columns("sys_user", ["user_name"]), Columns("sys_user_has_role", ["user"])
_MOST = 1000


def checks(client: ServiceNow, profile: Profile, wanted: Mapping[str, str]) -> Iterator[Check]:
    """``wanted``: roles and what each is needed for."""
    if not client.user_name:
        yield Check("user", None, "the connection does not say whose token it is: roles and zone are not looked at",
                    "set username of the connection to the OAuth application user")  # fmt: skip
        return
    found = look(client, _USERS, all_of(equals(_USERS["user_name"], client.user_name)),
                 ["sys_id", "user_name", "time_zone", "active"], limit=2)  # fmt: skip
    users = [row for row in found.rows if stored(row.get("user_name")) == client.user_name]
    if len(users) != 1:
        yield Check("user", None, found.why or f"sys_user does not show {client.user_name!r}",
                    "give the integration user the right to read its own record, or correct username")  # fmt: skip
        return
    yield _zone(users[0], profile)
    yield from _roles(client, stored(users[0].get("sys_id")), wanted)


def _zone(user: Row, profile: Profile) -> Check:
    zone = stored(user.get("time_zone"))
    if "time_zone" not in user:
        return Check("user zone", None, "sys_user does not show time_zone", "grant reading sys_user.time_zone")
    if zone not in profile.onboarding.user_zones:
        shown = zone or "the instance's own"
        return Check("user zone", False, f"the integration user's time zone is {shown}: display values and scripts "
                     "would be in it", "set the user's time zone to GMT")  # fmt: skip
    return Check("user zone", True, zone)


def _roles(client: ServiceNow, user: str, wanted: Mapping[str, str]) -> Iterator[Check]:
    """Inherited roles are listed for the user as well."""
    if not wanted:
        return
    found = look(client, _ROLES, all_of(equals(_ROLES["user"], user)), ["user", "role.name", "state"], limit=_MOST)
    held = {stored(row.get("role.name")) for row in found.rows if stored(row.get("user")) == user}
    for role, purpose in wanted.items():
        if role in held:
            yield Check(f"role {role}", True, purpose)
        elif found.why or not held:
            yield Check(f"role {role}", None, found.why or "sys_user_has_role shows no role of the user",
                        "give the integration user the right to read sys_user_has_role")  # fmt: skip
        else:
            yield Check(f"role {role}", False, f"the integration user lacks it ({purpose})",
                        f"give the integration user the role {role}")  # fmt: skip
