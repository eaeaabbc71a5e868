"""Dependencies point one way. Read from the source by ``ast``, so that an import inside a function counts too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "st_pipelines"
SYSTEMS = sorted(
    path.name for path in (PACKAGE / "systems").iterdir() if path.is_dir() and path.name not in ("http", "__pycache__")
)

# What each room may import of the house. A room may always import itself.
MAY_IMPORT = {
    "documents": set(),
    "database": set(),
    "settings": set(),
    "mapping": {"documents"},
    "store": {"documents", "database"},
    "audit": {"documents", "database"},
    "credentials": {"documents", "database"},
    "posting": {"documents", "mapping", "database", "audit"},
    "inbox": {"documents", "database"},
    "receivers": {"inbox", "database", "credentials", "systems.http.redact"},
    "alignment": {"documents", "database", "audit", "posting"},
    "systems.http": {"documents", "database", "credentials"},
    "systems.profile_file": set(),
    "reconciliation": {"documents", "mapping", "posting", "database", "audit", "store"},
    "sandbox": {"documents.money"},
    "integrations": {"documents", "mapping", "posting", "alignment", "inbox", "database", "audit", "credentials",
                     "store", "reconciliation", "systems", "settings"},
    "assets": {"integrations", "settings", "documents", "reconciliation", "audit", "systems.http.redact"},
    "definitions": {"assets", "integrations", "settings"},
    "cli": {"settings", "integrations", "documents", "mapping", "posting", "alignment", "inbox", "receivers",
            "database", "audit", "credentials", "store", "reconciliation", "systems", "assets", "definitions",
            "sandbox"},
}  # fmt: skip
for _system in SYSTEMS:
    MAY_IMPORT[f"systems.{_system}"] = {
        "systems.http",
        "systems.profile_file",
        "documents",
        "credentials",
        "database",
        "store",
        "posting.target",
    }

MAY_IMPORT_DAGSTER = {"assets", "definitions", "cli"}


def rooms() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] == "systems" and len(parts) > 1 and parts[1] != "__init__":
            yield f"systems.{parts[1]}", path
        elif parts[0] not in ("__init__", "systems"):
            yield parts[0], path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("room", "path"), [pytest.param(room, path, id=f"{path.relative_to(PACKAGE)}") for room, path in rooms()]
)
def test_a_room_imports_only_what_lies_below_it(room: str, path: Path) -> None:
    assert room in MAY_IMPORT, f"{room} is a new room: say here what it may import, and in docs/map.md what it is for"
    allowed = {f"st_pipelines.{name}" for name in MAY_IMPORT[room] | {room}}
    for name in imports(path):
        if name == "st_pipelines" or not name.startswith("st_pipelines."):
            assert not name.split(".")[0].startswith("dagster") or room in MAY_IMPORT_DAGSTER, f"{room} imports {name}"
            continue
        if name == "st_pipelines.__version__":
            continue
        assert any(name == root or name.startswith(root + ".") for root in allowed), f"{room} imports {name}"
