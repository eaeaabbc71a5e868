"""``python -m st_pipelines.cli.run_month INTEGRATION FIRST LAST``: the jobs of some days, in a process of its own.

Invariant: exit code 0 only if every job succeeded.
"""

import sys
from datetime import date

from st_pipelines.assets.launch import RunFailed, before_days, run_job
from st_pipelines.definitions import defs


def main(name: str, first: date, last: date) -> int:
    """Reference data, all days, all months that they touch."""
    try:
        for job in before_days(defs, name):
            run_job(defs, job)
        run_job(defs, f"{name}_daily", first, last)
        run_job(defs, f"{name}_period", first.replace(day=1), last.replace(day=1))
    except RunFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], date.fromisoformat(sys.argv[2]), date.fromisoformat(sys.argv[3])))
