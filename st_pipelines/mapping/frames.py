"""What mapping gives back: mapped documents and their lines as columns. Invariant: sorted by document key and line."""

from dataclasses import dataclass

import pyarrow as pa

from st_pipelines.documents.frames import MAPPED_DOCUMENT, MAPPED_LINE


@dataclass(frozen=True)
class MappedFrames:
    """``documents``: schema ``MAPPED_DOCUMENT``, one row a document with exactly one disposition; ``lines``: schema
    ``MAPPED_LINE``, only of documents that may be posted."""

    documents: pa.Table
    lines: pa.Table

    @staticmethod
    def empty() -> "MappedFrames":
        return MappedFrames(MAPPED_DOCUMENT.empty_table(), MAPPED_LINE.empty_table())
