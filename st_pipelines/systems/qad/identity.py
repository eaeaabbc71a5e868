"""Whose books answer. Invariant: the workspace is listed for the user, and a record read in it is its own (M1)."""

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.http.errors import Forbidden
from st_pipelines.systems.qad.answers import read_records
from st_pipelines.systems.qad.client import MissingPermission, QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import read_page


def workspaces(client: QadClient, books: Company) -> dict[str, Company]:
    """The user's workspaces by their id. ``books`` only says in whose name the question is asked."""
    listing = client.profile.workspace.list
    answer = client.read(listing.path, books, (), entity="workspaces")
    return {str(row.get(listing.id, "")): Company(str(row.get(listing.domain, "")), str(row.get(listing.entity, "")))
            for row in read_records(answer, listing)}  # fmt: skip


def check(client: QadClient, name: str) -> None:
    """Raises ``WrongCompany``; a header that QAD ignores shows in the probed record."""
    books = company(name)
    try:
        listed = workspaces(client, books)
    except (Forbidden, MissingPermission) as error:
        raise WrongCompany(f"QAD denies the API user {books.workspace}, or its list of workspaces ({error})") from error
    if listed.get(books.workspace) != books:
        known = ", ".join(sorted(listed)) or "none"
        raise WrongCompany(f"the API user has no workspace {books.workspace} (it has: {known}); grant it in QAD, or "
                           f"correct target.companies in integration.yaml")  # fmt: skip
    probe = client.profile.workspace.probe
    if not read_page(client, probe, books, (), 1, 2).rows:  # unfiltered: only the header says whose records come
        raise WrongCompany(f"{probe}: no record of {books.workspace} to prove whose books these are")
