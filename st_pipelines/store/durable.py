"""Writes that survive a power cut, on disk or in an object store. Invariant: a name stands for whole content only.

On a disk: temporary file opened without following links, fsync, rename, fsync of the folder; files 0600, folders 0700.
An object store shows an object only when its upload is complete, so there the upload itself is the commit.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from upath import UPath

_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def local(path: UPath) -> Path | None:
    """The path on this machine's disk, or None where the store is elsewhere."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def make_folder(folder: UPath) -> None:
    """Creates a folder and what lies above it, durable, readable by nobody else. Object stores have no folders."""
    disk = local(folder)
    if disk is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    missing = []
    while not disk.is_dir():
        missing.append(disk)
        disk = disk.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


def remove_folder(folder: UPath) -> None:
    """A folder and the files in it; nothing where there is none. What a crash leaves goes the next time."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    disk = local(folder)
    if disk is not None:
        disk.rmdir()
        sync_folder(disk.parent)


def put(path: UPath, content: bytes, *, sync: bool = True) -> None:
    """Creates or replaces ``path`` with ``content``. Without ``sync`` the content is durable and its name not yet: the
    caller syncs the folder before anything refers to it."""
    disk = local(path)
    if disk is None:
        path.write_bytes(content)
        return
    temporary = temporary_beside(disk)
    try:
        with os.fdopen(open_new(temporary), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(disk)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(disk.parent)


def move_in(temporary: Path, path: UPath) -> None:
    """Moves a finished and synced local file to its place: a rename on the same disk, else an upload. The name is
    durable once the folder is synced."""
    disk = local(path)
    if disk is None:
        with temporary.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        temporary.unlink()
        return
    temporary.replace(disk)


def sync(folder: UPath) -> None:
    """Makes the names in a folder durable. Object stores need none of it."""
    disk = local(folder)
    if disk is not None:
        sync_folder(disk)


def temporary_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")


def open_new(path: Path) -> int:
    """A file descriptor of a file that did not exist, mode 0600. Raises ``FileExistsError`` also for a planted link."""
    return os.open(path, _NEW_FILE, 0o600)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
