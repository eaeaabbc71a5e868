"""Both directions of the demo pair under test: two integrations, one pair of connections, one ledger, two sandboxes."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from st_pipelines.cli.demo_company import SANDBOX_OPTIONS
from st_pipelines.integrations.onboarding import Side, findings
from st_pipelines.integrations.reading import Finding
from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.cli.command import CommandLine
from st_pipelines_tests.procurement.buyer import DEMO, Buyer

BACK = DEMO.parent / "demo_servicenow_back"
DIRECTIONS = ("demo_servicenow", "demo_servicenow_back")


@dataclass
class Pair:
    """``out`` goes from QAD to ServiceNow, ``back`` from ServiceNow to QAD; what ``command`` does is the same home."""

    out: Buyer
    back: Buyer
    command: CommandLine

    def of(self, direction: str) -> Buyer:
        return self.out if direction == DIRECTIONS[0] else self.back

    def found(self, direction: str, side: Side) -> list[Finding]:
        """What the onboarding check of one side does not find in order."""
        with self.of(direction).session() as session:
            return findings(session, side)

    def set(self, **changes: Any) -> None:
        """Switches of the ServiceNow sandbox."""
        httpx.post(f"{self.out.origin('servicenow')}/_sandbox/settings", json=changes).raise_for_status()

    def act(self, action: str, **order: Any) -> list[dict[str, Any]]:
        """Something that people or administrators do in ServiceNow."""
        return list(self.out.act("servicenow", action=action, **order)["changed"])

    def control(self, system: str, method: str, **asked: Any) -> Any:
        """``log``, ``faults`` … of a sandbox."""
        return httpx.get(f"{self.out.origin(system)}/_sandbox/{method}", params=asked).json()

    def disarm(self, system: str) -> None:
        httpx.delete(f"{self.out.origin(system)}/_sandbox/faults").raise_for_status()

    def edit(self, direction: str, file: str, old: str, new: str) -> None:
        """One place of a file of a mapping folder."""
        path = self.of(direction).folder / file
        text = path.read_text()
        assert old in text, f"{path} has no {old!r}"
        path.write_text(text.replace(old, new, 1))


@contextmanager
def pair(home: Path, *, size: str = "small") -> Iterator[Pair]:
    """Connected, and nothing carried yet."""
    folders = [home / "mappings" / DEMO.name, home / "mappings" / BACK.name]
    for folder, demo in zip(folders, (DEMO, BACK), strict=True):
        shutil.copytree(demo, folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_PIPELINES_")}
    command = CommandLine(home, kept | {
        "ST_PIPELINES_HOME": str(home), "ST_PIPELINES_MAPPINGS": str(home / "mappings"),
    })  # fmt: skip
    with running_sandbox(
        home / "sandbox", systems=("qad", "servicenow"), size=size, settings=SANDBOX_OPTIONS["servicenow"]
    ) as sandbox:
        made = Pair(Buyer(home, sandbox, folders[0]), Buyer(home, sandbox, folders[1]), command)
        made.out.connect()
        yield made
