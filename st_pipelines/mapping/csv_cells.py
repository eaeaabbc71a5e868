"""CSV text to cells that know where they stand. Invariant: a cell is taken as written or refused, never mended.

The standard ``csv`` module forgets the position within a line; an accountant with a broken file needs it. RFC 4180
quoting; a cell may not span lines.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|\Z)')
_MAX_BYTES = 20_000_000


@dataclass(frozen=True, order=True)
class MappingError:
    """One fault. ``column`` is the 1-based character position of the cell; ``field`` the column's name, where known."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.field + ': ' if self.field else ''}{self.message}"


@dataclass(frozen=True)
class Cell:
    text: str
    column: int


@dataclass(frozen=True)
class Record:
    line: int
    cells: tuple[Cell, ...]


def read_records(path: Path, faults: list[MappingError]) -> list[Record]:
    """All lines of a file as cells; faults go to ``faults``, a faulty line is left out. A byte-order mark is taken
    (spreadsheets write one); any encoding but UTF-8 is refused with the place of the first wrong byte."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        faults.append(MappingError(path.name, 1, 1, "", "the file is missing; an empty table is a header line"))
        return []
    except OSError as error:
        faults.append(MappingError(path.name, 1, 1, "", f"cannot be read: {error.strerror}"))
        return []
    if len(content) > _MAX_BYTES:
        faults.append(MappingError(path.name, 1, 1, "", f"larger than {_MAX_BYTES} bytes; this is not a mapping table"))
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(_wrong_encoding(path.name, content, error))
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    found = (_record(path.name, number, line.removesuffix("\r"), faults) for number, line in enumerate(lines, start=1))
    return [record for record in found if record is not None]


def _wrong_encoding(file: str, content: bytes, error: UnicodeDecodeError) -> MappingError:
    start = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)  # utf-8-sig counts after the mark
    before = content[:start]
    if b"\0" in content[:200]:
        return MappingError(file, 1, 1, "", "not UTF-8 (it looks like UTF-16); save the file as «CSV UTF-8»")
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode("utf-8", "replace").removeprefix("\ufeff")) + 1
    message = f"byte 0x{content[start]:02x} is not UTF-8; save the file as «CSV UTF-8»"
    return MappingError(file, before.count(b"\n") + 1, column, "", message)


def _record(file: str, number: int, line: str, faults: list[MappingError]) -> Record | None:
    if line == "":
        faults.append(MappingError(file, number, 1, "", "an empty line; delete it"))
        return None
    cells: list[Cell] = []
    position = 0
    while True:
        match = _CELL.match(line, position)
        if match is None:
            message = "a broken quotation; quote the whole cell and double the quotes inside it, on one line"
            faults.append(MappingError(file, number, position + 1, "", message))
            return None
        quoted, plain, end = match.groups()
        cells.append(Cell(plain if quoted is None else quoted.replace('""', '"'), position + 1))
        position = match.end()
        if end == "":
            return Record(number, tuple(cells))


def text_faults(text: str) -> Iterator[str]:
    """Why a cell's text is refused whatever its column: hidden characters and stray spaces make two equal-looking ids
    different, so they are errors here and never trimmed away (H8)."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            yield f"holds the invisible character U+{ord(character):04X}; type the cell again"
            break
    if text != text.strip():
        yield f"has spaces around {text.strip()!r}; remove them"
