"""A QAD tenant's own names as values. Invariant: a profile that loads is complete; nothing is filled in by guessing.

The left side of every map is ours and fixed, the right side is the tenant's wire name. Source: reference/qad.md C3.
``load_profile`` in ``profile_file.py`` reads the YAML and names the line of each fault.
"""

import string
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from st_pipelines.systems.qad.profile_needs import missing

ENTITY_OF_KIND = {
    "business_relation": "businessRelation",
    "linked_relation": "businessRelation",
    "customer": "customer",
    "customer_domain": "customerDomain",
    "supplier": "supplier",
    "customer_invoice": "customerInvoice",
    "customer_payment": "customerPayment",
    "supplier_invoice": "supplierInvoice",
}
CODE_ENTITY_OF_KIND = {"cost_center": "costCentre", "gl_account": "glAccount", "payment_term": "creditTerms"}

Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.\-]*$")]
WireName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")]
WireNames = dict[str, WireName]
Scalar = str | bool | int


class ProfileFault(ValueError):
    """The profile lacks something that the work at hand needs; the text names entity and setting."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Auth(_Strict):
    """``token_life_s`` is used where the answer names no life. A token that rested too long shows as a 401, and one new
    sign-in follows."""

    mode: Literal["password", "basic"] = "password"
    token_path: Path = "/oauth/token"
    params_in: Literal["form"] = "form"
    token_life_s: int = Field(default=1800, gt=0)


class WorkspaceList(_Strict):
    path: Path
    data_wrapper: str | None = "data"
    array: str
    id: WireName
    domain: WireName
    entity: WireName
    title: WireName | None = None


class Workspace(_Strict):
    """``probe`` names the entity whose record shows in whose books the answers are."""

    header: str = Field(pattern=r"^[A-Za-z0-9\-]+$")
    list: WorkspaceList
    probe: str
    shared_sets: dict[str, str] = {}


class Paging(_Strict):
    page: str
    size: str
    action: str
    first: str
    next: str
    page_size: int = Field(gt=1, le=10_000)
    rows: str
    more: str
    filter: str
    browse_path: Path
    browse_id: str


class Metadata(_Strict):
    path: Path | None = None
    uri: str = "entityURI"
    data_wrapper: str | None = "data"
    array: str = "entityMetadatas"
    fields: str = "fields"
    name: str = "fieldName"
    max_length: str = "maxLength"
    required: str = "isRequired"


class Dates(_Strict):
    wire: str
    server_zone: str

    @field_validator("server_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {zone!r}") from error
        return zone


class Errors(_Strict):
    """How this tenant words what matters for the next step. Texts are compared without regard to case."""

    duplicate_text: tuple[str, ...] = ()
    stale_codes: tuple[str, ...] = ()
    stale_text: tuple[str, ...] = ()
    retry_text: tuple[str, ...] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Limits(_Strict):
    page_rows_for_find: int = Field(default=200, gt=1, le=10_000)
    max_concurrency: int = Field(default=8, gt=0, le=64)


class Form(_Strict):
    """One kind of document in the tenant's own words; what is empty is not sent. ``matched_invoice`` of a supplier
    invoice: one that takes received goods."""

    type: str = ""
    daybook: str = ""
    status: str = ""


class Nested(_Strict):
    array: str
    fields: WireNames


class Entity(_Strict):
    """One business component. ``code_format``: how we number it where we must (``{role}`` C or V, ``{id}``);
    ``code_lists``: wire name of a code to the entity that lists the valid ones.

    Of a supplier invoice that takes received goods: ``received_account``: goods received and not invoiced, which QAD
    itself clears where it matches; ``variance_account``: where it then posts the difference between the invoice's price
    and the receipt's cost; ``quantity_tolerance``: pieces that it lets an invoice take beyond what was received."""

    status: Literal["observed", "assumed"]
    writes_confirmed: bool = False
    path: Path
    array: str
    data_wrapper: str | None = None
    view_uri: str | None = None
    browse_id: str | None = None
    keys: WireNames = Field(min_length=1)
    fields: WireNames
    identity: dict[Literal["domain", "entity"], WireName] = {}
    shared_set: str | None = None
    code_format: str | None = None
    nested: dict[str, Nested] = {}
    control_account: str | None = None
    received_account: str | None = None
    variance_account: str | None = None
    quantity_tolerance: str = Field(default="0", pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")
    forms: dict[str, Form] = {}
    defaults: dict[str, Scalar] = {}
    code_lists: dict[str, str] = {}
    max_length: dict[str, int] = {}
    truncate: frozenset[str] = Field(default=frozenset(), strict=False)

    @field_validator("code_format")
    @classmethod
    def _says_id(cls, code_format: str | None) -> str | None:
        if code_format is not None:
            names = {name for _, name, _, _ in string.Formatter().parse(code_format) if name}
            if names != {"role", "id"}:
                raise ValueError("must contain {role} and {id}, so that two records never share a code")
        return code_format

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        used = [*self.keys.values(), *self.fields.values()]
        doubled = sorted({name for name in used if used.count(name) > 1})
        if doubled:
            raise ValueError(f"two logical names share the wire name {', '.join(doubled)}")
        if "externalReference" in self.fields and self.fields["externalReference"] in self.truncate:
            raise ValueError("the external reference must never be truncated")
        undeclared = sorted(self.truncate - set(self.max_length))
        if undeclared:
            raise ValueError(f"truncate without max_length: {', '.join(undeclared)}")
        return self

    def wire(self, logical: str) -> str:
        """The wire name of a key or field; raises ``ProfileFault`` where the profile has none."""
        name = self.fields.get(logical) or self.keys.get(logical)
        if name is None:
            raise ProfileFault(f"the profile has no wire name for {logical!r} at {self.path}")
        return name

    def has(self, logical: str) -> bool:
        return logical in self.fields or logical in self.keys

    @property
    def may_be_written(self) -> bool:
        return self.status == "observed" or self.writes_confirmed


class Profile(_Strict):
    """The whole file; see ``mappings/demo_qad/qad_profile.yaml`` for a commented one."""

    profile_version: Literal[1]
    auth: Auth = Auth()
    workspace: Workspace
    paging: Paging
    metadata: Metadata = Metadata()
    concurrency: Literal["hash"] = "hash"
    dates: Dates
    charset: str = "utf-8"
    errors: Errors = Errors()
    limits: Limits = Limits()
    entities: dict[str, Entity] = Field(min_length=1)

    @field_validator("charset")
    @classmethod
    def _known_charset(cls, charset: str) -> str:
        try:
            "x".encode(charset)
        except LookupError as error:
            raise ValueError(f"unknown character set {charset!r}") from error
        return charset

    @model_validator(mode="after")
    def _complete(self) -> Self:
        faults = [
            fault
            for name, entity in self.entities.items()
            for fault in missing(name, entity, self.workspace.shared_sets, self.entities)
        ]
        if self.workspace.probe not in self.entities:
            faults.append(f"workspace.probe: no entity named {self.workspace.probe}")
        elif not self.entities[self.workspace.probe].identity:
            faults.append(f"workspace.probe: {self.workspace.probe} needs `identity`, else it proves nothing")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def entity(self, name: str) -> Entity:
        if name not in self.entities:
            raise ProfileFault(f"the profile has no entity {name!r}")
        return self.entities[name]

    def for_kind(self, kind: str) -> Entity:
        """The entity that holds documents of a kind (``customer_invoice`` …)."""
        return self.entity(entity_of(kind))


def entity_of(kind: str) -> str:
    """How the profile calls what holds documents of a kind."""
    known = ENTITY_OF_KIND | CODE_ENTITY_OF_KIND
    if kind not in known:
        raise ProfileFault(f"QAD has no kind {kind!r}; known: {', '.join(known)}")
    return known[kind]
