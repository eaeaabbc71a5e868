"""Is this instance ready for the flows? Invariant: every missing thing is named with what the administrator must do;
only reads are made; metadata that may not be read is «unknown», not a fault.

The order: sign-in (nothing else can be told without it), instance, modules, then table by table (``table_checks``),
staging tables with their transform maps, echoes, roles and zone of the user. Only what the flows need is looked at.
"""

from collections.abc import Iterator, Mapping

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.http.errors import Refused, SignInRefused, SystemFault
from st_pipelines.systems.servicenow import echo_check, legacy_check, maps_check, table_checks, user_check
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.identity import instance_check
from st_pipelines.systems.servicenow.needs import Needs, everything
from st_pipelines.systems.servicenow.probes import look
from st_pipelines.systems.servicenow.profile import Needed, Profile
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import Columns, all_of, one_of
from st_pipelines.systems.servicenow.values import stored

GRANT = "glide.oauth.inbound.client.credential.grant_type.enabled"


def faults(client: ServiceNow, profile: Profile, needs: Needs | None = None) -> list[Check]:
    """Those that are certain; an empty list means that nothing is known to be missing."""
    return [check for check in checks(client, profile, needs) if check.ok is False]


def checks(client: ServiceNow, profile: Profile, needs: Needs | None = None) -> list[Check]:
    """Everything that was looked at, good or not. Without ``needs``: all that the profile names."""
    needs = needs or everything(profile)
    signed_in = _sign_in(client)
    if signed_in.ok is not True:
        return [signed_in]
    instance = instance_check(client, profile.instance_name)
    if instance.ok is False:
        return [signed_in, instance]  # what another instance has says nothing about this one
    proof = Proof(client)
    made = [signed_in, instance, *_modules(client, profile, needs)]
    for name in dict.fromkeys((*needs.reads, *needs.tells)):
        made += table_checks.table(proof, profile, name, needs)
    for name in needs.stages:
        made += maps_check.staging(proof, profile, name)
    made += echo_check.checks(proof, profile, needs)
    made += legacy_check.checks(client, profile, needs)
    made += user_check.checks(client, profile, _wanted(needs, profile.onboarding.roles))
    return made


def _sign_in(client: ServiceNow) -> Check:
    try:
        client.read("/api/now/table/sys_user", [("sysparm_limit", "1"), ("sysparm_fields", "sys_id")], entity="sign-in")
    except SignInRefused as fault:
        return Check("sign-in", False, fault.what, f"set the system property {GRANT} to true, give the OAuth record "
                     "an application user, and check client id and secret of the connection")  # fmt: skip
    except Refused:
        return Check("sign-in", True, "the token is taken")
    except SystemFault as fault:
        return Check("sign-in", False, fault.what, fault.cure)
    return Check("sign-in", True)


def _wanted(needs: Needs, named: Mapping[str, Needed]) -> dict[str, str]:
    """Of the modules or roles that a profile names, those that the flows need, with what for."""
    return {name: one.purpose for name, one in named.items()
            if not one.entities or needs.entities.intersection(one.entities)}  # fmt: skip


def _modules(client: ServiceNow, profile: Profile, needs: Needs) -> Iterator[Check]:
    wanted = _wanted(needs, profile.onboarding.modules)
    if not wanted:
        return
    columns = Columns("sys_scope", ["scope"])
    found = look(client, columns, all_of(one_of(columns["scope"], list(wanted))), ["scope", "active", "version"])
    there = {stored(row.get("scope")): stored(row.get("active")) for row in found.rows}
    for scope, purpose in wanted.items():
        if scope not in there and (found.why or not there):
            why = found.why or "sys_scope shows none of the applications"
            yield Check(f"module {scope}", None, why, "give the integration user the right to read sys_scope")
        elif scope not in there:
            yield Check(f"module {scope}", False, f"not installed ({purpose})", f"license and install {scope}")
        elif there[scope] == "false":
            yield Check(f"module {scope}", False, f"installed and not active ({purpose})", f"activate {scope}")
        else:
            yield Check(f"module {scope}", True, purpose)
