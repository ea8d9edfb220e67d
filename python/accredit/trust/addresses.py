"""Which addresses a fetch may reach: everything that IANA registers for a special use is refused.

The tables follow the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190
and the RFCs beside each row) and multicast. Three rules are added: outside 2000::/3 no IPv6
address is global unicast (RFC 4291, section 2.4), an address that carries an IPv4 address is
refused whatever it carries, and the metadata services of clouds are refused by address, since one
of them lies in public space.

An operator may open a private range for one host. What reaches the machine's own link, a metadata
service or an address inside another address can never be opened.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Address", "Network", "Opening", "embedded_ipv4", "is_loopback", "judge", "special_use"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Opening:
    """Lets one host be reached in one private range; written by the operator for one issuer.

    Attributes:
        host: A host name or an address literal, as it stands in the URL; compared without case.
        cidr: A range of private use; any other range is refused here.

    Raises:
        ValueError: The host is empty, or the range is not one that may be opened.
    """

    host: str
    cidr: Network

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("an opening needs a host")
        if not any(_inside(self.cidr, network) for network in _OPENABLE):
            allowed = ", ".join(str(network) for network in _OPENABLE)
            raise ValueError(f"{self.cidr} may not be opened; ranges that may: {allowed}")

    def covers(self, host: str, address: Address) -> bool:
        """Whether this entry opens `address` for a URL whose host is `host`."""
        return (
            _bare(self.host) == _bare(host)
            and address.version == self.cidr.version
            and address in self.cidr
        )


def judge(address: Address, *, host: str, openings: Iterable[Opening]) -> str | None:
    """Says why a fetch from `host` may not go to `address`.

    Args:
        address: What the name resolved to, or the peer of a connected socket.
        host: The host of the URL, which the openings name.
        openings: The operator's entries for this fetch; none for a URL that came from outside.

    Returns:
        None where the address may be reached, else the name of its special use.
    """
    use = special_use(address)
    if use is None:
        return None
    if use in _NEVER_OPENED:
        return use
    return None if any(opening.covers(host, address) for opening in openings) else use


def special_use(address: Address) -> str | None:
    """Names the special use of `address`; None where it is global unicast.

    The names are stable: they stand in logs and in the state of an issuer.
    """
    if address in _METADATA:
        return "metadata_service"
    if isinstance(address, ipaddress.IPv4Address):
        return next((name for network, name in _IPV4 if address in network), None)
    if getattr(address, "scope_id", None) is not None:
        return "scoped"
    carried = embedded_ipv4(address)
    if carried is not None:
        # Even a public address: no resolver has a reason to answer with one of these forms, and
        # a stack that unwraps it would connect to what was never judged.
        return special_use(carried) or "embedded_ipv4"
    named = next((name for network, name in _IPV6 if address in network), None)
    if named is not None:
        return named
    return None if address in _GLOBAL_UNICAST else "unallocated"


def embedded_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Returns the IPv4 address inside an IPv6 address, for every form that some stack unwraps.

    Mapped (RFC 4291, section 2.5.5.2), translated (RFC 2765), NAT64 (RFC 6052 and RFC 8215),
    6to4 (RFC 3056), Teredo's client (RFC 4380) and ISATAP (RFC 5214). The deprecated compatible
    form ::/96 has a row in the table instead, since ::1 stands in it too.
    """
    bits = int(address)
    for network, shift in _EMBEDDING:
        if address in network:
            return ipaddress.IPv4Address((bits >> shift) & _LOW_32)
    if address in _TEREDO:
        return ipaddress.IPv4Address(~bits & _LOW_32)
    # The interface identifier of ISATAP: 0000:5efe or 0200:5efe and then the address.
    if (bits >> 32) & 0xFDFF_FFFF == _ISATAP:
        return ipaddress.IPv4Address(bits & _LOW_32)
    return None


