"""Raw pages exactly as received, compressed. Invariant: a page is on disk before anything looks into it (X9), and its
name is the SHA-256 of the stored bytes, so the same page is kept once and a damaged one is noticed.

The digest is taken over the compressed bytes: a tenth of the work, and what is verified is what lies on the disk.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence

import pyarrow as pa
from upath import UPath

from st_pipelines.store import durable, names

_SUFFIX = ".json.zst"
_LEVEL = 1
_HEADER = 8  # bytes: length of the page before compression, big-endian
_thread = threading.local()


class DamagedPage(RuntimeError):
    """A stored page whose bytes are no longer those that were written."""


def write(folder: UPath, content: bytes) -> str:
    """Stores one page and gives its digest. Writing the same page again does nothing. The folder is to be synced before
    anything refers to the page."""
    stored = len(content).to_bytes(_HEADER, "big") + bytes(_codec().compress(content, asbytes=True))
    sha = hashlib.sha256(stored).hexdigest()
    path = folder / f"{sha}{_SUFFIX}"
    if not path.exists():
        durable.make_folder(folder)
        durable.put(path, stored, sync=False)
    return sha


def read(folder: UPath, sha: str) -> bytes:
    """One page as received. Raises ``DamagedPage`` where its digest does not fit."""
    stored = (folder / f"{names.digest(sha)}{_SUFFIX}").read_bytes()
    if hashlib.sha256(stored).hexdigest() != sha:
        raise DamagedPage(f"{folder}: page {sha} is damaged; extract its partition again")
    size = int.from_bytes(stored[:_HEADER], "big")
    return bytes(_codec().decompress(stored[_HEADER:], decompressed_size=size, asbytes=True))


def read_all(folder: UPath, wanted: Sequence[str]) -> Iterator[bytes]:
    for sha in wanted:
        yield read(folder, sha)


def is_stored(folder: UPath, sha: str) -> bool:
    return bool((folder / f"{names.digest(sha)}{_SUFFIX}").exists())


def stored(folder: UPath) -> list[str]:
    """Digests of all pages that were ever stored for a partition, also by a run that died, in no useful order."""
    if not folder.is_dir():
        return []
    return sorted(p.name.removesuffix(_SUFFIX) for p in folder.iterdir() if p.name.endswith(_SUFFIX))


def _codec() -> pa.Codec:
    # A codec keeps its compression context and must not be shared by threads.
    if not hasattr(_thread, "codec"):
        _thread.codec = pa.Codec("zstd", compression_level=_LEVEL)
    codec: pa.Codec = _thread.codec
    return codec
