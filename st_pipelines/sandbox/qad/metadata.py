"""What this QAD says of itself: its workspaces and its entities' fields. Invariant: it names what it really checks.

The paths are observed; the members of the answers are assumed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.qad.served import Field, Served, ServedEntity
from st_pipelines.sandbox.qad.wire import GatewayError

Record = dict[str, Any]


def listed_workspaces(books: Books) -> Record:
    return {"data": {"workspaces": books.all("workspaces")}}


def described_entities(served: Served, uri: str) -> Record:
    """One entity by its viewUri, or by its path or array where it has none. Field names are PascalCase, as observed."""
    for entity in served.entities.values():
        if uri and uri in (entity.view_uri, entity.path, entity.array):
            names = served.metadata
            fields = [
                {
                    names.name: name[:1].upper() + name[1:],
                    names.type: field.type,
                    names.max_length: field.length,
                    names.required: field.required,
                }
                for name, field in _wire_fields(entity)
            ]
            return {"data": {names.array: [{"entityURI": uri, "entityName": entity.array, names.fields: fields}]}}
    raise GatewayError(404, f"Entity not found: {uri[:100]}")


def _wire_fields(entity: ServedEntity) -> Iterator[tuple[str, Field]]:
    """Top-level fields, then those of nested arrays with the array in front."""
    yield from _of(entity, entity.fields)
    for array, fields in entity.nested.items():
        yield from ((f"{entity.wire(array)}.{name}", field) for name, field in _of(entity, fields))


def _of(entity: ServedEntity, fields: Mapping[str, Field]) -> Iterator[tuple[str, Field]]:
    return ((entity.wire(name), field) for name, field in fields.items())