def is_loopback(address: Address) -> bool:
    """Whether the address is 127.0.0.0/8 or ::1, in these forms alone."""
    if getattr(address, "scope_id", None) is not None:
        return False
    return any(address in network for network in _LOOPBACK)


def _bare(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]")


def _inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


_LOW_32: Final = 0xFFFF_FFFF
_ISATAP: Final = 0x0000_5EFE
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")
_LOOPBACK: Final = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))

# Network, and how far the embedded address stands from the right.
_EMBEDDING: Final = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)

_METADATA: Final = frozenset[Address](
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",  # credentials of a container task
        "169.254.170.23",  # credentials of a pod
        "100.100.100.200",
        "168.63.129.16",  # a public address that a host answers by itself
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)

_IPV4: Final = tuple(
    (ipaddress.IPv4Network(text), name)
    for text, name in (
        ("0.0.0.0/8", "this_network"),  # RFC 791, section 3.2
        ("10.0.0.0/8", "private_use"),  # RFC 1918
        ("100.64.0.0/10", "shared_space"),  # RFC 6598
        ("127.0.0.0/8", "loopback"),  # RFC 1122, section 3.2.1.3
        ("169.254.0.0/16", "link_local"),  # RFC 3927
        ("172.16.0.0/12", "private_use"),  # RFC 1918
        ("192.0.0.0/24", "protocol_assignments"),  # RFC 6890, section 2.1
        ("192.0.2.0/24", "documentation"),  # RFC 5737
        ("192.31.196.0/24", "as112"),  # RFC 7535
        ("192.52.193.0/24", "amt"),  # RFC 7450
        ("192.88.99.0/24", "relay_anycast"),  # RFC 7526
        ("192.168.0.0/16", "private_use"),  # RFC 1918
        ("192.175.48.0/24", "as112"),  # RFC 7534
        ("198.18.0.0/15", "benchmarking"),  # RFC 2544
        ("198.51.100.0/24", "documentation"),  # RFC 5737
        ("203.0.113.0/24", "documentation"),  # RFC 5737
        ("224.0.0.0/4", "multicast"),  # RFC 5771
        ("255.255.255.255/32", "broadcast"),  # RFC 8190
        ("240.0.0.0/4", "reserved"),  # RFC 1112, section 4
    )
)

_IPV6: Final = tuple(
    (ipaddress.IPv6Network(text), name)
    for text, name in (
        ("::1/128", "loopback"),  # RFC 4291
        ("::/128", "unspecified"),  # RFC 4291
        ("::/96", "embedded_ipv4"),  # RFC 4291, section 2.5.5.1, deprecated
        ("100::/64", "discard_only"),  # RFC 6666
        ("100:0:0:1::/64", "dummy_prefix"),  # RFC 9780
        ("2001::/23", "protocol_assignments"),  # RFC 2928
        ("2001:db8::/32", "documentation"),  # RFC 3849
        ("2620:4f:8000::/48", "as112"),  # RFC 7534
        ("3fff::/20", "documentation"),  # RFC 9637
        ("5f00::/16", "segment_routing"),  # RFC 9602
        ("fc00::/7", "unique_local"),  # RFC 4193
        ("fe80::/10", "link_local"),  # RFC 4291
        ("fec0::/10", "site_local"),  # RFC 3879, deprecated
        ("ff00::/8", "multicast"),  # RFC 4291
    )
)

# Ranges that an organisation numbers by itself, and the machine's own loopback.
_OPENABLE: Final[tuple[Network, ...]] = (
    *_LOOPBACK,
    ipaddress.IPv4Network("10.0.0.0/8"),
    ipaddress.IPv4Network("172.16.0.0/12"),
    ipaddress.IPv4Network("192.168.0.0/16"),
    ipaddress.IPv4Network("100.64.0.0/10"),
    ipaddress.IPv6Network("fc00::/7"),
)

# A range that may be opened can hold an address that may not.
_NEVER_OPENED: Final = frozenset({"metadata_service", "embedded_ipv4", "scoped"})
