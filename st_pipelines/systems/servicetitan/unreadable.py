"""Documents of records that could not be read. Invariant: each becomes one held document under its own key, so that it
is counted, shown and released like any other; none disappears."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.systems.servicetitan.vectors import TAG, constant, id_text, one_array, text


def with_unreadable(
    frame: pa.Table, tables: Mapping[str, pa.Table], entity: str, tenant: str, document_type: str
) -> pa.Table:
    """``frame`` and a row for each row of ``<entity>_unreadable`` whose document is not in it. A record without an id
    is named after its page and place there."""
    broken = tables.get(f"{entity}_unreadable")
    if broken is None or broken.num_rows == 0:
        return frame
    nameless = pc.binary_join_element_wise(
        "unreadable", pc.utf8_slice_codeunits(one_array(broken["page_sha256"]), 0, 12), id_text(broken["position"]), "-"
    )
    names = pc.coalesce(pc.cast(one_array(broken["id"]), pa.string()), nameless)
    known: Mapping[str, pa.Array] = {
        "doc_key": pc.binary_join_element_wise(f"{TAG}:{tenant}:{document_type}", names, ":"),
        "source_id": names, "number": names, "modified_on": one_array(broken["modified_at"]),
        "is_active": constant(True, broken.num_rows, pa.bool_()), "unreadable": text(broken["error"]),
    }  # fmt: skip
    columns = [
        known.get(field.name, constant("" if field.type == pa.string() else None, broken.num_rows, field.type))
        for field in frame.schema
    ]
    rows = pa.Table.from_arrays(columns, schema=frame.schema)
    new = rows.filter(pc.invert(pc.is_in(rows["doc_key"], value_set=one_array(frame["doc_key"]))))
    first = pc.index_in(pc.unique(one_array(new["doc_key"])), value_set=one_array(new["doc_key"]))
    return pa.concat_tables([frame, new.take(first)])
