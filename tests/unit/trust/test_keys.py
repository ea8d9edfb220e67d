"""The keeper of keys: pace, needs, failures, changes of the catalogue, restarts."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from accredit.errors import StateError
from tests.unit.trust.harness import (
    Answer,
    Authority,
    Seen,
    Write,
    fixed,
    origin,
    raw,
    until,
)
from tests.unit.trust.keeping import (
    ISSUER,
    NOW_S,
    POLICY,
    Book,
    Gate,
    ManualClock,
    keeper,
    keys_answer,
    rest,
    source,
)


async def test_a_set_reaches_the_core_with_its_times(authority: Authority) -> None:
    book, clock = Book(), ManualClock(NOW_S + 0.25)
    async with origin(keys_answer("a", "b"), authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        (taken,) = book.taken
        (state,) = kept.states()
        await kept.aclose()
    assert (taken.issuer, taken.kids) == (ISSUER, ["a", "b"])
    assert taken.requested_at_ms == NOW_S * 1000 + 250
    assert taken.usable_until_s == NOW_S + POLICY.max_age_s
    assert book.told[:2] == [("set", ISSUER), ("resolve", ISSUER)]
    assert (state.tried, state.keys, state.last_error, state.source) == (True, 2, None, "jwks_uri")
    assert state.next_refresh_s is None or NOW_S + 540 <= state.next_refresh_s <= NOW_S + 600
    assert state.age_s(NOW_S + 10.5) == 10
    assert state.usable(NOW_S + POLICY.max_age_s - 1)
    assert not state.usable(NOW_S + POLICY.max_age_s)
    assert state.to_json(NOW_S)["usable"] is True


async def test_all_issuers_are_tried_at_once(authority: Authority) -> None:
    # No answer is given before each of the three has asked.
    everyone = asyncio.Barrier(3)

    async def answer(seen: Seen, write: Write) -> None:
        await everyone.wait()
        await keys_answer("a")(seen, write)

    book = Book()
    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        issuers = [f"{ISSUER}/{number}" for number in range(3)]
        await kept.reconfigure([source(server.url(), issuer) for issuer in issuers])
        await kept.tried()
        await kept.aclose()
    assert sorted(taken.issuer for taken in book.taken) == issuers


async def test_one_issuers_trouble_is_not_anothers(authority: Authority) -> None:
    async def answer(seen: Seen, write: Write) -> None:
        await (keys_answer("a") if seen.path == "/good" else raw(b"nonsense"))(seen, write)

    book = Book()
    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure(
            [source(server.url("/bad"), "https://bad.test"), source(server.url("/good"))],
        )
        await kept.tried()
        bad, good = kept.states()
        await kept.aclose()
    assert (bad.issuer, bad.keys, bad.last_error, bad.failures) == (
        "https://bad.test",
        0,
        "protocol",
        1,
    )
    assert (good.keys, good.last_error) == (1, None)
    assert not bad.usable(NOW_S)


async def test_a_set_is_fetched_again_as_its_headers_say(authority: Authority) -> None:
    book, clock = Book(), ManualClock()
    async with origin(keys_answer("a", max_age_s=600), authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await until(lambda: kept.states()[0].next_refresh_s)
        clock.elapsed_s = 539
        await rest()
        assert len(server.seen) == 1
        clock.elapsed_s = 600
        await until(lambda: len(book.taken) == 2)
        await kept.aclose()
    assert book.taken[1].usable_until_s == NOW_S + 600 + POLICY.max_age_s


@pytest.mark.attack(16)
async def test_a_thousand_needs_during_a_fetch_cost_that_fetch(authority: Authority) -> None:
    book, gate = Book(), Gate(keys_answer("a"))
    async with origin(gate, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        for _ in range(500):
            kept.request(ISSUER)
        await until(lambda: server.seen)
        for _ in range(500):
            kept.request(ISSUER)
        assert book.told == []
        gate.open.set()
        await kept.tried()
        await rest()
        assert len(server.seen) == 1
        assert book.told == [("set", ISSUER), ("resolve", ISSUER)]
        await kept.aclose()


@pytest.mark.attack(17)
async def test_a_flood_of_needs_costs_one_fetch_in_each_holding_period(
    authority: Authority,
) -> None:
    book, clock = Book(), ManualClock()
    asked_at: list[float] = []

    async def answer(seen: Seen, write: Write) -> None:
        asked_at.append(clock.elapsed_s)
        await keys_answer("a")(seen, write)

    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await until(lambda: kept.states()[0].next_refresh_s)
        asked_at.clear()
        task = kept._issuers[ISSUER]
        for number in range(100):
            for _ in range(100):
                kept.request(ISSUER)
            clock.elapsed_s = number
            await until(
                lambda: not task._busy or task._not_before_s > clock.elapsed_s,
            )
        await until(lambda: not kept.states()[0].fetching)
        before = len(book.told)
        kept.request(ISSUER)
        # A need that is held back is told at once: no check waits for what is not fetched.
        assert book.told[before:] == [("failed", ISSUER), ("resolve", ISSUER)]
        await kept.aclose()
    assert 3 <= len(asked_at) <= 4
    assert all(later - earlier >= POLICY.hold_s for earlier, later in pairwise(asked_at))
    assert all(taken.kids == ["a"] for taken in book.taken)


@pytest.mark.attack(17)
async def test_a_need_just_before_the_end_of_the_hold_is_fetched_at_its_end(
    authority: Authority,
) -> None:
    book, clock = Book(), ManualClock()
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await until(lambda: kept.states()[0].next_refresh_s)
        kept.request(ISSUER)
        await until(lambda: len(book.taken) == 2, lambda: kept.states()[0].next_refresh_s)
        clock.elapsed_s = POLICY.hold_s - 0.01
        told = len(book.told)
        kept.request(ISSUER)
        await rest()
        assert (len(server.seen), book.told[told:]) == (2, [])
        clock.elapsed_s = POLICY.hold_s
        await until(lambda: len(book.taken) == 3)
        await kept.aclose()


async def test_a_need_for_an_issuer_that_is_not_kept_is_told_at_once() -> None:
    book = Book()
    kept = keeper(None, book, ManualClock())
    kept.request("https://unknown.test")
    assert book.told == [("failed", "https://unknown.test"), ("resolve", "https://unknown.test")]


@pytest.mark.attack(16)
async def test_a_fetch_that_fails_ends_the_wait_and_keeps_the_old_set(authority: Authority) -> None:
    answers: list[Answer] = [
        keys_answer("a"),
        raw(b"nonsense"),
        fixed(b"{}", status="500 No"),
        keys_answer("b"),
    ]

    async def answer(seen: Seen, write: Write) -> None:
        await answers.pop(0)(seen, write)

    book, clock = Book(), ManualClock()
    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await until(lambda: kept.states()[0].next_refresh_s)
        kept.request(ISSUER)
        await until(lambda: book.count("failed") == 1, lambda: kept.states()[0].next_refresh_s)
        (state,) = kept.states()
        assert book.told[-2:] == [("failed", ISSUER), ("resolve", ISSUER)]
        assert (state.last_error, state.failures, state.keys) == ("protocol", 1, 1)
        assert state.last_success_s == NOW_S
        assert state.usable(NOW_S + 1)
        # It tries again by itself, soon at first.
        clock.elapsed_s += 1
        await until(lambda: book.count("failed") == 2, lambda: kept.states()[0].next_refresh_s)
        (state,) = kept.states()
        assert (state.last_error, state.failures) == ("status", 2)
        clock.elapsed_s += 2
        await until(lambda: len(book.taken) == 2)
        (state,) = kept.states()
        assert (state.last_error, state.failures, book.taken[1].kids) == (None, 0, ["b"])
        await kept.aclose()


async def test_the_pauses_after_failures_grow_up_to_the_lower_bound(authority: Authority) -> None:
    book, clock = Book(), ManualClock()
    asked_at: list[float] = []

    async def answer(seen: Seen, write: Write) -> None:
        asked_at.append(clock.elapsed_s)
        await fixed(b"{}", status="503 No")(seen, write)

    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        for number in range(1, 11):
            while book.count("failed") < number or kept.states()[0].next_refresh_s is None:
                await rest()
            pause_s = (kept.states()[0].next_refresh_s or 0) - int(clock.now_s())
            clock.elapsed_s += max(1, pause_s + 1)
        await kept.aclose()
    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert max(pauses[:3]) <= 6
    assert min(pauses[7:]) >= 30
    assert max(pauses) <= POLICY.refresh.min_s + 1


async def test_a_refused_set_leaves_the_old_one_and_says_why(authority: Authority) -> None:
    answers: list[Answer] = [keys_answer("a"), fixed(b'{"keys":[{"kid":"a","d":"private"}]}')]

    async def answer(seen: Seen, write: Write) -> None:
        await answers.pop(0)(seen, write)

    book = Book()
    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await until(lambda: kept.states()[0].next_refresh_s)
        kept.request(ISSUER)
        await until(lambda: book.count("failed") == 1, lambda: kept.states()[0].last_error)
        (state,) = kept.states()
        await kept.aclose()
    assert (state.last_error, state.keys) == ("key_set_refused", 1)
    assert state.last_error_detail == "key `a` holds private material"
    assert [taken.kids for taken in book.taken] == [["a"]]


@pytest.mark.attack(16)
async def test_a_cancelled_fetch_ends_the_wait_and_brings_nothing(authority: Authority) -> None:
    book, gate = Book(), Gate(keys_answer("a"))
    async with origin(gate, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        await until(lambda: server.seen)
        kept.request(ISSUER)
        await kept.aclose()
        assert book.told == [("failed", ISSUER), ("resolve", ISSUER)]
        gate.open.set()
        await rest()
        kept.request(ISSUER)
    assert book.taken == []
    assert book.told[2:] == [("failed", ISSUER), ("resolve", ISSUER)]


async def test_a_keeper_that_is_closed_before_it_ran_tells_too(authority: Authority) -> None:
    book = Book()
    kept = keeper(authority, book, ManualClock())
    await kept.reconfigure([source("https://issuer.test:1/")])
    kept.request(ISSUER)
    await kept.aclose()
    assert book.told == [("failed", ISSUER), ("resolve", ISSUER)]


@pytest.mark.attack(16)
async def test_a_catalogue_that_changes_during_a_fetch_wins_over_it(authority: Authority) -> None:
    book, gate = Book(), Gate(keys_answer("old"))
    async with (
        origin(gate, authority.server) as old,
        origin(keys_answer("new"), authority.server) as new,
    ):
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(old.url())])
        await until(lambda: old.seen)
        kept.request(ISSUER)
        await kept.reconfigure([source(new.url())])
        gate.open.set()
        await until(lambda: book.taken)
        await rest()
        await kept.aclose()
    assert [taken.kids for taken in book.taken] == [["new"]]
    assert book.told == [
        ("failed", ISSUER),
        ("resolve", ISSUER),
        ("set", ISSUER),
        ("resolve", ISSUER),
    ]


@pytest.mark.attack(16)
async def test_an_issuer_that_leaves_during_a_fetch_is_never_set(authority: Authority) -> None:
    book, gate = Book(), Gate(keys_answer("a"))
    async with origin(gate, authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        await until(lambda: server.seen)
        await kept.reconfigure([])
        gate.open.set()
        await rest()
    assert (book.taken, kept.states()) == ([], ())
    assert book.told == [("failed", ISSUER), ("resolve", ISSUER)]


async def test_an_issuer_that_stays_is_not_disturbed_and_keeps_its_state(
    authority: Authority,
) -> None:
    book = Book()
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        await kept.reconfigure([source(server.url()), source(server.url(), "https://b.test")])
        await kept.tried()
        assert [taken.issuer for taken in book.taken] == [ISSUER, "https://b.test"]
        # A source that changes and fails: the core still holds the old set, and the state says so.
        await kept.reconfigure([source("https://issuer.test:1/")])
        await kept.tried()
        (state,) = kept.states()
        await kept.aclose()
    assert (state.keys, state.last_success_s, state.last_error) == (1, NOW_S, "connect_failed")


async def test_the_last_good_set_survives_a_restart_with_its_age(
    authority: Authority,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state" / "keys"
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, Book(), ManualClock(NOW_S + 0.5), folder=folder)
        await kept.reconfigure([source(server.url())])
        await until(lambda: list(folder.glob("*.json")))
        await kept.aclose()
        url = server.url()
    book = Book()
    kept = keeper(authority, book, ManualClock(NOW_S + 1000), folder=folder)
    await kept.reconfigure([source(url)])
    await kept.tried()
    (state,) = kept.states()
    await kept.aclose()
    (taken,) = book.taken
    assert (taken.kids, taken.usable_until_s) == (["a"], NOW_S + POLICY.max_age_s)
    assert taken.requested_at_ms == NOW_S * 1000
    assert (state.keys, state.age_s(NOW_S + 1000), state.last_error) == (1, 1000, "connect_failed")
    assert book.told[:2] == [("set", ISSUER), ("resolve", ISSUER)]


@pytest.mark.parametrize(
    ("later_s", "change", "used"),
    [
        (POLICY.max_age_s - 1, "", True),
        (POLICY.max_age_s, "", False),
        (0, "url", False),
        (0, "issuer", False),
        (0, "damaged", False),
        (0, "writable", False),
        (0, "refused", False),
        (-100, "", True),
    ],
)
async def test_stored_keys_are_used_for_their_source_and_their_time_alone(
    authority: Authority,
    tmp_path: Path,
    later_s: int,
    change: str,
    used: bool,
) -> None:
    folder = tmp_path / "keys"
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, Book(), ManualClock(), folder=folder)
        await kept.reconfigure([source(server.url())])
        await until(lambda: list(folder.glob("*.json")))
        await kept.aclose()
        url = server.url()
    (file,) = folder.glob("*.json")
    if change == "damaged":
        file.write_bytes(file.read_bytes()[:-1])
    if change == "writable":
        file.chmod(0o666)
    book = Book(refuse=lambda _: change == "refused")
    kept = keeper(authority, book, ManualClock(NOW_S + later_s), folder=folder)
    await kept.reconfigure(
        [
            source(
                url + ("x" if change == "url" else ""),
                ISSUER + ("x" if change == "issuer" else ""),
            ),
        ],
    )
    await kept.tried()
    await kept.aclose()
    assert bool(book.taken) == used
    if used:
        # A clock that was set back does not make them younger than now.
        assert book.taken[0].usable_until_s == NOW_S + min(0, later_s) + POLICY.max_age_s


def test_a_state_folder_that_others_can_write_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o777)
    with pytest.raises(StateError, match="others can write"):
        keeper(None, Book(), ManualClock(), folder=tmp_path / "keys")


@pytest.mark.attack(26)
async def test_keys_that_cannot_be_stored_are_used_all_the_same(
    authority: Authority,
    tmp_path: Path,
) -> None:
    book, folder = Book(), tmp_path / "keys"
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, book, ManualClock(), folder=folder)
        folder.rmdir()
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        (state,) = kept.states()
        await kept.aclose()
    assert (len(book.taken), state.last_error, folder.exists()) == (1, None, False)


async def test_a_sink_that_breaks_does_not_end_the_task(authority: Authority) -> None:
    book, clock = Book(broken=True), ManualClock()
    answers: list[Answer] = [raw(b"nonsense"), keys_answer("a")]

    async def answer(seen: Seen, write: Write) -> None:
        await answers.pop(0)(seen, write)

    async with origin(answer, authority.server) as server:
        kept = keeper(authority, book, clock)
        await kept.reconfigure([source(server.url())])
        await until(lambda: kept.states()[0].next_refresh_s)
        assert book.told == [("failed", ISSUER), ("resolve", ISSUER)]
        clock.elapsed_s = 1
        await until(lambda: book.taken)
        await kept.aclose()


class _Angry(Book):
    def set_keys(
        self,
        issuer: str,
        jwks: bytes,
        *,
        requested_at_ms: int,
        usable_until_s: int,
    ) -> bytes:
        raise RuntimeError("s3cret")


async def test_a_defect_in_the_sink_is_a_failure_without_its_text(authority: Authority) -> None:
    book = _Angry()
    async with origin(keys_answer("a"), authority.server) as server:
        kept = keeper(authority, book, ManualClock())
        await kept.reconfigure([source(server.url())])
        await kept.tried()
        (state,) = kept.states()
        await kept.aclose()
    assert (state.last_error, state.last_error_detail) == ("internal", "RuntimeError")
    assert book.told[:2] == [("failed", ISSUER), ("resolve", ISSUER)]
