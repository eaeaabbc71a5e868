"""Whether an account may take a line, and with which cost centre and sub-account. Invariant: what the target would
refuse is found here, before anything is sent; a cost centre is never dropped silently.

QAD's rule (reference/qad.md B1): three flags on the account say what it takes, a limitation says how cost centre and
project go together. This product has no projects, so an account that insists on one cannot be used.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.columns import BOTH, COST_CENTER, NONE, SUB_ACCOUNT
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.reference import Account, Codes, Reference

_ONE_IS_ENOUGH = ("At Least One", "Excluding each Other")


@dataclass(frozen=True)
class Verdict:
    """``problem``: a hold code, or blank; ``detail`` explains ``gl_account.analysis``."""

    gl_account: str
    cost_center: str = ""
    sub_account: str = ""
    problem: str = ""
    detail: str = ""


PROBLEMS = ("gl_account.unknown", "gl_account.inactive", "cost_center.unknown", "cost_center.inactive",
            "sub_account.unknown", "sub_account.inactive", "gl_account.analysis")  # fmt: skip


def judge(code: str, analysis: str, cost_center: str, sub_account: str, reference: Reference) -> Verdict:
    """``analysis``: what the mapping says the account takes of the business unit's cost centre and sub-account."""
    cost_center = cost_center if analysis in (BOTH, COST_CENTER) else ""
    sub_account = sub_account if analysis in (BOTH, SUB_ACCOUNT) else ""
    account = reference.gl_accounts.get(code)
    problem = (
        _state("gl_account", None if account is None else account.is_active)
        or _state_of("cost_center", cost_center, reference.cost_centers)
        or _state_of("sub_account", sub_account, reference.sub_accounts)
    )
    if problem or account is None:
        return Verdict(code, cost_center, sub_account, problem)
    detail = misfit(account, cost_center, sub_account)
    return Verdict(code, cost_center, sub_account, "gl_account.analysis" if detail else "", detail)


def misfit(account: Account, cost_center: str, sub_account: str) -> str:
    """Why this account cannot be used with this analysis; blank if it can."""
    if cost_center and not account.takes_cost_center:
        return f"the account takes no cost center, the mapping gives {cost_center}"
    if account.takes_cost_center and not cost_center:
        return "the account needs a cost center, the mapping gives none"
    if sub_account and not account.takes_sub_account:
        return f"the account takes no sub-account, the mapping gives {sub_account}"
    if account.takes_sub_account and not sub_account:
        return "the account needs a sub-account, the mapping gives none"
    if account.limitation == "Both Required":
        return "the account needs a cost center and a project, and projects are not mapped"
    if account.takes_project and not (cost_center and account.limitation in _ONE_IS_ENOUGH):
        return "the account needs a project, and projects are not mapped"
    return ""


def natural_analysis(account: Account | None) -> str:
    """What an account named in the options takes, by its own flags."""
    if account is None:
        return BOTH
    if account.takes_cost_center:
        return BOTH if account.takes_sub_account else COST_CENTER
    return SUB_ACCOUNT if account.takes_sub_account else NONE


def account_state(code: str, reference: Reference) -> str:
    """Hold code for an account that takes no analysis from us (control and bank accounts); blank if it may be used."""
    account = reference.gl_accounts.get(code)
    return _state("gl_account", None if account is None else account.is_active)


def _state_of(field: str, code: str, codes: Codes) -> str:
    return _state(field, codes.get(code)) if code else ""


def _state(field: str, is_active: bool | None) -> str:
    if is_active is None:
        return f"{field}.unknown"
    return "" if is_active else f"{field}.inactive"


@dataclass(frozen=True)
class Judged:
    """Verdicts for a column of lines: ``verdicts[which[i]]`` is line i's. Blank where nothing was asked."""

    verdicts: list[Verdict]
    which: Ints

    def knows(self, problem: str) -> bool:
        return any(verdict.problem == problem for verdict in self.verdicts)

    def has(self, problem: str) -> Flags:
        hit = np.array([verdict.problem == problem for verdict in self.verdicts], dtype=np.bool_)
        return np.asarray(hit[self.which], dtype=np.bool_)

    def texts(self, places: Ints, of: Callable[[Verdict], str]) -> pa.Array:
        return pa.array([of(verdict) for verdict in self.verdicts], pa.string()).take(pa.array(self.which[places]))


def judge_pairs(
    accounts: RowLookup, account_rows: Ints, units: RowLookup, unit_rows: Ints, reference: Reference
) -> Judged:
    """Each distinct pair of account row and business unit row is judged once, however many lines have it."""
    asked = (account_rows >= 0) & (unit_rows >= 0)
    unit_count = max(len(units.table.rows), 1)
    pairs, which = np.unique(np.where(asked, account_rows * unit_count + unit_rows, -1), return_inverse=True)
    verdicts = []
    for pair in pairs.tolist():
        if pair < 0:
            verdicts.append(Verdict(""))
            continue
        account, unit = accounts.table.rows[pair // unit_count], units.table.rows[pair % unit_count]
        verdicts.append(
            judge(account["gl_account"], account["analysis"], unit["cost_center"], unit["sub_account"], reference)
        )
    return Judged(verdicts, which.astype(np.int64).reshape(-1))


def judge_coded(
    accounts: pa.Array, cost_centers: pa.Array, sub_accounts: pa.Array, asked: Flags, reference: Reference
) -> Judged:
    """Lines that come with their own account and cost centre; the sub-account is given to accounts that take one. Each
    distinct combination is judged once."""
    lines = list(
        zip(accounts.to_pylist(), cost_centers.to_pylist(), sub_accounts.to_pylist(), asked.tolist(), strict=True)
    )
    distinct = {line: place for place, line in enumerate(sorted(set(lines)))}
    verdicts = []
    for code, center, sub_account, wanted in distinct:
        account = reference.gl_accounts.get(code)
        taken = sub_account if account is not None and account.takes_sub_account else ""
        verdicts.append(judge(code, BOTH, center, taken, reference) if wanted else Verdict(""))
    return Judged(verdicts, np.array([distinct[line] for line in lines], dtype=np.int64))


def judge_named(code: str, units: RowLookup, unit_rows: Ints, reference: Reference) -> Judged:
    """One account of the options with each business unit, the analysis by the account's own flags."""
    analysis = natural_analysis(reference.gl_accounts.get(code))
    rows = units.table.rows
    verdicts = [judge(code, analysis, row["cost_center"], row["sub_account"], reference) for row in rows]
    return Judged([*verdicts, Verdict("")], np.where(unit_rows < 0, len(rows), unit_rows))
