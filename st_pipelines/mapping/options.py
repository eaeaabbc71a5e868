"""What mapping must be told beside the tables. Invariant: no default chooses an account or a company."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from st_pipelines.documents.money import minor_unit


@dataclass(frozen=True)
class MappingOptions:
    """``source_tag``: what every document key starts with, e.g. ``ST:1234567``; another tenant's document is an error.
    ``party_company``: the books in whose workspace customers and suppliers are made; all business units must lie in its
    domain. ``rounding_limit``: the largest rounding difference of one document, in its currency. ``bill_amount``:
    whether a bill's amount includes tax, freight and other (gross) or not (net). ``currencies``: taken beside
    ``currency``, which also stands for a blank one. ``receivable_account`` is blank where no customer is invoiced,
    ``received_account`` (goods received and not invoiced) where no bill has an order."""

    source_tag: str
    party_company: str
    receivable_account: str
    payable_account: str
    rounding_account: str
    rounding_limit: Decimal
    currency: str
    currencies: tuple[str, ...] = ()
    bill_amount: Literal["gross", "net"] = "gross"
    received_account: str = ""

    def __post_init__(self) -> None:
        other_side = () if self.received_account else ("receivable_account",)  # a road that only takes bills in
        for name in ("source_tag", "party_company", *other_side, "payable_account", "rounding_account"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must not be blank")
        if self.source_tag.endswith(":"):
            raise ValueError("source_tag is written without the colon at its end, e.g. ST:1234567")
        if not isinstance(self.rounding_limit, Decimal) or self.rounding_limit < 0:
            raise ValueError("rounding_limit must be a Decimal of at least 0")
        for currency in self.accepted_currencies:
            minor_unit(currency)

    @property
    def accepted_currencies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.currency, *self.currencies)))

    @property
    def party_domain(self) -> str:
        return self.party_company.partition("_")[0]
