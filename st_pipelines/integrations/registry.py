"""Reads ``mappings/<integration>/integration.yaml``. Invariant: an unknown or missing setting is refused by name.

The folder's name is the integration's name. Connections are named, never described, here: no secret can be in git.
What only some systems have is optional in the classes below; which of it a road reads and needs is said in its own
files (``road.Road``) and held against the file by ``roads.faults``.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

FILE_NAME = "integration.yaml"

Value = TypeVar("Value")


class BrokenIntegration(ValueError):
    """An ``integration.yaml`` that cannot be used; the text names file and field."""


def _exact_decimal(value: object) -> Decimal:
    # YAML reads 0.05 as a binary float; amounts must be quoted so that no float comes near money.
    if not isinstance(value, str):
        raise ValueError('write the amount in quotes, e.g. "0.05"')
    from st_pipelines.documents.money import parse_amount

    return parse_amount(value)


Amount = Annotated[Decimal, BeforeValidator(_exact_decimal)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Pinned by ``tenant`` or by ``companies``, as its system wants it."""

    system: str
    connection: str
    tenant: str = Field(default="", description="company pin: the tenant id that the connection must answer for")
    profile: str = Field(default="", description="the source's per-tenant profile, a file under the mappings folder")
    companies: tuple[str, ...] = Field(default=(), description="company pins: every set of books that is read")

    @property
    def company(self) -> str:
        """The pin under which the source itself takes documents, where it takes any."""
        return self.tenant or self.companies[0]


class TargetSystem(_Strict):
    system: str
    connection: str
    profile: str = Field(default="", description="the target's per-tenant profile, a file under the mappings folder")
    companies: tuple[str, ...] = Field(min_length=1, description="company pins: every set of books written to")
    document_link: str = Field(
        default="", pattern=r"^(https://([^\s{}]|\{(number|company|external_ref|target_id|kind)\})+)?$",
        description="page of a document in the target, with {number}, {company}, {external_ref}, {target_id}, {kind}",
    )  # fmt: skip


class Rounding(_Strict):
    account: str
    limit: Amount = Field(ge=0)


class ControlAccounts(_Strict):
    """``received``: goods received and not invoiced, which an invoice with an order takes back."""

    receivable: str = ""
    payable: str = ""
    received: str = ""


class RunLimits(_Strict):
    """Above these a run's documents are held for a person (reliability M5)."""

    documents: int = Field(gt=0)
    amount: Amount = Field(gt=0)


class Options(_Strict):
    """``run_limits`` and ``currency`` are every road's. The others are read by some roads only: one that a road does
    not read is refused where it is set, one that it needs is refused where it is missing."""

    currency: Currency
    currencies: tuple[Currency, ...] = Field(default=(), description="taken beside `currency`; others are held")
    eligible_statuses: tuple[str, ...] = ("Posted", "Exported")
    control_accounts: ControlAccounts | None = None
    rounding: Rounding | None = None
    bill_amount: Literal["gross", "net"] = "gross"
    run_limits: RunLimits
    longest_wait_hours: int = Field(
        default=168, ge=0, description="a document that waits longer for another one counts as a problem"
    )
    overlap_minutes: int = Field(default=10, ge=0)
    settle_minutes: int = Field(default=2, ge=0)
    second_witness: Literal["journal_entries", "none"] = Field(
        default="none", description="whether a month is also compared with the source's own journal"
    )
    mark_exported: bool = Field(
        default=False, description="whether the source is told of each document that stands in the books"
    )
    tell_holds: bool = Field(
        default=False, description="whether the source is told why a document waits, is held or was refused"
    )
    journal_sync: bool = Field(
        default=False, description="whether the source's journal entries are told what stands in the books"
    )
    witness_accounts: dict[str, str] = Field(
        default_factory=dict, description="account numbers of the source's journal that the target numbers otherwise"
    )

    @property
    def own_accounts(self) -> tuple[str, ...]:
        """Accounts that lines get from here and not from a mapping table."""
        control = self.control_accounts
        of_control = (control.receivable, control.payable, control.received) if control else ()
        return (*filter(None, of_control), *self.rounding_accounts)

    @property
    def rounding_accounts(self) -> tuple[str, ...]:
        return (self.rounding.account,) if self.rounding else ()


class Events(_Strict):
    """Webhooks of the source connection. They only make things faster: the schedules alone lead to the same books."""

    names: dict[str, str] = Field(
        default_factory=dict, description="a company's own event names -> entity to read again; empty = not wanted"
    )
    every_s: int = Field(default=5, ge=1, description="how often the sensor looks into the inbox")
    linger_s: float = Field(
        default=20.0, ge=0, le=300, description="how long a run waits for the next event before it ends"
    )
    at_once: int = Field(default=500, ge=1, le=5000, description="deliveries that one round takes together")
    absent_after: int = Field(
        default=3, ge=1, description="how often a record is looked for that its source does not show"
    )


class PartyRules(_Strict):
    """``create``: whether a party that only the source has is made in the target; ``create_in_source``: whether one
    that only the target has is made in the source. ``fields``: who has the say of each
    field where both systems have the party; the source, where nothing is said."""

    create: bool = True
    create_in_source: bool = False
    fields: dict[Literal["name", "address", "email", "phone", "terms", "tax", "active"],
                 Literal["source", "target", "last_change"]] = Field(default_factory=dict)  # fmt: skip


