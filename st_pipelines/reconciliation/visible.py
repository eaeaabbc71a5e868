"""Makes outside text safe to look at. Invariant: no control, zero-width or direction-changing character gets through.

For pages, terminals and tables alike: a customer's name must not move the cursor, reverse the reading direction or
forge a line (reliability H8, H9).
"""

import re

# C0 and C1 controls, zero-width characters, bidirectional overrides and isolates, byte order mark.
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def visible(text: object) -> str:
    """Invisible and direction-changing characters as ``\\u202e``; tabs and line breaks as spaces."""
    plain = re.sub(r"[\r\n\t]+", " ", str(text))
    return INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", plain)
