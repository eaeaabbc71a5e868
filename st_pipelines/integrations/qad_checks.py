"""What QAD and its profile must have before anything runs. Invariant: only what the switched-on flows and lists
of codes need is asked for, and asking changes nothing.
"""

from typing import Any

from st_pipelines.integrations.reading import Finding
from st_pipelines.integrations.registry import FILE_NAME, Integration

# Which of the integration's control accounts an entity of the profile must have too, and the flows that post it.
CONTROL = {
    "customerInvoice": ("receivable", ("invoices",)),
    "customerPayment": ("receivable", ("payments",)),
    "supplierInvoice": ("payable", ("bills", "supplier_invoices")),
}
# Entities of the profile that reading an entity of ``DAILY`` asks for.
READ_FOR = {
    "suppliers": ("supplier", "businessRelation"),
    "purchase_orders": ("purchaseOrder", "purchaseOrderLine", "supplier", "businessRelation"),
    "receipts": ("receipt", "purchaseOrder"),
}
MATCHED_WITH = ("purchaseOrder", "purchaseOrderLine", "receipt")  # read for a supplier invoice that takes goods


def contradictions(integration: Integration) -> list[str]:
    """Between QAD's profile and integration.yaml; asks no system."""
    from st_pipelines.systems.qad.profile_file import load_profile

    path, accounts = integration.folder / integration.target.profile, integration.options.control_accounts
    if accounts is None:
        return []
    profile, found = load_profile(path), list[str]()
    for name, (side, flows) in CONTROL.items():
        flow = next((one for one in flows if one in integration.flows), None)
        if flow is None:
            continue
        if name not in profile.entities:
            found.append(f"{flow} is switched on in {FILE_NAME}, and {path.name} has no entities.{name}. To do: add it")
            continue
        if name == "supplierInvoice" and accounts.received:
            found += _received_account(accounts.received, profile.entity(name), path.name)
        ours, theirs = getattr(accounts, side), profile.entity(name).control_account
        if ours != theirs:
            found.append(
                f"the control account of {flow} is {theirs} in {path.name} (entities.{name}.control_account) and "
                f"{ours} in {FILE_NAME} (options.control_accounts.{side}). To do: write the one that QAD uses into both"
            )
    return found


def _received_account(ours: str, entity: Any, profile: str) -> list[str]:
    """``entity``: the profile's ``supplierInvoice``."""
    if "matched_invoice" not in entity.forms:
        return [f"options.control_accounts.received is set in {FILE_NAME}, and {profile} has no form matched_invoice "
                "of entities.supplierInvoice. To do: add it, with the status that matches receipts"]  # fmt: skip
    if ours != entity.received_account:
        return [f"goods received and not invoiced are account {entity.received_account} in {profile} (entities."
                f"supplierInvoice.received_account) and {ours} in {FILE_NAME} (options.control_accounts.received). To "
                "do: write the one that QAD uses into both"]  # fmt: skip
    return []


def ping_target(client: Any, integration: Integration) -> list[Finding]:
    """As a target: every entity that the switched-on flows write, and the code lists that mapping joins with."""
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.systems.qad.profile import ENTITY_OF_KIND
    from st_pipelines.systems.qad.reads import ENTITIES
    from st_pipelines.systems.qad.validate import Needs, validate

    road = road_of(integration)
    kinds = [kind for name in integration.flows for kind in road.flow(name).kinds]
    writes = [ENTITY_OF_KIND[kind] for kind in dict.fromkeys(kinds) if kind in ENTITY_OF_KIND]
    reads = [ENTITIES[name] for name in road.target.reference]
    if any(road.flow(name).takes_goods for name in integration.flows):
        reads += MATCHED_WITH
    # source:tenant:kind:id, and what a second life or a reversal puts behind it
    longest = len(f"XXX:{integration.source.company}:{max(kinds, key=len)}:") + road.source.longest_id + len(":99:void")
    needs = Needs(reads, dict.fromkeys(writes), longest)
    return [Finding(f"{fault.where}: {fault.what}", fault.cure) for fault in validate(client, needs)]


def ping_source(client: Any, integration: Integration) -> list[Finding]:
    """As a source: what the switched-on flows read, and the lists of codes that it shares with the target."""
    from st_pipelines.documents.codes import KINDS
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.systems.qad.profile import CODE_ENTITY_OF_KIND
    from st_pipelines.systems.qad.reads import ENTITIES
    from st_pipelines.systems.qad.validate import Needs, validate

    road = road_of(integration)
    read = {entity for name in integration.flows for entity in road.flow(name).reads}
    joined = {join.removeprefix("source_") for name in integration.flows for join in road.flow(name).joins
              if join.startswith("source_")}  # fmt: skip
    kinds = {KINDS[name]: rules for name, rules in integration.codes.items()}
    codes = {CODE_ENTITY_OF_KIND[kind]: rules for kind, rules in kinds.items() if kind in CODE_ENTITY_OF_KIND}
    told = [name for name, rules in codes.items() if rules.create_in_source or "target" in rules.fields.values()]
    needs = Needs([*(entity for name, entities in READ_FOR.items() if name in read for entity in entities),
                   *(ENTITIES[name] for name in road.source.reference if name in joined), *codes], told)  # fmt: skip
    found = [Finding(f"{fault.where}: {fault.what}", fault.cure) for fault in validate(client, needs)]
    if "legal_entity" in kinds and client.profile.workspace.list.title is None:
        found.append(Finding("workspace.list.title is missing: without it legal entities have no name",
                             "name the member of the list of workspaces in the profile"))  # fmt: skip
    return found
