"""The keeper of keys and where keys come from: inline, files, discovery, and the clock."""

import asyncio
from pathlib import Path

import pytest

from accredit.trust.addresses import Opening
from accredit.trust.clock import Clock
from accredit.trust.discovery import Flavour
from accredit.trust.failure import FetchCode
from accredit.trust.issuer_keys import FOREVER_S
from accredit.trust.keys import KeyKeeper
from accredit.trust.network import PUBLIC, Reach
from accredit.trust.sources import Discovery, File, Inline
from tests.unit.trust.harness import (
    OPEN,
    Authority,
    Names,
    Origin,
    Seen,
    Write,
    fixed,
    origin,
    until,
)
from tests.unit.trust.keeping import (
    ISSUER,
    NOW_S,
    POLICY,
    Book,
    ManualClock,
    jwks,
    keeper,
    keys_answer,
    rest,
    source,
)


async def test_inline_keys_stand_as_long_as_the_catalogue_does() -> None:
    book, clock = Book(), ManualClock()
    kept = keeper(None, book, clock)
    await kept.reconfigure([source(Inline(jwks("a")), reach=PUBLIC)])
    await kept.tried()
    clock.elapsed_s = 10 * 86_400
    await rest()
    kept.request(ISSUER)
    (state,) = kept.states()
    await kept.aclose()
    assert [(taken.kids, taken.usable_until_s) for taken in book.taken] == [(["a"], FOREVER_S)]
    assert book.told[2:4] == [("failed", ISSUER), ("resolve", ISSUER)]
    assert (state.source, state.next_refresh_s) == ("inline", None)


async def test_a_key_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    book, clock, path = Book(), ManualClock(), tmp_path / "keys.json"
    kept = keeper(None, book, clock)
    await kept.reconfigure([source(File(path), reach=PUBLIC)])
    await until(lambda: kept.states()[0].next_refresh_s)
    assert kept.states()[0].last_error == "file_unreadable"

    async def wrote(body: bytes, done: int) -> None:
        path.write_bytes(body)
        clock.elapsed_s += POLICY.file_poll_s
        await until(lambda: len(book.taken) == done, lambda: kept.states()[0].next_refresh_s)

    await wrote(jwks("a"), 1)
    clock.elapsed_s += POLICY.file_poll_s
    await rest()
    assert len(book.taken) == 1
    await wrote(jwks("b", "c"), 2)
    assert [taken.kids for taken in book.taken] == [["a"], ["b", "c"]]
    assert book.taken[1].usable_until_s == int(clock.now_s()) + POLICY.max_age_s
    # Within the upper bound it is read again, so that an unchanged file does not grow too old.
    clock.elapsed_s += POLICY.refresh.max_s
    await until(lambda: len(book.taken) == 3, lambda: kept.states()[0].next_refresh_s)
    path.write_bytes(b" " * (POLICY.max_bytes + 1))
    clock.elapsed_s += POLICY.file_poll_s
    await until(lambda: kept.states()[0].last_error == "key_set_refused")
    await kept.aclose()


class Realm:
    """An origin with metadata and two places for keys."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.jwks_path = "/one"
        self.broken: set[str] = set()
        self.server: Origin | None = None

    async def __call__(self, seen: Seen, write: Write) -> None:
        self.paths.append(seen.path)
        assert self.server is not None
        own = self.server.url("")
        document = f'{{"issuer":"{own}","jwks_uri":"{own}{self.jwks_path}"}}'.encode()
        if seen.path in self.broken:
            answer = fixed(b"{}", status="500 No")
        elif seen.path.startswith("/.well-known"):
            answer = fixed(document, "cache-control: max-age=3600")
        else:
            answer = keys_answer(seen.path[1:])
        await answer(seen, write)


@pytest.mark.parametrize("flavour", list(Flavour))
async def test_discovery_is_remembered_until_it_is_stale_or_its_keys_fail(
    authority: Authority,
    flavour: Flavour,
) -> None:
    realm, book, clock = Realm(), Book(), ManualClock()
    metadata = (
        "/.well-known/openid-configuration"
        if flavour is Flavour.OIDC
        else "/.well-known/oauth-authorization-server"
    )
    async with origin(realm, authority.server) as server:
        realm.server, own = server, server.url("")
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(Discovery(flavour), own)])
        await until(lambda: kept.states()[0].next_refresh_s)
        kept.request(own)
        await until(lambda: len(book.taken) == 2, lambda: kept.states()[0].next_refresh_s)
        assert realm.paths == [metadata, "/one", "/one"]
        realm.jwks_path, realm.broken = "/two", {"/one"}
        clock.elapsed_s += POLICY.hold_s
        kept.request(own)
        await until(lambda: book.count("failed", own) == 1, lambda: kept.states()[0].next_refresh_s)
        clock.elapsed_s += 1
        await until(lambda: len(book.taken) == 3, lambda: kept.states()[0].next_refresh_s)
        assert realm.paths[3:] == ["/one", metadata, "/two"]
        clock.elapsed_s += 3600
        await until(lambda: len(book.taken) == 4)
        assert realm.paths[6:] == [metadata, "/two"]
        (state,) = kept.states()
        await kept.aclose()
    assert state.source == flavour.value


@pytest.mark.attack(15)
async def test_discovery_never_leads_inside(authority: Authority) -> None:
    realm, book = Realm(), Book()
    names = Names(issuer_test=[["127.0.0.1"]], inside_test=[["127.0.0.1"]])
    reach = Reach(
        (*OPEN.openings, Opening("inside.test", OPEN.openings[0].cidr)),
        loopback_http=True,
    )
    async with (
        origin(keys_answer("a"), authority.server) as inside,
        origin(realm, authority.server) as server,
    ):
        realm.server, own = server, server.url("")

        async def lead(seen: Seen, write: Write) -> None:
            body = (
                f'{{"issuer":"{own}","jwks_uri":"{inside.url("/jwks", "inside.test")}"}}'.encode()
            )
            await fixed(body)(seen, write)

        server.answer = lead
        kept = keeper(authority, book, ManualClock(), names=names)
        await kept.reconfigure([source(Discovery(Flavour.OIDC), own, reach)])
        await kept.tried()
        (state,) = kept.states()
        await kept.aclose()
    assert state.last_error == FetchCode.ADDRESS_REFUSED
    assert (inside.connections, book.taken) == (0, [])


async def test_the_machines_clock_waits_for_the_event_or_the_time() -> None:
    clock, event = Clock(), asyncio.Event()
    await clock.wait(event, 0.001)
    event.set()
    await clock.wait(event, None)
    assert clock.now_s() > NOW_S / 2
    assert clock.monotonic_s() <= clock.monotonic_s()
    assert KeyKeeper.__doc__
