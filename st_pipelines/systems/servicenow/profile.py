"""A ServiceNow tenant's own names as values. Invariant: a profile that loads has every table and column that the flows
name; nothing is filled in by guessing.

The left side of every map is ours and fixed, the right side is the tenant's name. ``assumed`` lists the names that were
seen nowhere: the onboarding check says which of them the instance does not know. Source: reference §11.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from st_pipelines.systems.servicenow.profile_needs import missing

TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
ColumnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
Path = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}(\.[a-z][a-z0-9_]{0,79}){0,3}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class ProfileFault(ValueError):
    """The profile lacks something that the work at hand needs; the text names entity and setting."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Table(_Strict):
    """One table. ``columns``: our name to theirs, which may walk along a reference (``supplier.number``);
    ``external_id``: the column that carries our key, which should have a unique index; ``choices``: our word for a
    state to its label there, by column; ``filled``: rows must be there, so an empty answer means a missing role.

    ``amounts``: a raw currency field shows ``USD;12.50`` (``pair``); or the amount alone, in the instance's reference
    currency (``reference``: a document that names another one is refused), or in the document's own, which
    ``currency`` names (``document``)."""

    table: TableName
    columns: dict[str, Path] = Field(min_length=1)
    assumed: frozenset[str] = Field(default=frozenset(), strict=False)
    external_id: str = ""
    choices: dict[str, dict[str, str]] = {}
    amounts: Literal["pair", "reference", "document"] = "pair"
    filled: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        strange = sorted(self.assumed - self.columns.keys() - {"table"})
        if strange:
            raise ValueError(f"assumed: no column {', '.join(strange)}")
        if self.external_id and "." in self.columns.get(self.external_id, "."):
            raise ValueError(f"external_id: {self.external_id} is no column of the table itself")
        for column in self.choices:
            if "." in self.columns.get(column, "."):
                raise ValueError(f"choices: {column} is no column of the table itself")
        if self.amounts == "document" and "currency" not in self.columns:
            raise ValueError("amounts: document needs the column currency")
        doubled = sorted({path for path in self.columns.values() if list(self.columns.values()).count(path) > 1})
        if doubled:
            raise ValueError(f"columns: {', '.join(doubled)} stands for two names")
        return self

    def column(self, name: str) -> str:
        if name not in self.columns:
            raise ProfileFault(f"the profile has no column {name!r} of {self.table}")
        return self.columns[name]

    def label(self, column: str, word: str) -> str:
        """The label of a state there."""
        labels = self.choices.get(column, {})
        if word not in labels:
            raise ProfileFault(f"the profile has no label for {word!r} of {self.table} {column}")
        return labels[word]


class Staging(_Strict):
    """One staging table. ``lands_in``: the entity of ``tables`` that its transform map fills; ``key``: the columns that
    coalesce. ``insert_multiple``: whether first loads may send many rows at once (``names``: the instance takes column
    names there, which an administrator sets in sys_rest_insert_multiple). ``read_back``: columns of the record that it
    makes, beside those of ``tables``, which are compared with what was sent."""

    table: TableName
    lands_in: str
    columns: dict[str, ColumnName] = Field(min_length=1)
    assumed: frozenset[str] = Field(default=frozenset(), strict=False)
    key: tuple[str, ...] = Field(min_length=1, strict=False)
    insert_multiple: Literal["off", "names"] = "off"
    read_back: dict[str, Path] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for setting, names in (("assumed", self.assumed - {"table"}), ("key", set(self.key))):
            strange = sorted(set(names) - self.columns.keys())
            if strange:
                raise ValueError(f"{setting}: no column {', '.join(strange)}")
        return self

    def column(self, name: str) -> str:
        if name not in self.columns:
            raise ProfileFault(f"the profile has no column {name!r} of {self.table}")
        return self.columns[name]


class Invoices(_Strict):
    """``road``: ``primary`` reads approved invoices from their own table by the time of change; ``outbound`` takes the
    rows that the instance's own subflows put into the outbound staging tables. ``types``: stored values of the type;
    an invoice of another one is held."""

    road: Literal["primary", "outbound"]
    types: dict[str, Literal["invoice", "credit_memo"]] = {"Invoice": "invoice", "Credit memo": "credit_memo"}


class Needed(_Strict):
    """A module or a role. ``purpose``: said where it is missing. ``entities``: those of ``tables`` and ``staging`` that
    need it; none named = every flow does. In the file a purpose alone may stand for it."""

    purpose: str
    entities: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="before")
    @classmethod
    def _purpose_alone(cls, given: object) -> object:
        return {"purpose": given} if isinstance(given, str) else given


class Onboarding(_Strict):
    """``modules``: by scope; ``roles``: by name. ``echoes``: entity to the outbound staging table into which the
    instance's own subflows would put what was imported, as if it had been made there. ``legacy_orders``: the table of
    the older Procurement plugin; empty = not looked at."""

    modules: dict[str, Needed] = {}
    roles: dict[str, Needed] = {}
    echoes: dict[str, TableName] = {
        "purchase_orders": "sn_spend_intg_outbound_purchase_order", "receipts": "sn_spend_intg_outbound_receipt",
    }  # fmt: skip
    legacy_orders: str = Field(default="proc_po", pattern=r"^([a-z][a-z0-9_]{0,79})?$")
    user_zones: tuple[str, ...] = Field(default=("GMT", "UTC", "Etc/UTC", "Etc/GMT"), strict=False)


class Profile(_Strict):
    """The whole file; ``mappings/demo_servicenow/servicenow_profile.yaml`` is a commented one. ``currency``: the
    instance's reference currency."""

    profile_version: Literal[1]
    instance_name: str = ""
    erp_source: str = ""
    currency: Currency
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    invoices: Invoices
    tables: dict[str, Table] = Field(min_length=1)
    staging: dict[str, Staging] = {}
    onboarding: Onboarding = Onboarding()

    @field_validator("instance_name")
    @classmethod
    def _one_word(cls, name: str) -> str:
        if any(blank in name for blank in " ./:"):
            raise ValueError("is the instance's name alone, without domain or address")
        return name

    @model_validator(mode="after")
    def _complete(self) -> Self:
        faults = [fault for name, table in self.tables.items() for fault in missing(name, table)]
        faults += [f"staging.{name}.lands_in: no table named {staging.lands_in}"
                   for name, staging in self.staging.items() if staging.lands_in not in self.tables]  # fmt: skip
        faults += [f"onboarding.{part}.{name}.entities: no table or staging named {entity}"
                   for part in ("modules", "roles") for name, needed in getattr(self.onboarding, part).items()
                   for entity in needed.entities if entity not in {**self.tables, **self.staging}]  # fmt: skip
        roads = {"primary": ("invoices", "invoice_lines"), "outbound": ("outbound_invoices", "outbound_invoice_lines")}
        faults += [f"tables: {name} is missing, which invoices.road {self.invoices.road} reads"
                   for name in roads[self.invoices.road] if name not in self.tables]  # fmt: skip
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def table(self, name: str) -> Table:
        if name not in self.tables:
            raise ProfileFault(f"the profile has no table {name!r}")
        return self.tables[name]

    def into(self, name: str) -> Staging:
        if name not in self.staging:
            raise ProfileFault(f"the profile has no staging table {name!r}")
        return self.staging[name]
