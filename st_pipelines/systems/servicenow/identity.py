"""Which instance answers. Invariant: nothing is taken from or sent to one that says another name than the profile
does, or that cannot be told from another one.

An instance says its name in the property ``instance_name``. Where its rights hide that property, the address of an
instance of ServiceNow's own (``<name>.service-now.com``) says it as well; an address of any other form proves nothing.
"""

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.probes import look
from st_pipelines.systems.servicenow.query import Columns, all_of, equals
from st_pipelines.systems.servicenow.values import stored

PROPERTY = "instance_name"
_DOMAIN = ".service-now.com"
_PROPERTIES = Columns("sys_properties", ["name"])


def instance_check(client: ServiceNow, wanted: str) -> Check:
    """Whether the instance is the one of this name; ``ok`` is None where it does not say its name."""
    if not wanted:
        return Check("instance", None, "the profile names no instance_name, so another one behind the address would "
                     "not show", "set instance_name in the profile")  # fmt: skip
    found = look(client, _PROPERTIES, all_of(equals(_PROPERTIES["name"], PROPERTY)), ["name", "value"], limit=2)
    names = [stored(row.get("value")) for row in found.rows if stored(row.get("name")) == PROPERTY]
    if not names:
        silent = found.why or f"sys_properties does not show {PROPERTY}"
        said = (
            "" if _address_says(client, wanted) else ", and its address does not say it: nothing is sent until it does"
        )
        return Check("instance", None, silent + said, "give the integration user the right to read sys_properties")
    if names != [wanted]:
        return Check("instance", False, f"behind the address is {names[0]!r}, the profile is for {wanted!r}",
                     "correct base_url of the connection, or the profile")  # fmt: skip
    return Check("instance", True, wanted)


def require_instance(client: ServiceNow, wanted: str) -> None:
    """Raises ``WrongCompany`` where another instance answers, or one that cannot be told from another."""
    check = instance_check(client, wanted)
    if check.ok is False or (check.ok is None and not _address_says(client, wanted)):
        raise WrongCompany(f"{check.detail}. To do: {check.cure}")


def _address_says(client: ServiceNow, wanted: str) -> bool:
    return bool(wanted) and client.host == wanted + _DOMAIN
