"""How systems keep what both sides know: parties and codes. Invariant: reading gives the whole list, or raises."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from st_pipelines.documents.codes import CodeRecord
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations.registry import Integration
from st_pipelines.posting.target import Target

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class PartySide:
    """How a system's customers and vendors are compared. ``read``: all of a role; ``get``: some by reference, as they
    are now; ``target_id`` and ``reference``: from a reference to the ledger's id of the record, and back."""

    read: Callable[[Any, str], Iterable[PartyRecord]]
    get: Callable[[Any, str, Collection[str]], Mapping[str, PartyRecord]]
    target_id: Callable[[str], str]
    reference: Callable[[Any, str, str], str]  # (client, role, id)


@dataclass(frozen=True)
class PartyReturn:
    """How a source takes parties that only the target has. ``kinds``: role to the kind that its target knows;
    ``changeable``: by role, the fields that it lets others change."""

    as_target: Callable[[Any], Target]
    kinds: Mapping[str, str]
    changeable: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class CodeSide:
    """How a system's lists of codes are read and written. ``read``: (client, kind) -> the whole list as it is now;
    ``key``: the ledger's key of a code that is known by this system; ``lists``: those it has, by their names in
    integration.yaml; ``takes``: those that others may write to."""

    read: Callable[[Any, str], Sequence[CodeRecord]]
    key: Callable[[Integration, str, str], str]
    as_target: Callable[[Any], Target]
    lists: Collection[str]
    takes: Collection[str]
