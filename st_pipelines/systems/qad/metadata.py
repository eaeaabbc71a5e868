"""A tenant's own field list against the profile. Invariant: a mapped name that the tenant does not know is named.

QAD describes an entity at ``entitymetadatas`` with PascalCase names (observed); where that is not to be had, one record
is looked at instead, and where there is none yet, nothing is claimed.
"""

from collections.abc import Iterator, Sequence

from st_pipelines.systems.http.errors import NotFound
from st_pipelines.systems.qad.answers import Record, flag, read_records
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.profile import ENTITY_OF_KIND, Entity, Metadata


def field_faults(
    client: QadClient, name: str, books: Company, sample: Sequence[Record], reference_length: int = 0, *,
    written: bool = True,
) -> Iterator[str]:  # fmt: skip
    """Unknown names, lengths over the tenant's, a field too short for external references of ``reference_length``,
    and, where the entity is ``written``, required fields that nothing fills."""
    entity, metadata = client.profile.entity(name), client.profile.metadata
    known = _described(client, entity, metadata, books, name)
    filled = entity.defaults if written else {}
    mapped = sorted({*entity.keys.values(), *entity.fields.values(), *filled, *entity.identity.values()})
    inside = [f"{array.array}.{wire}" for array in entity.nested.values() for wire in array.fields.values()]
    folded = {wire.casefold(): description for wire, description in known.items()}
    if known:
        if any("." in wire for wire in known):
            mapped = [*mapped, *inside]  # only where the tenant describes the inside of arrays at all
        yield from (f"the tenant has no field {wire}" for wire in mapped if wire.casefold() not in folded)
        yield from _lengths(entity, metadata, folded) if written else ()
        if written and name in ENTITY_OF_KIND.values() and name != "customerDomain":
            ours = {array.array for array in entity.nested.values()}
            unused = {wire.partition(".")[0] for wire in known if "." in wire} - ours
            yield from (f"the tenant requires {wire}, which neither a field nor a default fills"
                        for wire, description in known.items()
                        if _is_true(description.get(metadata.required)) and wire not in mapped
                        and wire.partition(".")[0] not in unused)  # fmt: skip
    elif sample:
        nested = {array.array for array in entity.nested.values()}
        yield from (f"the records have no {wire}" for wire in (*mapped, *sorted(nested)) if wire not in sample[0])
    yield from _too_short(entity, metadata, folded, reference_length)


def _too_short(entity: Entity, metadata: Metadata, known: dict[str, Record], needed: int) -> Iterator[str]:
    """A reference that does not fit is refused document by document; said here before anything runs."""
    wire = entity.fields.get("externalReference", "")
    theirs = known.get(wire.casefold(), {}).get(metadata.max_length)
    widths = [width for width in (entity.max_length.get(wire), theirs) if isinstance(width, int) and width > 0]
    if wire and widths and min(widths) < needed:
        yield (f"externalReference is {wire}, which holds {min(widths)} characters, and a reference has up to "
               f"{needed} (a sys_id alone has 32); map it to a longer custom field, such as customLong0")  # fmt: skip


def _lengths(entity: Entity, metadata: Metadata, known: dict[str, Record]) -> Iterator[str]:
    for wire, ours in entity.max_length.items():
        theirs = known.get(wire.casefold(), {}).get(metadata.max_length)
        if isinstance(theirs, int) and 0 < theirs < ours:
            yield f"{wire}: max_length {ours} is more than the tenant's {theirs}"


def _is_true(value: object) -> bool:
    return value is not None and flag(value, "required")


def _described(client: QadClient, entity: Entity, metadata: Metadata, books: Company, name: str) -> dict[str, Record]:
    """Wire name to description; empty where the tenant describes nothing."""
    if not metadata.path:
        return {}
    try:
        answer = client.read(
            metadata.path, books, [(metadata.uri, entity.view_uri or entity.path)], entity=f"{name} metadata"
        )
    except NotFound:
        return {}
    described: dict[str, Record] = {}
    for record in read_records(answer, _PathOf(metadata)):
        fields = record.get(metadata.fields)
        for item in fields if isinstance(fields, list) else []:
            if isinstance(item, dict) and item.get(metadata.name):
                described[_wire(str(item[metadata.name]))] = item
    return described


def _wire(name: str) -> str:
    """``PostingLines.glCode`` is the wire's ``postingLines.glCode``."""
    return ".".join(part[:1].lower() + part[1:] for part in name.split("."))


class _PathOf:
    """The metadata address in the shape that ``read_records`` wants."""

    def __init__(self, metadata: Metadata) -> None:
        self.path = metadata.path or ""
        self.array = metadata.array
        self.data_wrapper = metadata.data_wrapper
