"""Turns what happened into the error that is raised. Invariant: it names connection, entity, record, and what to do."""

from typing import Any

from st_pipelines.systems.http import errors
from st_pipelines.systems.http.calls import Call, Happened
from st_pipelines.systems.http.redact import summary
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.http.retries import LOST, NOT_CONNECTED, Then

_REFUSALS: dict[int, tuple[type[errors.Refused], str]] = {
    403: (errors.Forbidden, "give the connection's user or app the right to do this"),
    404: (errors.NotFound, "check that the record still exists there, and the base URL"),
    409: (errors.Conflict, "read the record back before deciding"),
    412: (errors.Conflict, "read the record back before deciding"),
}


def fault_of(
    then: Then, call: Call, happened: Happened, connection: str, *, attempts: int, retry_after_s: float
) -> errors.SystemFault:
    """The error for a call that did not succeed."""
    about: Any = {"connection": connection, "entity": call.entity, "reference": call.reference}
    answer = happened.answer
    said = f": {summary(answer.content)}" if answer is not None and happened.what != 401 else ""
    what = f"{call.method} {happened.why}{said}"
    if then is Then.RENEW:
        return errors.SignInRefused(
            f"{what}, also with a new token",
            **about,
            cure="check the credentials of the connection and its environment",
        )
    if then in (Then.REFUSED, Then.CONFLICT) and answer is not None:
        kind, cure = _REFUSALS.get(
            answer.status, (errors.Refused, "see the reason; correct the document or the mapping")
        )
        reply = Reply(
            answer.status, answer.headers, answer.content, connection, call.entity, call.reference, call.written
        )
        return kind(what, status=answer.status, summary=summary(answer.content), reply=reply, **about, cure=cure)
    if call.written:
        if then is Then.GIVE_BACK:
            cure = happened.cure or "nothing; the ledger sends it again later"
            return errors.NotExecuted(f"{what}; it was not executed", **about, cure=cure, retry_after_s=retry_after_s)
        return errors.OutcomeUnknown(
            f"{what}; it may have been executed",
            **about,
            retry_after_s=retry_after_s,
            cure="nothing by hand: it is read back and settled. Never send it again yourself",
        )
    tried = f" ({attempts} attempts)" if attempts > 1 else ""
    if then is Then.UNUSABLE or (answer is not None and 200 <= answer.status < 300):
        redirected = answer is not None and 300 <= answer.status < 400
        cure = (
            "check the base URL: redirects are never followed"
            if redirected
            else "run it again; if it stays, ask the vendor"
        )
        return errors.BadAnswer(what + tried, **about, cure=cure)
    cure = happened.cure or "run it again later; see the vendor's status page"
    if happened.what in (NOT_CONNECTED, LOST):
        cure = happened.cure or "see that the network and the other side are up, then run it again"
    return errors.Unreachable(what + tried, **about, cure=cure, retry_after_s=retry_after_s)
