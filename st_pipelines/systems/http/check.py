"""One look at what a connection may do, with its verdict. Invariant: what could not be looked at is no failure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """``ok``: None where it could not be proven either way. ``cure``: what an administrator must do."""

    name: str
    ok: bool | None
    detail: str = ""
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}" + (f". To do: {self.cure}" if self.cure else "")
