"""Compares the purchase order lines of both systems, where both keep some. Invariant: the cause of a line that differs
is a document of this integration that names the line and is open; without one, nobody's guess is shown."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from st_pipelines.documents.bill import Bill
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.procurement import GoodsReceipt, OrderLine
from st_pipelines.integrations.session import Session
from st_pipelines.posting.standing import Standing, standing
from st_pipelines.posting.waiting import waits
from st_pipelines.reconciliation.order_lines import Key, OrderLines, compare

_SETTLED = ("posted", "ready")


def order_lines(session: Session, documents: Sequence[MappedDocument]) -> OrderLines | None:
    """Of all orders since the integration's first day, read now; ``None`` where a side keeps no orders. ``documents``:
    all mapped ones of the source."""
    road, first = session.road, session.integration.first_day
    if road.source.order_lines is None or road.target.order_lines is None:
        return None
    compared = compare(
        road.source.order_lines(session.source, first), road.target.order_lines(session.target_client, first),
        entity=_legal_entity(session), causes=lambda keys: _causes(session, documents, set(keys)),
        names=(road.source.system, road.target.system), measures=road.order_measures,
    )  # fmt: skip
    short = {(one.line.order, one.line.line) for one in compared.taken_back}
    return replace(compared, taken_by=_takers(session, documents, short)) if short else compared


def _takers(session: Session, documents: Sequence[MappedDocument], wanted: set[Key]) -> Mapping[Key, str]:
    """Documents that stand in the target and took goods of these lines, by what people call them."""
    naming = {document.doc_key: wanted.intersection(_lines_of(document)) for document in documents}
    keys = sorted(key for key, lines in naming.items() if lines)
    found: dict[Key, list[str]] = defaultdict(list)
    for key, stands in standing(session.engine, session.integration.name, keys).items():
        if stands.state == "posted":
            for line in naming[key]:
                found[line].append(f"{stands.label or key} ({key})")
    return {line: ", ".join(sorted(names)) for line, names in found.items()}


def _legal_entity(session: Session) -> Callable[[str, str], str]:
    """The procurement system's own, else that of the site."""
    sites = {row["site"]: row["legal_entity"] for row in session.mapping.rows("sites")}

    def of(left: str, right: str) -> str:
        named = next((one for one in (left, right) if one in sites.values()), "")
        return named or sites.get(left) or sites.get(right) or left or right

    return of


def _causes(session: Session, documents: Sequence[MappedDocument], wanted: set[Key]) -> Mapping[Key, str]:
    naming: dict[str, set[Key]] = defaultdict(set)
    for document in documents:
        naming[document.doc_key] |= wanted.intersection(_lines_of(document))
    keys = sorted(key for key, lines in naming.items() if lines)
    name, found = session.integration.name, dict[Key, list[str]]()
    stands = standing(session.engine, name, keys)
    waiting = {wait.doc_key: wait.reason.why for wait in waits(session.engine, name)} if keys else {}
    for key in keys:
        if (why := _why(key, stands.get(key), waiting.get(key, ""))) is not None:
            for line in naming[key]:
                found.setdefault(line, []).append(why)
    return {line: "; ".join(texts) for line, texts in found.items()}


def _lines_of(document: MappedDocument) -> Iterator[Key]:
    match document.payload:
        case OrderLine() | GoodsReceipt() as goods:
            yield goods.order, goods.line
        case Bill(matches=matches):
            yield from ((match.order, match.line) for match in matches)


def _why(key: str, stands: Standing | None, waits_for: str) -> str | None:
    """Why an open document is open; ``None`` where it is settled."""
    if stands is None:
        return f"{key} was mapped and not planned yet"
    if stands.state in _SETTLED:
        return None
    return f"{stands.label or key} is {stands.state.replace('_', ' ')}: {waits_for or stands.reason or 'no reason'}"
