"""How alike two parties look, for ranking what a person is shown. Invariant: a score links nothing.

Fellegi and Sunter's model in Splink on an in-memory DuckDB, with fixed weights: nothing is learnt from the data, so the
same two records have the same score today and next year. ``m`` is how often two records of one party agree so well,
``u`` how often two records of different parties do.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from st_pipelines.alignment import normalize
from st_pipelines.alignment.keys import keys
from st_pipelines.alignment.matching import WORTH_A_LOOK, Pair
from st_pipelines.documents.party_record import PartyRecord

# (level, m, u) in thousandths, most alike first; "else" is what remains of both.
_NAME = ((1000, 600, 1), (930, 250, 4), (850, 100, 30))
_STREET = ((1000, 550, 1), (930, 200, 6))
_CONTACT = ((1000, 500, 1),)
_ZIP = ((1000, 850, 30),)
_PRIOR = 2  # of a thousand pairs that share a block, so many are one party


def scores(sources: Sequence[PartyRecord], targets: Sequence[PartyRecord]) -> Mapping[Pair, int]:
    """Pairs of references to a match probability in thousandths, at least ``WORTH_A_LOOK``. Only pairs are compared
    that share a postal code, the first letters of a name word, a phone or an e-mail address."""
    if not sources or not targets:
        return {}
    linker = _linker(_table(sources), _table(targets))
    # The model needs real numbers; they end here, before anything is kept.
    predicted = linker.inference.predict(threshold_match_probability=WORTH_A_LOOK / 1000)
    found: dict[Pair, int] = {}
    for row in predicted.as_record_list():
        left, right = str(row["unique_id_l"]), str(row["unique_id_r"])
        pair = (left, right) if row["source_dataset_l"] == "source" else (right, left)
        found[pair] = round(row["match_probability"] * 1000)
    return found


def _table(records: Sequence[PartyRecord]) -> pa.Table:
    rows = []
    for record in records:
        street, _, code = normalize.address(record.address).rpartition(" ")
        name, known = normalize.name(record.name), keys(record)
        rows.append({
            "unique_id": record.reference, "name": name or None, "street": street or None,
            "zip": code or None, "phone": min(known["phone"], default=None), "email": min(known["email"], default=None),
            "start": max(name.split(), key=len, default="")[:4] or None,
        })  # fmt: skip
    text = ("unique_id", "name", "street", "zip", "phone", "email", "start")
    return pa.Table.from_pylist(rows, schema=pa.schema([(column, pa.string()) for column in text]))


@cache
def _settings() -> Any:
    from splink import SettingsCreator, block_on

    return SettingsCreator(
        link_type="link_only", probability_two_random_records_match=_PRIOR / 1000,
        blocking_rules_to_generate_predictions=[
            block_on("zip"), block_on("start"), block_on("phone"), block_on("email"),
        ],
        comparisons=[
            _comparison("name", _NAME), _comparison("street", _STREET), _comparison("zip", _ZIP),
            _comparison("phone", _CONTACT), _comparison("email", _CONTACT),
        ],
    )  # fmt: skip


def _comparison(column: str, levels: tuple[tuple[int, int, int], ...]) -> Any:
    from splink import comparison_level_library as level
    from splink import comparison_library as library

    made: list[Any] = [level.NullLevel(column)]
    for alike, m, u in levels:
        rule = level.ExactMatchLevel(column) if alike == 1000 else level.JaroWinklerLevel(column, alike / 1000)
        made.append(rule.configure(m_probability=m / 1000, u_probability=u / 1000))
    rest_m, rest_u = (1000 - sum(one[place] for one in levels) for place in (1, 2))
    made.append(level.ElseLevel().configure(m_probability=rest_m / 1000, u_probability=rest_u / 1000))
    return library.CustomComparison(comparison_levels=made, output_column_name=column)


def _linker(source: pa.Table, target: pa.Table) -> Any:
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    database = DuckDBAPI()
    frames = [
        database.register(table, dataset_display_name=name) for table, name in ((source, "source"), (target, "target"))
    ]
    return Linker(frames, _settings(), log_level=logging.ERROR)
