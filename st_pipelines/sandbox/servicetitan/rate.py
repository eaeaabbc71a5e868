"""Token buckets for the call limits. Invariant: in real time, whatever the sandbox clock says."""

import math
import time


class Bucket:
    """``wait(key, per_second, burst)``: 0 and one token taken, or the whole seconds to wait and nothing taken."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}

    def wait(self, key: str, per_second: float, burst: float) -> int:
        if per_second <= 0:
            return 0
        now = time.monotonic()
        level, since = self._levels.get(key, (burst, now))
        level = min(burst, level + (now - since) * per_second)
        if level >= 1:
            self._levels[key] = (level - 1, now)
            return 0
        self._levels[key] = (level, now)
        return max(1, math.ceil((1 - level) / per_second))
