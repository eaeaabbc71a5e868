"""What business units and GL accounts are called, for people's eyes only. Invariant: a name decides nothing."""

from collections.abc import Mapping

from st_pipelines.integrations.session import Session


def names(session: Session) -> Mapping[str, str]:
    """``unit:<id>`` and ``account:<code>`` to the name in the mapping tables and in the target's chart."""
    units = {f"unit:{row['business_unit_id']}": row["name"] for row in session.mapping.rows("business_units")}
    units |= {f"unit:{row['legal_entity']}": row["name"] for row in session.mapping.rows("legal_entities")}
    accounts = {f"account:{account.code}": account.description for account in session.reference.gl_accounts.values()}
    return units | accounts
