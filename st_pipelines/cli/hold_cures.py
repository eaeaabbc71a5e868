"""What cures a hold: the file and row to add, or the command to paste. Invariant: every hold has a cure, and nothing is
proposed that could send a document twice without a person having looked.

Holds of the mapping carry their own cure (``mapping/holds.py``); it is completed here by the row as it must stand in
the file and the command that reads the days again. The other holds are decided by a person; their commands are here.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_pipelines.posting.holds import HeldPosting

WHO = '--by "YOUR NAME" --reason "WHY"'
_FILE = re.compile(r"[a-z_]+\.(?:csv|yaml)")
_VALUE = re.compile(r"([a-z_]+)=(.*?)(?=, [a-z_]+=|$)")
_ALL_DAYS = ("valid_from", "valid_to")  # left blank: the row is valid always

# code -> (what to do, which commands). A code that is not here is looked at and then decided in any of the ways.
_RELEASE, _DISMISS, _ADOPT, _SHOW, _LIVE = "release", "dismiss", "adopt", "show", "live"
_DECISIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "run_limit": ("The run was larger than its limit. Look through the list and release what is right, or raise "
                  "run_limits in integration.yaml.", (_SHOW, _RELEASE)),
    "mapping_changed_after_posting": ("Only the mapping changed since it was posted. Release it to correct the books, "
                                      "or dismiss it to leave them.", (_SHOW, _RELEASE, _DISMISS)),
    "changed_after_posting": ("The source changed what is posted, and the books were left alone. Release it to void "
                              "the document and post it again, or dismiss it to let it stand.",
                              (_SHOW, _RELEASE, _DISMISS)),
    "in_books_already": ("The source says that somebody posted it before. Look for it in the target: dismiss it where "
                         "it is there, release it where it is not.", (_LIVE, _DISMISS, _RELEASE)),
    "not_postable_after_posting": ("The source no longer wants what was posted. Release it to void the document, or "
                                   "dismiss it to let it stand.", (_SHOW, _RELEASE, _DISMISS)),
    "cannot_render": ("It cannot be written in this target as it is. Correct it in the source and run its day again, "
                      "or release: that tries the same once more.", (_SHOW, _RELEASE, _DISMISS)),
    "looks_posted_already": ("Somebody seems to have entered it in the target by hand. Compare both there: adopt the "
                             "voucher where it is this document, dismiss it where it shall not be posted, release it "
                             "where both are right.", (_LIVE, _ADOPT, _DISMISS, _RELEASE)),
    "render_failed": ("Its body could not be built several times. Once the fault named in the reason is mended, "
                      "release it.", (_SHOW, _RELEASE, _DISMISS)),
    "found_different": ("The target holds it otherwise than planned. Correct it there and release (it is then found "
                        "and recorded), or adopt what is there.", (_LIVE, _RELEASE, _ADOPT, _DISMISS)),
    "found_twice": ("The target holds it twice. Void one of them there, then release: the other is found and recorded.",
                    (_LIVE, _RELEASE, _ADOPT)),
    "unanswered": ("Nobody could tell whether it arrived. Look in the target: adopt what is there, release it where it "
                   "is not.", (_LIVE, _ADOPT, _RELEASE)),
    "target_id_taken": ("The target answered with an id that belongs to another document. Look at both in the target; "
                        "adopt the right id.", (_LIVE, _ADOPT, _DISMISS)),
    "earlier_document_stands": ("An earlier version stands in the target and was not voided. Void it there, or dismiss "
                                "this one.", (_LIVE, _RELEASE, _DISMISS)),
    "body_digest": ("The stored body is not the one that was frozen: run st-pipelines audit verify before anything "
                    "else.", (_SHOW, _DISMISS)),
}  # fmt: skip
_OTHER = ("Look at the document here and in the target, then decide.", (_LIVE, _RELEASE, _ADOPT, _DISMISS))


@dataclass(frozen=True)
class Cure:
    """``file`` and ``row``: what to add where, places to fill in as ``<column>``. ``commands``: to paste, in order."""

    do: str
    file: str = ""
    row: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """Everything that one action cures, the most money first. ``sums``: absolute amounts in minor units by currency."""

    code: str
    missing: str
    holds: tuple["HeldPosting", ...]
    sums: Mapping[str, int]
    cure: Cure


def causes(holds: Iterable["HeldPosting"], integration: str, folder: Path) -> list[Cause]:
    """Groups by what cures them, the largest sum first."""
    groups: dict[tuple[str, str, str], list[HeldPosting]] = {}
    for held in holds:
        file = _file(held)
        # Of the mapping's holds the missing thing groups; what only the source or a person can cure goes by its code.
        groups.setdefault((held.code, held.missing if file else "", file), []).append(held)
    found = []
    for (code, missing, _), some in groups.items():
        sums: dict[str, int] = {}
        for held in some:
            sums[held.currency] = sums.get(held.currency, 0) + abs(held.amount_minor)
        found.append(Cause(code, missing, tuple(some), sums, cure_of(some, integration, folder)))
    return sorted(found, key=lambda cause: -sum(cause.sums.values()))


def cure_of(holds: Sequence["HeldPosting"], integration: str, folder: Path) -> Cure:
    """The cure of holds that share a cause."""
    first, option = holds[0], f"--integration {integration}"
    if not first.releasable:
        file = _file(first)
        row = _row(folder / file, first.missing) if file.endswith(".csv") and "Add " in first.cure else ""
        days = sorted({held.partition_key for held in holds if held.partition_key})
        again = f"st-pipelines run {option} --from {days[0]} --to {days[-1]}" if days else f"st-pipelines run {option}"
        check = (f"st-pipelines mappings check {integration}",) if file.endswith(".csv") else ()
        return Cure(first.cure, f"{folder / file}" if file else "", row, (*check, again))
    do, ways = _DECISIONS.get(first.code, _OTHER)
    one = len(holds) == 1
    chosen = str(first.posting_id) if one else f"--code {first.code}"
    commands = {
        _SHOW: f"st-pipelines documents show {first.doc_key}",
        _LIVE: f"st-pipelines documents show {first.doc_key} --live",
        _RELEASE: f"st-pipelines holds release {chosen} {option} {WHO}",
        _DISMISS: f"st-pipelines holds dismiss {chosen} {option} {WHO}",
        _ADOPT: f"st-pipelines holds adopt {first.posting_id} --target-id ID-IN-TARGET {option} {WHO}",
    }
    return Cure(do, "", "", tuple(commands[way] for way in ways))


def _file(held: "HeldPosting") -> str:
    found = _FILE.search(held.cure)
    return found[0] if found else ""


def _row(path: Path, missing: str) -> str:
    """A line for the file, with what is known filled in."""
    known = dict(_VALUE.findall(missing))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except OSError:
        return ""  # the file itself is missing: `mappings check` says so
    return ",".join(_cell(known.get(name, "" if name in _ALL_DAYS else f"<{name}>")) for name in header)


def _cell(value: str) -> str:
    return f'"{value.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\n]', value) else value
