"""Special-use addresses: a table by hand, the standard library's view, and properties."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accredit.trust.addresses import Opening, embedded_ipv4, is_loopback, judge, special_use

REFUSED = {
    "0.0.0.0": "this_network",
    "0.1.2.3": "this_network",
    "10.0.0.1": "private_use",
    "100.64.0.1": "shared_space",
    "100.127.255.255": "shared_space",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.0.1": "link_local",
    "169.254.169.254": "metadata_service",
    "169.254.170.2": "metadata_service",
    "168.63.129.16": "metadata_service",
    "100.100.100.200": "metadata_service",
    "172.16.0.1": "private_use",
    "172.31.255.255": "private_use",
    "192.0.0.1": "protocol_assignments",
    "192.0.0.192": "metadata_service",
    "192.0.2.1": "documentation",
    "192.31.196.1": "as112",
    "192.52.193.1": "amt",
    "192.88.99.1": "relay_anycast",
    "192.168.1.1": "private_use",
    "192.175.48.1": "as112",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "embedded_ipv4",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "metadata_service",
    "::ffff:8.8.8.8": "embedded_ipv4",
    "::ffff:0:10.0.0.1": "private_use",
    "64:ff9b::10.0.0.1": "private_use",
    "64:ff9b::8.8.8.8": "embedded_ipv4",
    "64:ff9b:1::169.254.169.254": "metadata_service",
    "2002:7f00:1::": "loopback",
    "2002:0808:0808::1": "embedded_ipv4",
    "2001:0:4136:e378:8000:63bf:80ff:fffe": "loopback",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "documentation",
    "2a00:1450:4001:81b:0:5efe:7f00:1": "loopback",
    "2a00:1450:4001:81b:200:5efe:a00:1": "private_use",
    "100::1": "discard_only",
    "100:0:0:1::1": "dummy_prefix",
    "2001:2::1": "protocol_assignments",
    "2001:20::1": "protocol_assignments",
    "2001:db8::1": "documentation",
    "2620:4f:8000::1": "as112",
    "3fff::1": "documentation",
    "5f00::1": "segment_routing",
    "fc00::1": "unique_local",
    "fd12:3456::1": "unique_local",
    "fd00:ec2::254": "metadata_service",
    "fe80::1": "link_local",
    "fe80::1%eth0": "scoped",
    "febf::1": "link_local",
    "fec0::1": "site_local",
    "ff02::1": "multicast",
    "200::1": "unallocated",
    "4000::1": "unallocated",
}
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255",
    "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:4860:4860::8888", "2001:200::1",
    "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2003::1",
]  # fmt: skip
ANY = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@pytest.mark.attack(15)
@pytest.mark.parametrize(("text", "use"), REFUSED.items())
def test_a_special_use_is_named(text: str, use: str) -> None:
    assert special_use(ipaddress.ip_address(text)) == use


@pytest.mark.parametrize("text", PUBLIC)
def test_a_global_unicast_address_has_none(text: str) -> None:
    assert special_use(ipaddress.ip_address(text)) is None


@given(ANY)
def test_nothing_that_the_standard_library_calls_not_global_is_let_through(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert special_use(address) is not None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "2002::"]))
def test_an_address_inside_an_address_is_never_let_through(
    inner: ipaddress.IPv4Address,
    prefix: str,
) -> None:
    shift = 80 if prefix == "2002::" else 0
    outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner) << shift)
    assert embedded_ipv4(outer) == inner
    assert special_use(outer) == (special_use(inner) or "embedded_ipv4")
    opening = Opening("a.test", ipaddress.ip_network("10.0.0.0/8"))
    assert judge(outer, host="a.test", openings=[opening]) is not None


@given(ANY)
def test_without_an_opening_the_judgement_is_the_special_use(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert judge(address, host="a.test", openings=[]) == special_use(address)


@pytest.mark.parametrize(
    ("host", "cidr", "address", "open_"),
    [
        ("a.test", "10.0.0.0/8", "10.1.2.3", True),
        ("A.test", "10.0.0.0/8", "10.1.2.3", True),
        ("a.test", "10.1.0.0/16", "10.2.0.1", False),
        ("b.test", "10.0.0.0/8", "10.1.2.3", False),
        ("a.test", "127.0.0.0/8", "127.0.0.1", True),
        ("a.test", "127.0.0.0/8", "::1", False),
        ("a.test", "fc00::/7", "fd00::1", True),
        ("a.test", "fc00::/7", "fd00:ec2::254", False),
        ("a.test", "100.64.0.0/10", "100.100.100.200", False),
        ("a.test", "10.0.0.0/8", "192.168.0.1", False),
    ],
)
def test_an_opening_opens_one_host_and_one_range(
    host: str,
    cidr: str,
    address: str,
    open_: bool,
) -> None:
    opening = Opening(host, ipaddress.ip_network(cidr))
    verdict = judge(ipaddress.ip_address(address), host="a.test", openings=[opening])
    assert (verdict is None) == open_


def test_an_opening_for_an_address_literal_may_have_brackets() -> None:
    opening = Opening("[fd00::1]", ipaddress.ip_network("fd00::/64"))
    assert judge(ipaddress.ip_address("fd00::1"), host="fd00::1", openings=[opening]) is None


@pytest.mark.parametrize(
    "cidr",
    ["0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/32", "8.8.8.8/32", "224.0.0.0/4", "::/0",
     "fe80::/10", "64:ff9b::/96", "::ffff:0:0/96", "10.0.0.0/7", "2002::/16"],
)  # fmt: skip
def test_a_range_that_is_not_of_private_use_cannot_be_opened(cidr: str) -> None:
    with pytest.raises(ValueError, match="may not be opened"):
        Opening("a.test", ipaddress.ip_network(cidr))


def test_an_opening_without_a_host_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a host"):
        Opening("", ipaddress.ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::1%lo", False),
     ("::ffff:127.0.0.1", False), ("0.0.0.0", False), ("128.0.0.1", False)],
)  # fmt: skip
def test_loopback_is_known_in_its_own_form_alone(text: str, expected: bool) -> None:
    assert is_loopback(ipaddress.ip_address(text)) is expected
