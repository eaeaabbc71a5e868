"""A mapped document as canonical bytes, and its content hash. Invariant: the hash moves exactly when the books would.

``modified_on`` and ``label`` are left out of the hash: the source's time stamp also moves for edits that do not matter
to the books, our own write-back among them (L11).
"""

import hashlib
from datetime import UTC, datetime

import msgspec

from st_pipelines.documents.mapped import MappedDocument

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(MappedDocument)
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def content(document: MappedDocument) -> MappedDocument:
    """The document without what does not matter to the books."""
    return msgspec.structs.replace(document, modified_on=_NO_TIME, label="")


def content_sha256(document: MappedDocument) -> str:
    return hashlib.sha256(_encoder.encode(content(document))).hexdigest()


def encode(document: MappedDocument) -> bytes:
    """Canonical JSON of all of it: sorted keys, no spaces, amounts as text."""
    return _encoder.encode(document)


def decode(stored: bytes) -> MappedDocument:
    return _decoder.decode(stored)
