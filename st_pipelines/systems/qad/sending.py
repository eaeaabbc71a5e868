"""One frozen write to QAD and what its answer proves. Invariant: only a complete answer that says so counts as posted
or refused (reliability L9); transport and business faults are outcomes, not exceptions.
"""

import hashlib

from st_pipelines.posting.target import NotSent, Outcome, Posted, Refused, Unknown, Write, WrongCompany
from st_pipelines.systems.http import errors
from st_pipelines.systems.http.exact_json import MalformedJson, decode
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.qad.answers import (
    Problem,
    Record,
    Submitted,
    UntrustedAnswer,
    is_duplicate,
    is_locked,
    is_stale,
    read_submitted,
)  # fmt: skip
from st_pipelines.systems.qad.bodies import key_values, number, record_of, target_id
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import check_own_books, company
from st_pipelines.systems.qad.profile import Entity, entity_of

_LOCK_PAUSE_S = 5.0


class AnsweredByOthers(WrongCompany):
    """The answer to a write came from other books than those asked for."""


def is_update(write: Write, sent: Record, entity: Entity) -> bool:
    """Whether the write changes a record that exists: then its keys go into the query (reference/qad.md A4). A body
    with QAD's concurrency hash was read from QAD, whatever the ledger calls the write."""
    if entity.has("concurrencyHash") and sent.get(entity.wire("concurrencyHash")):
        return True
    if write.kind == "customer_domain" or write.op == "update":
        return True
    return write.op in ("void", "delete") and write.kind not in ("customer_invoice", "supplier_invoice")


def send(client: QadClient, write: Write) -> Outcome:
    """Sends once. Raises only ``AnsweredByOthers`` (the caller stops the connection)."""
    name = entity_of(write.kind)
    entity, keys = client.profile.entity(name), dict[str, str]()
    try:
        books = company(write.company)
        sent = record_of(write.body, entity)
        if is_update(write, sent, entity):
            keys = key_values(sent, entity)
            if write.target_id and write.op != "create" and target_id(sent, entity) != write.target_id:
                return Refused(f"the frozen body is of {target_id(sent, entity)}, not of {write.target_id}", "body")
    except (ValueError, WrongCompany) as error:
        return NotSent(str(error))
    params = [(entity.keys[logical], value) for logical, value in keys.items()]
    try:
        reply = client.submit(name, books, write.body, params, reference=write.external_ref)
        answer = read_submitted(reply.json(), entity)
    except errors.NotExecuted as fault:
        return NotSent(str(fault), fault.retry_after_s)
    except errors.Refused as fault:
        return _by_status(fault, client, entity)
    except errors.SystemFault as fault:
        return Unknown(str(fault))
    if answer.success is None:
        if answer.problems:
            return Unknown(f"QAD reported {answer.problems[0]} without saying whether it was done")
        return Unknown("QAD's answer says neither success nor failure")
    if not answer.success:
        return refusal(answer.problems, client)
    return _posted(write, entity, reply, answer, client)


def refusal(problems: tuple[Problem, ...], client: QadClient) -> Refused | NotSent:
    """What a failure inside a complete answer means for the document."""
    if not problems:
        return Refused("QAD refused it without saying why; look at the document in QAD", read_back_first=True)
    reason, first, words = "; ".join(map(str, problems[:5])), problems[0], client.profile.errors
    if any(is_duplicate(problem, words) or is_stale(problem, words) for problem in problems):
        return Refused(reason, first.code, first.field, read_back_first=True)
    if all(is_locked(problem, words) for problem in problems):
        return NotSent(f"locked in QAD: {reason}", _LOCK_PAUSE_S)
    return Refused(reason, first.code, first.field)


def _by_status(fault: errors.Refused, client: QadClient, entity: Entity) -> Refused | NotSent:
    """A refusal by HTTP status; QAD's own words where the body has them."""
    answer = Submitted(None)
    if isinstance(fault.reply, Reply):
        try:
            answer = read_submitted(decode(fault.reply.content), entity)
        except MalformedJson:
            answer = Submitted(None)
    if isinstance(fault, errors.Forbidden):
        said = str(answer.problems[0]) if answer.problems else fault.summary
        return Refused(f"QAD denies writing {entity.path} ({said}); grant the API user's role access to it", "403")
    if isinstance(fault, errors.NotFound):
        return Refused(f"QAD has no path {entity.path}; correct the profile ({fault.summary})", "404")
    if answer.problems:
        said_refused = refusal(answer.problems, client)
        if isinstance(said_refused, Refused) and isinstance(fault, errors.Conflict):
            return Refused(said_refused.reason, said_refused.code, said_refused.field, read_back_first=True)
        return said_refused
    return Refused(str(fault), str(fault.status), read_back_first=isinstance(fault, errors.Conflict))


def _posted(write: Write, entity: Entity, reply: Reply, answer: Submitted, client: QadClient) -> Posted | Unknown:
    """A success counts with a number of QAD's and, where the answer shows them, our reference and our books."""
    digest = hashlib.sha256(reply.content).hexdigest()
    warnings = tuple(map(str, answer.problems)) + answer.messages
    record = answer.record
    if record is None:
        sent = record_of(write.body, entity)
        if write.target_id and is_update(write, sent, entity):
            return Posted(write.target_id, number(sent, entity), digest, warnings)
        return Unknown("QAD said success without the record; its number is still to be read back")
    try:
        check_own_books(record, entity, company(write.company))
        if entity.has("externalReference"):
            wire = entity.wire("externalReference")
            expected = record_of(write.body, entity)[wire]
            if record.get(wire) != expected:
                return Unknown(f"QAD answered with the record of {str(record.get(wire))[:60]!r}, not of {expected!r}")
        return Posted(target_id(record, entity), number(record, entity), digest, warnings)
    except WrongCompany as error:
        raise AnsweredByOthers(str(error)) from error
    except (ValueError, UntrustedAnswer) as error:
        return Unknown(f"QAD said success, but {error}")
