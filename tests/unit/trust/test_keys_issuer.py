"""The keeper in front of a running issuer: rotation, withdrawal, discovery, on the machine's clock."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator

import pytest
import uvloop

from accredit.dev.issuer import DevIssuer
from accredit.trust.clock import Clock
from accredit.trust.discovery import Flavour
from accredit.trust.freshness import Bounds
from accredit.trust.keys import KeyPolicy
from accredit.trust.network import Reach
from accredit.trust.sources import Discovery, IssuerSource, JwksUri, KeySource
from tests.unit.trust.harness import until
from tests.unit.trust.keeping import Book, keeper

PLAIN = Reach(loopback_http=True)
QUICK = KeyPolicy(refresh=Bounds(0.05, 0.1), hold_s=0.01)
CALM = KeyPolicy(refresh=Bounds(60, 3600), hold_s=0.01)


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithms=["ES256", "Ed25519"], keys_max_age_s=0) as running:
        yield running


def kids(issuer: DevIssuer) -> set[str]:
    return {key["kid"] for key in issuer.keyring.jwks()["keys"]}


def newest(book: Book) -> set[str]:
    return set(book.taken[-1].kids) if book.taken else set()


@pytest.mark.parametrize(
    "make",
    [
        lambda i: JwksUri(i.jwks_uri),
        lambda _: Discovery(Flavour.OIDC),
        lambda _: Discovery(Flavour.OAUTH),
    ],
)
async def test_a_withdrawn_key_leaves_and_a_new_one_comes_by_itself(
    issuer: DevIssuer,
    make: Callable[[DevIssuer], KeySource],
) -> None:
    book = Book()
    kept = keeper(None, book, Clock(), policy=QUICK)
    await kept.reconfigure([IssuerSource(issuer.issuer, make(issuer), PLAIN)])
    await kept.tried()
    withdrawn = kids(issuer)
    assert newest(book) == withdrawn
    issuer.keyring.rotate()
    await until(lambda: newest(book) == kids(issuer))
    await kept.aclose()
    assert not newest(book) & withdrawn


async def test_a_need_brings_the_new_key_at_once_and_the_old_one_goes_in_its_time(
    issuer: DevIssuer,
) -> None:
    book = Book()
    kept = keeper(None, book, Clock(), policy=CALM)
    await kept.reconfigure([IssuerSource(issuer.issuer, JwksUri(issuer.jwks_uri), PLAIN)])
    await kept.tried()
    old = kids(issuer)
    issuer.keyring.rotate(keep_s=3600)
    assert len(book.taken) == 1
    kept.request(issuer.issuer)
    await until(lambda: len(book.taken) == 2)
    await kept.aclose()
    assert newest(book) == kids(issuer) > old


def _run(main: Callable[[], Coroutine[object, object, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_it_runs_on_the_loop_that_serves(issuer: DevIssuer) -> None:
    async def main() -> None:
        book = Book()
        kept = keeper(None, book, Clock(), policy=CALM)
        await kept.reconfigure([IssuerSource(issuer.issuer, Discovery(Flavour.OIDC), PLAIN)])
        await kept.tried()
        await kept.aclose()
        assert newest(book) == kids(issuer)

    _run(main)
