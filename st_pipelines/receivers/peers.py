"""How often one peer may ask. Invariant: decided before any work is done for the request, in bounded memory (W10).

One number a peer: the moment at which its allowance is whole again (GCRA, as for the systems' own limits). A network of
IPv6 addresses is one peer, because one subscriber has 2^64 of them.
"""

import ipaddress
from functools import lru_cache
from time import monotonic

MOST_PEERS = 10_000


class Peers:
    """``per_second`` requests of one peer, and a burst of ``seconds`` worth of them at once."""

    def __init__(self, per_second: float, *, seconds: float = 2.0, most_peers: int = MOST_PEERS) -> None:
        self._interval, self._burst, self._most = 1.0 / per_second, seconds, most_peers
        self._whole_at: dict[str, float] = {}

    def wait_s(self, address: str, now: float | None = None) -> float:
        """0 where the request may come in, and counts it; else the seconds after which it may."""
        at = monotonic() if now is None else now
        peer = network(address)
        whole_at = max(self._whole_at.get(peer, 0.0), at) + self._interval
        if whole_at - at > self._burst:
            return whole_at - at - self._burst
        if len(self._whole_at) >= self._most and peer not in self._whole_at:
            self._forget(at)
        self._whole_at[peer] = whole_at
        return 0.0

    def _forget(self, at: float) -> None:
        """Peers whose allowance is whole are as good as unknown; where all are busy the first half goes."""
        busy = {peer: whole_at for peer, whole_at in self._whole_at.items() if whole_at > at}
        if len(busy) >= self._most:
            busy = dict(list(busy.items())[len(busy) // 2 :])
        self._whole_at = busy


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """The peer that an address stands for; an address that is none stands for itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
