"""A complete answer. Invariant: it exists only if every announced byte came; its JSON is exact (H2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from st_pipelines.systems.http.errors import BadAnswer, OutcomeUnknown
from st_pipelines.systems.http.exact_json import MalformedJson, decode


@dataclass(frozen=True)
class Reply:
    """``status`` 200-299 from ``HttpClient``; ``headers`` by lower-case name; ``content`` decompressed bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    connection: str = ""
    entity: str = ""
    reference: str = ""
    written: bool = False

    @property
    def content_type(self) -> str:
        """Lower case, without parameters: ``application/json``."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The content as exact JSON: integers as int, other numbers as ``Decimal``; never a float.

        Raises ``BadAnswer``, or ``OutcomeUnknown`` where this answers a write: a garbled success is not a success (L9).
        """
        try:
            return decode(self.content)
        except MalformedJson as error:
            kind = OutcomeUnknown if self.written else BadAnswer
            raise kind(
                f"answered {self.status} with something that is not usable JSON ({error})",
                connection=self.connection,
                entity=self.entity,
                reference=self.reference,
                cure="read the document back before anything else"
                if self.written
                else "run it again; if it stays, ask the vendor",
            ) from None
