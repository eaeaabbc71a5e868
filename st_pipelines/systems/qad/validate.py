"""Is this tenant as the profile says? Invariant: every fault is named with its cure before anything runs; reads only.

The order is reference/qad.md C3: sign-in, workspaces, each entity's path, array, permission, fields and lengths,
default codes, periods, accounts. A custom field's writability can only be proven by writing, so it is not tried here.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.http import errors
from st_pipelines.systems.qad import identity
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag, read_records
from st_pipelines.systems.qad.client import MissingPermission, QadClient, view
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import rows
from st_pipelines.systems.qad.metadata import field_faults
from st_pipelines.systems.qad.profile import ENTITY_OF_KIND, Entity, Profile
from st_pipelines.systems.qad.reads import own_set
from st_pipelines.systems.qad.wire_values import read_date


@dataclass(frozen=True)
class Fault:
    """``where``: entity or step; ``cure``: one sentence for the person who must act."""

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. To do: {self.cure}"


@dataclass(frozen=True)
class Needs:
    """Entities of the profile that the flows use. ``reference_length``: of the longest external reference that is
    written; 0 = none is."""

    reads: Collection[str]
    writes: Collection[str] = ()
    reference_length: int = 0


def validate(client: QadClient, needs: Needs | None = None, *, days: Sequence[date] = ()) -> list[Fault]:
    """All faults of the tenant against its profile; empty = ready. ``needs``: what is looked at; all of the profile
    where none are given. ``days``: posting dates that must lie in open periods. Sign-in and workspace faults end it,
    since everything after would only repeat them."""
    needs = needs or Needs(list(client.profile.entities), list(ENTITY_OF_KIND.values()))
    if not client.companies:
        return [Fault("companies", "none are pinned", "set target.companies in integration.yaml")]
    for name in client.companies:
        faults = list(_guarded("workspace", lambda name=name: _company(client, name)))  # type: ignore[misc]
        if faults:
            return faults
    books = company(client.companies[0])
    found: list[Fault] = []
    unreadable: set[str] = set()
    for name in _used(client.profile, needs):
        if name not in client.profile.entities:
            found.append(
                Fault(name, f"the profile has no entities.{name}", "add it to the profile, as the demo's has it")
            )
            continue
        faults = list(_guarded(name, lambda name=name: _entity(client, name, books, needs)))  # type: ignore[misc]
        if any(fault.where == name and fault.cure != _CONFIRM for fault in faults):
            unreadable.add(name)
        found += faults
    for other in map(company, client.companies[1:]):
        for name in needs.writes:
            if name in client.profile.entities and name not in unreadable:
                found += _guarded(f"{name} in {other.workspace}", partial(_allowed, client, name, other))
    lists = _Lists(client, books, unreadable)
    for name, entity in client.profile.entities.items():
        if name not in needs.writes:
            continue  # what is only read needs no code of ours
        found += _guarded(name, lambda name=name, entity=entity: _codes(lists, name, entity))  # type: ignore[misc]
    if needs.writes and "period" in client.profile.entities and "period" not in unreadable:
        for pinned in client.companies:
            found += _guarded("period", lambda pinned=pinned: _periods(client, company(pinned), days))  # type: ignore[misc]
    return found


def _used(profile: Profile, needs: Needs) -> list[str]:
    """What the flows use, and what the check itself reads: whose books these are, the lists of codes, the periods."""
    written = [profile.entities[name] for name in needs.writes if name in profile.entities]
    lists = [listed for entity in written for listed in entity.code_lists.values()]
    lists += [listed for listed in ("daybook", "glAccount", "period") if written and listed in profile.entities]
    named = [name for name in needs.writes if name in profile.entities or name not in ENTITY_OF_KIND.values()]
    return list(dict.fromkeys((profile.workspace.probe, *needs.reads, *named, *lists)))


_CONFIRM = "check path, array and fields on the tenant, then set writes_confirmed: true in the profile"


def _guarded(where: str, check: Callable[[], Iterator[Fault]]) -> Iterator[Fault]:
    """Failures of the check itself are faults too, each with the cure that its kind has."""
    try:
        yield from check()
    except (MissingPermission, errors.Forbidden) as error:
        yield Fault(where, f"no permission ({error})", "grant the API user's role access to this entity in QAD")
    except errors.NotFound as error:
        yield Fault(where, f"wrong path ({error})", "take the path from the tenant's Swagger page and correct `path`")
    except WrongCompany as error:
        yield Fault(where, str(error), "nothing may be sent until the books are the pinned ones")
    except UntrustedAnswer as error:
        yield Fault(where, str(error), "correct the profile as said")
    except errors.SystemFault as error:
        yield Fault(where, error.what, error.cure or "try again; if it stays, ask QAD's administrator")


def _company(client: QadClient, name: str) -> Iterator[Fault]:
    identity.check(client, name)
    yield from ()


def _entity(client: QadClient, name: str, books: Company, needs: Needs) -> Iterator[Fault]:
    entity, paging = client.profile.entity(name), client.profile.paging
    params = [*view(entity), (paging.page, "1"), (paging.size, "1"), (paging.action, paging.first)]
    records = read_records(client.read(entity.path, books, params, entity=name), entity, rows_member=paging.rows)
    if name in ENTITY_OF_KIND.values():
        _array(client, name, entity, books)
    written = name in needs.writes
    for what in field_faults(client, name, books, records, needs.reference_length if written else 0, written=written):
        yield Fault(f"{name} fields", what, "correct `fields`, `keys`, `defaults` or `max_length` in the profile")
    if written and not entity.may_be_written:
        yield Fault(name, "assumed and not confirmed, so nothing is written to it", _CONFIRM)


def _allowed(client: QadClient, name: str, books: Company) -> Iterator[Fault]:
    """Rights are granted by workspace: what is written to is read once in each."""
    entity, paging = client.profile.entity(name), client.profile.paging
    client.read(entity.path, books, [*view(entity), (paging.page, "1"), (paging.size, "1")], entity=name)
    yield from ()


def _array(client: QadClient, name: str, entity: Entity, books: Company) -> None:
    """Asks for one record that cannot be: the empty answer still names the array. Raises ``WrongPath``."""
    known = {"domain": books.domain, "entity": books.entity}
    if entity.shared_set:
        known["sharedSetCode"] = client.profile.workspace.shared_sets[entity.shared_set]
    params = [*view(entity), *((wire, known.get(logical, "0")) for logical, wire in entity.keys.items())]
    read_records(client.read(entity.path, books, params, entity=name), entity)


class _Lists:
    """Code lists of the tenant, each read once: code to whether it is active."""

    def __init__(self, client: QadClient, books: Company, unreadable: set[str]) -> None:
        self._client, self._books, self._unreadable = client, books, unreadable
        self._held: dict[str, dict[str, bool]] = {}

    def of(self, name: str) -> dict[str, bool] | None:
        if name in self._unreadable or name not in self._client.profile.entities:
            return None
        if name not in self._held:
            entity = self._client.profile.entity(name)
            listed = rows(self._client, name, self._books, own_set(self._client.profile, name))
            self._held[name] = {str(row.get(entity.wire("code"))): _active(row, entity) for row in listed}
        return self._held[name]


def _active(row: Record, entity: Entity) -> bool:
    return flag(row.get(entity.wire("isActive")), entity.wire("isActive")) if entity.has("isActive") else True


def _codes(lists: _Lists, name: str, entity: Entity) -> Iterator[Fault]:
    """Default codes, daybooks and control accounts exist and are active."""
    wanted = [(wire, str(entity.defaults[wire]), listed) for wire, listed in entity.code_lists.items()
              if entity.defaults.get(wire)]  # fmt: skip
    wanted += [(f"forms.{form}.daybook", names.daybook, "daybook")
               for form, names in entity.forms.items() if names.daybook]  # fmt: skip
    wanted += [(f"forms.{form}.status", names.status, entity.code_lists[entity.wire("status")])
               for form, names in entity.forms.items()
               if names.status and entity.has("status") and entity.wire("status") in entity.code_lists]  # fmt: skip
    wanted += [(setting, account, "glAccount")
               for setting in ("control_account", "received_account", "variance_account")
               if (account := getattr(entity, setting))]  # fmt: skip
    for setting, code, listed in wanted:
        codes = lists.of(listed)
        if codes is None:
            continue
        if code not in codes:
            yield Fault(
                f"{name} {setting}", f"{listed} has no code {code!r}", "create it in QAD or correct the profile"
            )
        elif not codes[code]:
            yield Fault(f"{name} {setting}", f"{listed} {code!r} is inactive", "activate it in QAD or use another one")


def _periods(client: QadClient, books: Company, days: Sequence[date]) -> Iterator[Fault]:
    entity, spans = client.profile.entity("period"), []
    for row in rows(client, "period", books):
        try:
            first, last = (read_date(row.get(entity.wire(end)), client.profile, entity.wire(end))
                           for end in ("startDate", "endDate"))  # fmt: skip
        except ValueError as error:
            raise UntrustedAnswer(f"{entity.path}: {error}") from error
        if first and last:
            spans.append((first, last, flag(row.get(entity.wire("isOpen")), entity.wire("isOpen"))))
    if not any(is_open for _, _, is_open in spans):
        yield Fault(f"period {books.workspace}", "no accounting period is open", "open the period in QAD")
    for day in sorted(set(days)):
        around = [is_open for first, last, is_open in spans if first <= day <= last]
        if not any(around):
            state = "is closed" if around else "does not exist"
            yield Fault(f"period {books.workspace}", f"the accounting period of {day} {state}",
                        "open it in QAD; posting dates are never moved")  # fmt: skip
