"""Where a connection may go. Invariant: credentials leave for one origin only, that of its base URL (H3, H4).

``https`` everywhere; plain ``http`` for loopback hosts alone. Addresses are checked after resolving and the checked
address is the one connected to, so a name that is pointed elsewhere later (DNS rebinding) gains nothing.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

from st_pipelines.systems.http.errors import Misconfigured

_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_TRANSLATED = tuple(IPv6Network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
_CARRIER = tuple(range(64, 128))


@dataclass(frozen=True)
class Origin:
    """Scheme, host (lower case, ASCII) and port: what a browser calls an origin."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True for ``localhost``, 127.0.0.0/8 and ::1, by name, not by what a name resolves to."""
        return _is_loopback_name(self.host)

    @property
    def host_header(self) -> str:
        """With brackets for IPv6, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}"


@dataclass(frozen=True)
class BaseUrl:
    """An origin and the path prefix that every request gets (the context root), without a slash at its end."""

    origin: Origin
    prefix: str

    def target(self, path: str, params: tuple[tuple[str, str], ...], connection: str) -> str:
        """The request target for ``path`` (beginning with ``/``, percent-encoded) and parameters, encoded here."""
        if not path.startswith("/") or path.startswith("//") or not _PATH.fullmatch(path) or _climbs(path):
            raise Misconfigured(
                f"path {path[:120]!r} is not one that is ever sent",
                connection=connection,
                cure="begin it with one slash, encode values, put parameters into params",
            )
        try:
            query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in params)
        except (TypeError, UnicodeEncodeError):
            raise Misconfigured(
                f"a parameter of {path[:120]!r} is not a well-formed text", connection=connection
            ) from None
        return f"{self.prefix}{path}?{query}" if query else f"{self.prefix}{path}"


def parse_base_url(url: str, connection: str) -> BaseUrl:
    """Checks an address that a person typed. Raises ``Misconfigured`` with the reason and without the address, which
    may hold a password."""

    def refuse(why: str) -> Misconfigured:
        return Misconfigured(f"the base URL {why}", connection=connection, cure="correct the connection's base_url")

    if not url.isascii() or any(
        ord(character) <= 32 or ord(character) == 127 or character == "\\" for character in url
    ):
        raise refuse("holds a blank, a control character or a letter outside ASCII (write the host in its xn-- form)")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise refuse("cannot be read as a URL") from None
    if parts.scheme not in ("https", "http"):
        raise refuse("does not begin with https://")
    if "@" in parts.netloc:
        raise refuse("holds a user or password; they belong into the connection's secrets")
    if parts.query or "?" in url or parts.fragment or "#" in url:
        raise refuse("holds a query or a fragment")
    if not _is_address(host) and (not _HOST.fullmatch(host) or host.rsplit(".", 1)[-1].isdigit()):
        raise refuse("has no proper host name")
    if port == 0 or parts.netloc.endswith(":"):
        raise refuse("has no proper port")
    if parts.scheme == "http" and not _is_loopback_name(host):
        raise refuse("is plain http://, which is taken for this machine alone; use https://")
    prefix = parts.path.rstrip("/")
    if not _PATH.fullmatch(prefix) or "//" in prefix or _climbs(prefix):
        raise refuse("has a path that is not plain")
    return BaseUrl(Origin(parts.scheme, host, port or {"https": 443, "http": 80}[parts.scheme]), prefix)


def refused_address(address: str, origin: Origin, private_network: bool) -> str:
    """Why we do not connect to this resolved address for that origin; empty where we do."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if origin.is_loopback:
        return "" if ip.is_loopback else "a loopback name points away from this machine"
    if ip.is_loopback or ip.is_unspecified or ip.is_link_local or ip.is_multicast:
        return "it is this machine's own, or a link-local or multicast address"
    if isinstance(ip, IPv6Address) and any(ip in network for network in _TRANSLATED):
        return "it hides another address (NAT64, 6to4 or Teredo)"
    if ip.is_global:
        return ""
    if private_network and (ip.is_private or _is_carrier(ip)):
        return ""
    return "it is in a private network; set private_network: true in the connection's settings if that is meant"


def _climbs(path: str) -> bool:
    return any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/"))


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host)) and "%" not in host
    except ValueError:
        return False


def _is_loopback_name(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_carrier(ip: IPv4Address | IPv6Address) -> bool:
    return isinstance(ip, IPv4Address) and ip.packed[0] == 100 and ip.packed[1] in _CARRIER