class Parties(_Strict):
    """Parties are matched with those that the target has already, before any is made there."""

    both_ways: bool = Field(default=False, description="whether what the target has or changed goes to the source")
    customer: PartyRules = PartyRules()
    vendor: PartyRules = PartyRules()

    def of(self, role: str) -> PartyRules:
        return self.customer if role == "customer" else self.vendor


class CodeRules(_Strict):
    """``fields``: who has the say of each field where both systems have the code; the source, where nothing is said.
    ``create_in_source``: whether a code that only the target has is made in the source. ``apart``: codes that are what
    they are, however much they look like another one. ``retired``: what becomes of an order line that names a retired
    code: it is held, or it is sent all the same."""

    create_in_source: bool = False
    fields: dict[Literal["name", "active"], Literal["source", "target"]] = Field(default_factory=dict)
    apart: tuple[str, ...] = ()
    retired: Literal["hold", "send"] = "hold"


class FlowGroup(_Strict):
    """Flows that run more often than the others, with all that they read. One that is switched off is left out."""

    flows: tuple[str, ...] = Field(min_length=1)
    cron: str = Field(min_length=9)


# What else runs under an integration's name: no group of flows can be called so.
RUNS = ("daily", "day_in_progress", "sealing", "reference", "period", "events", "parties", "codes", "recovery")


class Schedules(_Strict):
    """Cron expressions in the integration's time zone; empty = no such schedule. ``groups``: by name, flows with a
    schedule of their own for the day in progress."""

    day_in_progress: str = "*/30 6-20 * * *"
    sealing: str = "30 0 * * *"
    reference: str = "0 5 * * *"
    period: str = "0 6 * * *"
    parties: str = "45 6-20 * * *"
    codes: str = "50 * * * *"
    groups: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,30}$")], FlowGroup] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if taken := sorted(set(self.groups) & set(RUNS)):
            raise ValueError(f"groups: {', '.join(taken)} runs under this name already")
        return self


class IntegrationFile(_Strict):
    """The whole file. ``first_day`` is the first daily partition, a business day of ``time_zone``."""

    description: str
    owner: str = Field(pattern=r"^(team:[a-z0-9_-]+|[^@\s]+@[^@\s]+\.[a-z]{2,})$")
    source: Source
    target: TargetSystem
    time_zone: str
    first_day: date
    last_day: date | None = None
    flows: tuple[str, ...] = Field(min_length=1)
    options: Options
    schedules: Schedules = Schedules()
    events: Events = Events()
    parties: Parties | None = Field(default=None, description="absent: every party of the source is made in the target")
    codes: dict[Literal["legal_entities", "payment_terms", "cost_centers", "gl_accounts"], CodeRules] = Field(
        default_factory=dict, description="lists of codes that both systems keep, and who has the say of them"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"time_zone: unknown zone {self.time_zone!r}") from error
        if self.options.journal_sync and self.options.second_witness != "journal_entries":
            raise ValueError("options.journal_sync needs options.second_witness: journal_entries")
        if self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day lies before first_day")
        return self


class Integration(IntegrationFile):
    """An integration with its name and the folder its mapping tables lie in."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,40}$")
    folder: Path

    @property
    def link_book(self) -> str:
        """The book of links that both directions of this integration read and write."""
        return self.name

    @property
    def back(self) -> str:
        """Under what name the ledger keeps what goes the other way: parties of the target that the source takes. No
        integration can be called so."""
        return f"{self.name}.back"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def needed(value: Value | None, name: str) -> Value:
    """A setting that a road needs. Loading has refused an integration without it; this says so to the type checker."""
    if value is None:
        raise BrokenIntegration(f"{name} is missing in {FILE_NAME}")
    return value


def load_integration(folder: Path) -> Integration:
    """Reads one folder. Raises ``BrokenIntegration`` that lists every wrong field."""
    from st_pipelines.integrations.roads import faults  # the roads are written in terms of this file

    path = folder / FILE_NAME
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrokenIntegration(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BrokenIntegration(f"{path}: expected a mapping of settings")
    try:
        integration = Integration(**content, name=folder.name, folder=folder.resolve())
    except (ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            raise BrokenIntegration(f"{path}: {error}") from error
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise BrokenIntegration(f"{path}: {wrong}") from error
    if found := [*_profiles_outside(integration), *faults(integration)]:
        raise BrokenIntegration(f"{path}: {'; '.join(found)}")
    return integration


def _profiles_outside(integration: Integration) -> list[str]:
    """Two integrations of one tenant may share its profile (``../other/profile.yaml``); nothing else is read."""
    inside = integration.folder.parent
    named = {"source.profile": integration.source.profile, "target.profile": integration.target.profile}
    return [f"{setting}: {profile} lies outside the mappings folder {inside}" for setting, profile in named.items()
            if not (integration.folder / profile).resolve().is_relative_to(inside)]  # fmt: skip


def load_integrations(mappings: Path) -> list[Integration]:
    """Every integration under the mappings folder, by name. An unreadable one is an error, never skipped."""
    if not mappings.is_dir():
        raise BrokenIntegration(f"the mappings folder {mappings} does not exist; set ST_PIPELINES_MAPPINGS")
    return [load_integration(path.parent) for path in sorted(mappings.glob(f"*/{FILE_NAME}"))]
