"""One party as a system holds it, in a form that can be compared. Invariant: it is named by that system's stable id;
names, addresses and numbers describe it and never name it.
"""

from dataclasses import dataclass

from st_pipelines.documents.parties import Address


@dataclass(frozen=True, slots=True)
class PartyRecord:
    """``role``: customer or vendor. ``id``: the system's own stable id. ``reference``: how other systems name it
    (``ST:1234567:customer:42``). ``external_ids``: references of other systems that it carries. ``modified``: text as
    received, for people only. ``parts``: what the record leans on, e.g. the id of its business relation."""

    system: str
    role: str
    id: str
    reference: str
    name: str
    address: Address
    tax_id: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    is_active: bool = True
    external_ids: tuple[str, ...] = ()
    modified: str = ""
    terms: str = ""
    tax: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    def part(self, name: str) -> str:
        """The id of what it leans on; empty where there is none."""
        return dict(self.parts).get(name, "")
