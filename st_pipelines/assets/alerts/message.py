"""One message to a person: which integration, which days, what happened, what to do, where to look. Invariant: every
sentence passed the redaction and is cut; no document's body can be in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from st_pipelines.systems.http.redact import one_line

LONGEST = 600  # of one sentence; all of it stands in the UI
MOST = 10  # findings in one message


@dataclass(frozen=True)
class Finding:
    """``what`` happened and what a person does about it, in sentences. ``path``: its page in the Dagster UI."""

    what: str
    todo: str
    path: str = ""


@dataclass(frozen=True)
class Alert:
    """``subject`` is one line; ``text`` is plain text of a few lines."""

    subject: str
    text: str


def alert(integration: str, days: str, headline: str, findings: Sequence[Finding], ui_url: str) -> Alert:
    """``days``: the partitions in words, may be empty. ``ui_url``: where people open the UI; empty = no links."""
    about = one_line(", ".join(part for part in (integration, days) if part))
    lines = [f"{about}: {headline}"]
    for finding in findings[:MOST]:
        lines += ["", one_line(finding.what, LONGEST), f"What to do: {one_line(finding.todo, LONGEST)}"]
        if ui_url and finding.path:
            lines.append(f"Look: {ui_url.rstrip('/')}{finding.path}")
    if len(findings) > MOST:
        lines += ["", f"… and {len(findings) - MOST} more."]
    return Alert(f"[st_pipelines] {about}: {headline}", "\n".join(lines) + "\n")
