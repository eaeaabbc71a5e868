"""Which code made what is stored. Invariant: any change of our own source changes the digest.

Whoever keeps a result because its inputs are the same counts the rules among the inputs.
"""

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_digest() -> str:
    """Digest of all modules of this package."""
    package = Path(__file__).resolve().parents[1]
    content = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()
