"""Where a fetch may go: URLs, names, addresses, rebinding, openings and the loopback exception."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accredit.trust.addresses import Address, Opening, special_use
from accredit.trust.failure import CodedFetchError, FetchCode, masked
from accredit.trust.http import FetchLimits
from accredit.trust.network import PUBLIC, Reach, resolve, target_of
from tests.unit.trust.harness import (
    HOST,
    LIMITS,
    LOOPBACK,
    OPEN,
    Authority,
    Names,
    Wires,
    client,
    fixed,
    home,
    origin,
)

PLAIN = Reach(loopback_http=True)


async def refused(
    url: str,
    names: Names,
    *,
    reach: Reach = PUBLIC,
    wires: Wires | None = None,
) -> tuple[FetchCode, Wires]:
    wires = wires or Wires()
    with pytest.raises(CodedFetchError) as caught:
        await client(None, names, wires=wires).get_json(url, reach=reach)
    return caught.value.code, wires


@pytest.mark.attack(15)
async def test_a_name_that_is_rebound_after_the_check_gains_nothing(authority: Authority) -> None:
    # The resolver would answer loopback the second time; the network leads there at once.
    names = Names(issuer_test=[["93.184.216.34"], ["127.0.0.1"]])
    wires = Wires(lead_to="127.0.0.1")
    async with origin(fixed(b"{}"), authority.server) as server:
        code, _ = await refused(server.url(), names, wires=wires)
    assert code is FetchCode.PEER_CHANGED
    assert names.asked == [HOST]
    assert wires.asked == ["93.184.216.34"]
    assert not server.seen


@pytest.mark.attack(15)
async def test_the_peer_must_be_the_judged_address_even_where_both_are_open(
    authority: Authority,
) -> None:
    names = Names(issuer_test=[["127.0.0.2"]])
    async with origin(fixed(b"{}"), authority.server) as server:
        code, _ = await refused(server.url(), names, reach=OPEN, wires=Wires(lead_to="127.0.0.1"))
    assert code is FetchCode.PEER_CHANGED
    assert not server.seen


@pytest.mark.attack(15)
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "169.254.169.254", "169.254.1.1", "10.0.0.1", "172.16.0.1", "192.168.0.1",
        "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "168.63.129.16", "::1", "::",
        "fe80::1", "fe80::1%lo", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "::ffff:93.184.216.34", "64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::a00:1",
        "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
async def test_a_special_address_is_refused_before_connecting(address: str) -> None:
    for row in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        code, wires = await refused("https://issuer.test/jwks", Names(issuer_test=[row]))
        assert code is FetchCode.ADDRESS_REFUSED
        assert wires.asked == []


@pytest.mark.attack(15)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]",
     "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00:ec2::254]", "10.1.2.3", "0.0.0.0"],
)  # fmt: skip
async def test_an_address_literal_is_judged_and_never_resolved(host: str) -> None:
    names = Names()
    code, wires = await refused(f"https://{host}/jwks", names)
    assert code is FetchCode.ADDRESS_REFUSED
    assert (names.asked, wires.asked) == ([], [])


@pytest.mark.attack(15)
@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
async def test_what_the_system_reads_as_loopback_is_refused(host: str) -> None:
    guarded = client(None, Names())
    guarded._resolver = resolve
    with pytest.raises(CodedFetchError) as caught:
        await guarded.get_json(f"https://{host}/jwks")
    # Of these forms some are no URL, some no name, and the rest loopback.
    assert caught.value.code in {
        FetchCode.ADDRESS_REFUSED,
        FetchCode.NAME_UNKNOWN,
        FetchCode.URL_REFUSED,
    }


async def test_an_opening_of_another_host_or_range_opens_nothing() -> None:
    for opening in (
        Opening("other.test", LOOPBACK),
        Opening(HOST, ipaddress.ip_network("127.1.0.0/16")),
    ):
        code, wires = await refused("https://issuer.test/jwks", home(), reach=Reach((opening,)))
        assert code is FetchCode.ADDRESS_REFUSED
        assert wires.asked == []


async def test_a_name_without_an_address_is_its_own_failure() -> None:
    for names in (Names(), Names(issuer_test=[[]])):
        code, _ = await refused("https://issuer.test/jwks", names)
        assert code is FetchCode.NAME_UNKNOWN


async def test_a_second_address_is_tried_where_the_first_is_closed(authority: Authority) -> None:
    names = Names(issuer_test=[["127.0.0.9", "127.0.0.1"]])
    wires = Wires()
    async with origin(fixed(b"{}"), authority.server) as server:
        fetched = await client(authority, names, wires=wires).get_json(server.url(), reach=OPEN)
    assert fetched.document == {}
    assert wires.asked == ["127.0.0.9", "127.0.0.1"]


async def test_a_name_with_many_addresses_costs_few_attempts() -> None:
    names = Names(issuer_test=[[f"127.0.0.{number}" for number in range(2, 250)]])
    code, wires = await refused("https://issuer.test:1/jwks", names, reach=OPEN)
    assert code is FetchCode.CONNECT_FAILED
    assert len(wires.asked) == 4


async def test_a_silent_resolver_costs_the_time_to_connect() -> None:
    async def never(host: str, port: int) -> Sequence[Address]:
        del host, port
        await asyncio.sleep(3600)
        return []

    guarded = client(None, Names(), limits=FetchLimits(0.05, 10, 4096))
    guarded._resolver = never
    with pytest.raises(CodedFetchError) as caught:
        await guarded.get_json("https://issuer.test/")
    assert caught.value.code is FetchCode.TIMED_OUT


@pytest.mark.parametrize(
    "url",
    [
        "", "issuer.test", "//issuer.test/a", "https:", "https://", "https:///a", "https:issuer.test",
        "file:///etc/passwd", "ftp://issuer.test/", "gopher://issuer.test/", "data:,x",
        "unix:///run/x", "HTTPS//issuer.test", "https://user@issuer.test/", "https://u:p@issuer.test/",
        "https://@issuer.test/", "https://issuer.test/#a", "https://issuer.test/#",
        "https://issuer.test:0/", "https://issuer.test:65536/", "https://issuer.test:x/",
        "https://issuer.test:/", "https://issuer.test:-1/", "https://[::1/", "https://[::1%25lo]/",
        "https://[v1.a]/", "https://issuer_.test./", "https://.issuer.test/", "https://issuer..test/",
        "https://issuer.test./", "https://-a.test/", "https://iss\u00fcr.test/", "https://a.test/\u00e9",
        "https://a.test/ b", "https://a.test/\r\nx: y", "https://a.test\\@b.test/", "https://a.test/\x00",
        "https://%61.test/", "https://*.test/", "https://a.test/" + "a" * 2048, "https://" + "a" * 254,
        "https://" + "a" * 64 + ".test/", " https://a.test/", "https://a.test/<x>",
    ],
)  # fmt: skip
async def test_a_url_that_is_not_plain_https_is_refused_unseen(url: str) -> None:
    names = Names()
    for reach in (PUBLIC, PLAIN):
        code, wires = await refused(url, names, reach=reach)
        assert code is FetchCode.URL_REFUSED
    assert (names.asked, wires.asked) == ([], [])


@given(st.text(max_size=60))
def test_any_text_is_judged_and_masked_without_surprise(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.test/{text}?q"):
        assert masked(url).isascii()
        with contextlib.suppress(CodedFetchError):
            assert target_of(url, PLAIN).host
            assert "?" not in masked(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_may_be_asked_without_tls_where_the_operator_said_so(host: str) -> None:
    names = Names(localhost=[["127.0.0.1"]])
    async with origin(fixed(b"{}"), None) as server:
        url = f"http://{host}:{server.port}/jwks"
        assert (await client(None, names).get_json(url, reach=PLAIN)).document == {}
        code, _ = await refused(url, names)
        assert code is FetchCode.URL_REFUSED
        # An opening is about addresses; it does not take TLS away.
        code, _ = await refused(url, names, reach=Reach((Opening(host, LOOPBACK),)))
        assert code is FetchCode.URL_REFUSED
    assert len(server.seen) == 1


@pytest.mark.attack(15)
@pytest.mark.parametrize(
    "url",
    ["http://issuer.test/", "http://127.0.0.1.issuer.test/", "http://10.0.0.1/", "http://0.0.0.0/",
     "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/", "http://127.1/", "http://localhost.test/"],
)  # fmt: skip
async def test_the_exception_is_for_loopback_alone(url: str) -> None:
    code, wires = await refused(url, Names(issuer_test=[["127.0.0.1"]]), reach=PLAIN)
    assert code is FetchCode.URL_REFUSED
    assert wires.asked == []


@pytest.mark.attack(15)
@pytest.mark.parametrize("address", ["93.184.216.34", "10.0.0.1", "::ffff:127.0.0.1"])
async def test_a_localhost_that_is_elsewhere_is_refused(address: str) -> None:
    names = Names(localhost=[["127.0.0.1", address]])
    code, wires = await refused("http://localhost/", names, reach=PLAIN)
    assert code is FetchCode.ADDRESS_REFUSED
    assert wires.asked == []


async def test_the_exception_opens_nothing_for_https() -> None:
    code, _ = await refused("https://127.0.0.1/", Names(), reach=PLAIN)
    assert code is FetchCode.ADDRESS_REFUSED


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://issuer.test/jwks", True), ("https://issuer.test:443/", True),
        ("https://ISSUER.test/x?y", True), ("https://issuer.test:8443/", False),
        ("http://issuer.test/", False), ("http://issuer.test:443/", False),
        ("https://keys.issuer.test/", False), ("https://issuer.test@evil.test/", False),
        ("https://10.0.0.1/", False), ("", False), ("https://issuer.test:x/", False),
    ],
)  # fmt: skip
def test_a_url_from_a_document_has_the_reach_of_its_own_origin_alone(url: str, same: bool) -> None:
    assert (OPEN.towards(url, configured="https://issuer.test/realm") is OPEN) == same


async def test_the_system_resolver_gives_addresses() -> None:
    found = await resolve("localhost", 443)
    assert found
    assert all(special_use(address) == "loopback" for address in found)
    assert LIMITS.body_bytes == 4096
