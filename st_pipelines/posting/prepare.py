"""Turns claimed postings into writes that may be sent. Invariant: what cannot be sent rightly is never sent.

Looks again at what stands (a predecessor may have been refused meanwhile), builds the bodies, and checks that a body
frozen earlier is still the one whose digest was recorded.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.outcomes import Hold, Outdated, Pair, Settled
from st_pipelines.posting.target import CannotRender, NotSent, NotYet, Target, WrongCompany

RENDER_ATTEMPTS = 5
NOT_YET_PAUSE_S = 90.0  # longer than a session waits: what is there is looked at again before the next one


@dataclass
class Prepared:
    """``ready`` with their bodies, ``settled`` without sending, ``again``: to be planned afresh from the history."""

    ready: list[tuple[Claimed, bytes]] = field(default_factory=list)
    settled: list[Pair] = field(default_factory=list)
    again: list[Claimed] = field(default_factory=list)


def prepare(target: Target, rows: Sequence[Claimed], pool: Executor) -> Prepared:
    """Bodies of updates and voids are built side by side, because they read the current record first; so are those that
    take goods, because they read what is there."""
    prepared = Prepared()
    to_render = []
    for row in rows:
        verdict = _look(row)
        if verdict is not None:
            prepared.settled.append((row, verdict))
            if isinstance(verdict, Outdated) and row.op == "update":
                prepared.again.append(row)
        elif row.body is not None:
            prepared.ready.append((row, row.body))
        else:
            to_render.append(row)
    for row, body in _render(target, to_render, pool):
        if isinstance(body, bytes):
            prepared.ready.append((row, body))
        else:
            prepared.settled.append((row, body))
    return prepared


def _look(row: Claimed) -> Settled | None:
    if row.op == "create" and row.standing is not None:
        stands = f"{row.standing.external_ref} ({row.standing.target_id})"
        return Hold("earlier_document_stands", f"{stands} was not voided: posting again would double it")
    if row.op == "update" and row.standing is None:
        return Outdated("nothing stands that could be updated; planned again")
    if row.op == "void" and row.standing is None:
        return Outdated("nothing stands that could be voided")
    if row.body is not None and hashlib.sha256(row.body).hexdigest() != row.body_sha256:
        return Hold("body_digest", "the stored body is not the one that was frozen; compare with a backup")
    return None


def _render(target: Target, rows: Sequence[Claimed], pool: Executor) -> Iterable[tuple[Claimed, bytes | Settled]]:
    reading = [row for row in rows if row.op != "create" or row.document.reads_target]
    render: Callable[[Claimed], bytes | Settled] = lambda row: _body(target, row)  # noqa: E731
    yield from zip(reading, pool.map(render, reading), strict=True)
    for row in rows:
        if row.op == "create" and not row.document.reads_target:
            yield row, render(row)


def _body(target: Target, row: Claimed) -> bytes | Settled:
    previous = row.standing.document if row.standing else None
    target_id = row.standing.target_id if row.standing else ""
    try:
        return target.render(row.document, row.op, row.external_ref, row.references, previous, target_id)
    except CannotRender as error:
        return Hold("cannot_render", str(error))
    except NotYet as error:
        return NotSent(str(error), NOT_YET_PAUSE_S)
    except WrongCompany:
        raise
    except Exception as error:  # noqa: BLE001 (one bad document never blocks the others, R7; it is in the ledger)
        said = f"the body could not be built: {type(error).__name__}: {error}"
        return Hold("render_failed", said) if row.attempt >= RENDER_ATTEMPTS else NotSent(said)
