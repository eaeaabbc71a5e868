"""Every cause that a variance can have, in a controller's words. Invariant: each has a title, a meaning and a cure.

The code is stable (it is in exports, metadata and tests); the texts may change. Order is the order of the report: what
may have hurt the books first, what merely waits last.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """``alarm``: the books may be wrong; else the document is merely not there yet."""

    code: str
    title: str
    meaning: str
    cure: str
    alarm: bool


_ALL = (
    Cause("unexplained", "Unexplained", "The documents do not add up to the control totals.",
          "Keep this report, stop posting and call support: this is a fault of the software.", True),
    Cause("duplicate", "Duplicate in target", "The target holds the same document more than once.",
          "Void the extra copy in the target by hand, then reconcile again.", True),
    Cause("extra", "Extra in target", "The target holds a document with our reference that the ledger does not know: "
          "somebody else posted it, or the ledger was restored from a backup.",
          "After a restore run: st-pipelines resolve. Else find out who posted it and void it in the target.", True),
    Cause("other_document", "Other document in target", "The target holds this reference under another id than the one "
          "that was posted.", "Compare the two ids in the target; void the one that is wrong.", True),
    Cause("missing", "Missing in target", "The ledger has it as posted and the target does not hold it.",
          "Restore it in the target, from there or from a backup; the ledger never posts a document twice.", True),
    Cause("voided", "Voided in target", "The target holds it as voided although nobody voided it in the source.",
          "Void it in the source as well, or reinstate it in the target.", True),
    Cause("not_voided", "Not voided in target", "The ledger has it as voided and the target still holds it.",
          "Void it in the target by hand, then reconcile again.", True),
    Cause("reversal_differs", "Reversal does not match", "The target's reversing document does not undo its original.",
          "Compare both in the target: amount, accounts, date. Correct the reversal there.", True),
    Cause("amount_differs", "Amount differs", "The target's amount is not the one that was posted.",
          "Somebody changed it in the target: correct it there or change the source.", True),
    Cause("date_differs", "Date differs", "The target's business date is not the one that was posted.",
          "Somebody changed it in the target, or the target moved it into an open period: correct it there.", True),
    Cause("account_differs", "Account differs", "The target's GL accounts are not the ones that were posted.",
          "Somebody changed the coding in the target: correct it there or change the mapping tables.", True),
    Cause("business_unit_differs", "Business unit differs", "The target's cost centers are not those that were posted.",
          "Somebody changed the coding in the target: correct it there or change the mapping tables.", True),
    Cause("cost_center_differs", "Cost center differs", "The target has the same accounts with other cost centers.",
          "Somebody changed the coding in the target: correct it there or change it in the source.", True),
    Cause("not_in_source", "No longer in the source", "It was posted and the source no longer has it: that is no void.",
          "Ask in the source who removed it; void it there properly.", True),
    Cause("unknown", "Outcome unknown", "It was sent and no answer came; only reading back can tell.",
          "Run: st-pipelines resolve.", False),
    Cause("unrecorded", "In target, not recorded", "The target holds it; the ledger does not have it as posted.",
          "Run: st-pipelines resolve.", False),
    Cause("rejected", "Rejected by the target", "The target refused it.",
          "Cure the stated reason, then: st-pipelines replay KEY --by NAME --reason TEXT.", False),
    Cause("held", "Held", "It was stopped before sending.",
          "Do what the line says; the next run releases it, or see: st-pipelines holds list.", False),
    Cause("waiting", "Waiting", "It waits for another document or for a receipt.",
          "Post or cure what it waits for; nothing else to do.", False),
    Cause("planned", "Planned, not sent yet", "It is next in the queue.", "Run: st-pipelines run.", False),
    Cause("not_planned", "Not planned yet", "The source has it, or changed or voided it, since the last run.",
          "Run: st-pipelines run.", False),
)  # fmt: skip

CAUSES: dict[str, Cause] = {cause.code: cause for cause in _ALL}
ORDER: dict[str, int] = {cause.code: place for place, cause in enumerate(_ALL)}
