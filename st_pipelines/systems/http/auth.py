"""How a connection proves who it is. Invariant: credentials are put on a request only after its origin was checked.

``Auth.headers()`` gives what goes on each request; ``Auth.renew()`` is called once after a 401.
"""

from collections.abc import Mapping
from typing import Protocol

from st_pipelines.credentials.secret import Secret


class Auth(Protocol):
    """Thread-safe. Raises ``SignInRefused`` or ``SignInUnavailable``."""

    def headers(self) -> Mapping[str, Secret | str]:
        """The headers that carry the credentials, ready to send."""

    def renew(self, rejected: Mapping[str, str]) -> bool:
        """After a 401 to a request with these headers: true if there are now others, worth one more try."""
