"""Each decision has a number of its own, in its file name and its heading: «ADR 13» in a comment means one page."""

import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "adr"


def test_a_number_means_one_decision() -> None:
    files = sorted(FOLDER.glob("*.md"))
    assert files
    numbers = Counter(int(path.name[:4]) for path in files)
    assert not [number for number, count in numbers.items() if count > 1]
    for path in files:
        heading = path.read_text(encoding="utf-8").splitlines()[0]
        found = re.match(r"# (\d+)\. \S", heading)
        assert found and int(found[1]) == int(path.name[:4]), f"{path.name}: {heading}"
