"""Reads a tenant's profile from YAML, for any system. Invariant: every fault is named with its line; a doubled key is
a fault.

Plain ``yaml.safe_load`` keeps the last of two equal keys and forgets the lines; here the node tree is walked instead.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import SafeConstructor

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
_MAX_BYTES = 1_000_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, in C where it was built


class BrokenProfile(ValueError):
    """A profile that cannot be used; ``faults`` has one ``file:line: setting: what is wrong`` each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load(path: Path, model: type[Model]) -> Model:
    """Raises ``BrokenProfile`` that lists every fault; nothing is defaulted silently."""
    try:
        content = path.read_bytes()
        if len(content) > _MAX_BYTES:
            raise BrokenProfile([f"{path}: larger than {_MAX_BYTES} bytes; this is not a profile"])
        root = yaml.compose(content.decode("utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrokenProfile([f"{path}: cannot be read: {error}"]) from error
    lines: dict[Place, int] = {}
    faults: list[str] = []
    plain = _plain(root, (), lines, faults, path, SafeConstructor())
    if not isinstance(plain, dict):
        raise BrokenProfile([f"{path}:1: expected settings, found {type(plain).__name__}"])
    try:
        profile = model.model_validate(plain)
    except ValidationError as error:
        for fault in error.errors():
            place = tuple(fault["loc"])
            setting = ".".join(map(str, place))
            for message in fault["msg"].removeprefix("Value error, ").split("; "):
                named, _, _ = message.partition(":")
                line = _line_of(place or tuple(named.split(".")), lines)
                faults.append(f"{path}:{line}: {setting + ': ' if setting else ''}{message}")
    if faults:
        raise BrokenProfile(faults)
    return profile


def _line_of(place: Place, lines: dict[Place, int]) -> int:
    """The line of the nearest setting around a place; a missing setting is reported where it should stand."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _plain(node: yaml.Node | None, place: Place, lines: dict[Place, int], faults: list[str], path: Path,
           scalars: SafeConstructor) -> Any:  # fmt: skip
    if node is None:
        return None
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = scalars.construct_object(key_node, deep=True)
            lines[(*place, str(key))] = key_node.start_mark.line + 1
            if key in result:
                faults.append(f"{path}:{key_node.start_mark.line + 1}: {key} is written twice")
            result[key] = _plain(value_node, (*place, str(key)), lines, faults, path, scalars)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), lines, faults, path, scalars) for index, item in enumerate(node.value)]
    return scalars.construct_object(node)
