"""Runs every benchmark in a process of its own and prints one table. Exit code 1 where a bar is missed."""

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

BENCHMARKS = ("extract", "mapping", "ledger", "rate", "rerun", "year", "sandbox", "receiver", "events", "servicenow",
              "polls", "round_trip")  # fmt: skip


def run(name: str) -> list[dict[str, object]]:
    """Rows of one benchmark: name, value, unit, bar, ok, note."""
    program = f"import json, sys; from bench import {name} as b; json.dump(b.run(), sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return [{"name": name, "value": "failed", "unit": "", "bar": "", "ok": False, "note": "see above"}]
    rows: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def main(names: list[str]) -> int:
    console = Console(width=150)
    table = Table("benchmark", "measure", "value", "unit", "bar", "ok", "note")
    good = True
    for name in names or [name for name in BENCHMARKS if (Path(__file__).parent / f"{name}.py").exists()]:
        for row in run(name):
            good = good and row.get("ok") is not False
            cells = [str(row.get(key, "")) for key in ("name", "value", "unit", "bar")]
            verdict = {True: "[green]yes", False: "[red]NO"}.get(row.get("ok"), "")  # type: ignore[call-overload]
            table.add_row(name, *cells, verdict, str(row.get("note", "")))
    console.print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
