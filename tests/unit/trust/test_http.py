"""What arrives: redirects, sizes, codings, types, times and TLS, over real sockets."""

import asyncio
import gzip
import logging
import pickle
import re
import tracemalloc
import zlib
from pathlib import Path

import pytest

from accredit.errors import FetchError
from accredit.trust.failure import CodedFetchError, FetchCode
from accredit.trust.http import FetchLimits, GuardedClient
from accredit.trust.network import PUBLIC, Reach
from accredit.trust.strict_json import parse_object
from tests.unit.trust.harness import (
    LIMITS,
    OPEN,
    Answer,
    Authority,
    Names,
    Seen,
    Write,
    client,
    fixed,
    home,
    make_authority,
    origin,
    raw,
    until,
)

SHORT = FetchLimits(connect_s=5, total_s=0.3, body_bytes=4096)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
ZEROS = b'{"a":"' + b"0" * 10_000_000 + b'"}'


async def failure(
    authority: Authority,
    answer: Answer,
    limits: FetchLimits = LIMITS,
) -> CodedFetchError:
    async with origin(answer, authority.server) as server:
        with pytest.raises(CodedFetchError) as caught:
            await client(authority, home(), limits=limits).get_json(server.url(), reach=OPEN)
        assert server.connections <= 1
        return caught.value


async def test_a_document_arrives_with_its_headers(authority: Authority) -> None:
    answer = fixed(
        b'{"keys":[]}',
        "cache-control: max-age=60",
        kind="Application/JSON; charset=utf-8",
    )
    async with origin(answer, authority.server) as server:
        fetched = await client(authority, home()).get_json(server.url("/a?b=c"), reach=OPEN)
    assert (fetched.status, fetched.body, fetched.document) == (200, b'{"keys":[]}', {"keys": []})
    assert fetched.headers["Cache-Control"] == "max-age=60"
    assert [request.path for request in server.seen] == ["/a?b=c"]
    sent = server.seen[0].headers
    assert sent["accept"] == "application/json"
    assert sent["accept-encoding"] == "identity"
    assert sent["host"] == f"issuer.test:{server.port}"
    assert "authorization" not in sent


async def test_nothing_is_remembered_between_fetches(authority: Authority) -> None:
    async with origin(fixed(b"{}", "set-cookie: a=b; Path=/"), authority.server) as server:
        guarded = client(authority, home())
        for _ in range(2):
            await guarded.get_json(server.url(), reach=OPEN)
    assert server.connections == 2
    assert all("cookie" not in request.headers for request in server.seen)


@pytest.mark.attack(15)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
async def test_a_redirect_is_refused(authority: Authority, status: int) -> None:
    async def answer(seen: Seen, write: Write) -> None:
        assert seen.path == "/jwks"
        await fixed(b"{}", "location: /elsewhere", status=f"{status} Go")(seen, write)

    error = await failure(authority, answer)
    assert error.code is FetchCode.REDIRECT
    assert str(status) in error.reason


@pytest.mark.parametrize(
    "status",
    ["201 Created", "204 None", "401 No", "404 No", "429 Slow", "500 No", "503 No"],
)
async def test_only_200_is_an_answer(authority: Authority, status: str) -> None:
    error = await failure(authority, fixed(b"{}", status=status))
    assert error.code is FetchCode.STATUS
    assert status[:3] in error.reason


@pytest.mark.attack(15)
@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain", "application/octet-stream", "application/jsonp", "", None],
)
async def test_another_content_type_is_refused(authority: Authority, kind: str | None) -> None:
    assert (await failure(authority, fixed(b"{}", kind=kind))).code is FetchCode.CONTENT_TYPE


async def test_two_content_types_are_refused(authority: Authority) -> None:
    answer = fixed(b"{}", "content-type: text/html")
    assert (await failure(authority, answer)).code is FetchCode.CONTENT_TYPE


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"), (b"[]", "not a JSON object"), (b"null", "not a JSON object"),
        (b"{}{}", "not JSON"), (b"\xef\xbb\xbf{}", "not JSON"), (b'{"a":\xff}', "not JSON"),
        (b'{"a":NaN}', "NaN"), (b'{"a":-Infinity}', "NaN"), (b'{"a":1e999}', "range"),
        (b'{"a":1,"a":2}', "two members"), (b'{"b":{"a":1,"\\u0061":2}}', "two members"),
        (b'{"a":"\\ud800"}', "surrogate"), (b'{"\\udc00":1}', "surrogate"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deeper"), (b"[" * 4000, "not|deeper"),
    ],
)  # fmt: skip
async def test_json_is_strict(authority: Authority, body: bytes, why: str) -> None:
    error = await failure(authority, fixed(body))
    assert error.code is FetchCode.NOT_JSON
    assert re.search(why, error.reason)


def test_a_number_too_long_to_convert_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_object(b'{"a":' + b"9" * 5000 + b"}")


@pytest.mark.attack(15)
async def test_an_announced_length_over_the_cap_is_refused(authority: Authority) -> None:
    lying = raw(HEAD + b"content-length: 999999999999999999999999\r\n\r\n{}")
    for answer in (fixed(b"{" + b" " * 4095 + b"}"), lying):
        assert (await failure(authority, answer)).code in {FetchCode.TOO_LARGE, FetchCode.PROTOCOL}


async def test_a_body_as_long_as_the_cap_passes(authority: Authority) -> None:
    body = b"{" + b" " * 4094 + b"}"
    async with origin(fixed(body), authority.server) as server:
        guarded = client(authority, home())
        assert (await guarded.get_json(server.url(), reach=OPEN)).body == body
        with pytest.raises(CodedFetchError) as caught:
            await guarded.get_json(server.url(), reach=OPEN, max_bytes=4095)
    assert caught.value.code is FetchCode.TOO_LARGE


@pytest.mark.attack(15)
async def test_chunks_without_end_are_cut_at_the_cap(authority: Authority) -> None:
    sent = 0

    async def answer(_: Seen, write: Write) -> None:
        nonlocal sent
        await write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        while sent < 100_000_000:
            await write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            sent += 0x1000

    assert (await failure(authority, answer)).code is FetchCode.TOO_LARGE
    assert sent < 100_000_000


@pytest.mark.attack(15)
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP"])
async def test_a_small_body_that_swells_is_cut_at_the_cap(
    authority: Authority,
    coding: str,
) -> None:
    bomb = zlib.compress(ZEROS, 9) if coding == "deflate" else gzip.compress(ZEROS, 9, mtime=0)
    limits = FetchLimits(connect_s=5, total_s=10, body_bytes=len(bomb) + 1)
    tracemalloc.start()
    try:
        error = await failure(authority, fixed(bomb, f"content-encoding: {coding}"), limits)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < len(ZEROS) / 4
    assert error.code is FetchCode.TOO_LARGE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("identity", b'{"a":1}'),
    ],
)
async def test_a_coding_that_was_not_asked_for_is_read_where_it_is_known(
    authority: Authority,
    coding: str,
    body: bytes,
) -> None:
    async with origin(fixed(body, f"content-encoding: {coding}"), authority.server) as server:
        fetched = await client(authority, home()).get_json(server.url(), reach=OPEN)
    assert fetched.document == {"a": 1}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"{}"), ("zstd", b"{}"), ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)),
        ("gzip", b"{}"), ("gzip", gzip.compress(b"{}", mtime=0)[:-4]), ("gzip", gzip.compress(b"{}", mtime=0) * 2),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"x"), ("deflate", b""),
    ],
)  # fmt: skip
async def test_another_coding_or_a_broken_one_is_refused(
    authority: Authority,
    coding: str,
    body: bytes,
) -> None:
    error = await failure(authority, fixed(body, f"content-encoding: {coding}"))
    assert error.code is FetchCode.CONTENT_ENCODING


async def silent(_: Seen, write: Write) -> None:
    del write
    await asyncio.sleep(3600)


async def slow_head(_: Seen, write: Write) -> None:
    await write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await write(b"x-a: b\r\n")
        await asyncio.sleep(0.02)


async def slow_body(_: Seen, write: Write) -> None:
    await write(HEAD + b"content-length: 4096\r\n\r\n")
    while True:
        await write(b" ")
        await asyncio.sleep(0.02)


async def always_continue(_: Seen, write: Write) -> None:
    while True:
        await write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.001)


@pytest.mark.attack(15)
@pytest.mark.parametrize("answer", [silent, slow_head, slow_body, always_continue])
async def test_a_slow_server_costs_the_time_of_one_fetch(
    authority: Authority,
    answer: Answer,
) -> None:
    assert (await failure(authority, answer, SHORT)).code in {
        FetchCode.TIMED_OUT,
        FetchCode.PROTOCOL,
    }


@pytest.mark.parametrize(
    "parts",
    [
        [b""], [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
        [HEAD + b"content-length: 100\r\n\r\n{}"], [HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"],
        [HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"], [b"x" * 300_000],
    ],
)  # fmt: skip
async def test_what_is_not_http_is_refused(authority: Authority, parts: list[bytes]) -> None:
    assert (await failure(authority, raw(*parts))).code is FetchCode.PROTOCOL


async def test_another_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    stranger = make_authority(tmp_path)
    async with origin(fixed(b"{}"), stranger.server) as server:
        with pytest.raises(CodedFetchError) as caught:
            await client(authority, home()).get_json(server.url(), reach=OPEN)
        assert caught.value.code is FetchCode.TLS_FAILED
        with pytest.raises(CodedFetchError) as caught:
            await client(None, home()).get_json(server.url(), reach=OPEN)
    assert caught.value.code is FetchCode.TLS_FAILED
    assert not server.seen


async def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    from accredit.trust.addresses import Opening
    from tests.unit.trust.harness import LOOPBACK

    reach = Reach((Opening("other.test", LOOPBACK),))
    async with origin(fixed(b"{}"), authority.server) as server:
        guarded = client(authority, Names(other_test=[["127.0.0.1"]]))
        with pytest.raises(CodedFetchError) as caught:
            await guarded.get_json(server.url(host="other.test"), reach=reach)
    assert caught.value.code is FetchCode.TLS_FAILED
    assert not server.seen


async def test_https_is_never_downgraded(authority: Authority) -> None:
    async with origin(fixed(b"{}"), None) as server:
        with pytest.raises(CodedFetchError) as caught:
            await client(authority, home(), limits=SHORT).get_json(server.url(), reach=OPEN)
    # Our handshake is no request, and such a server waits for one.
    assert caught.value.code in {FetchCode.TLS_FAILED, FetchCode.TIMED_OUT}
    assert not server.seen


async def test_proxies_and_netrc_of_the_environment_are_ignored(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine issuer.test login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        origin(fixed(b"{}"), None) as proxy,
        origin(fixed(b"{}"), authority.server) as server,
    ):
        for name in (
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        await client(authority, home()).get_json(server.url(), reach=OPEN)
    assert proxy.connections == 0
    assert "authorization" not in server.seen[0].headers


async def test_no_session_keys_are_written_where_the_environment_says(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    async with origin(fixed(b"{}"), authority.server) as server:
        await client(authority, home()).get_json(server.url(), reach=OPEN)
    assert not await asyncio.to_thread((tmp_path / "keys.log").exists)


async def test_a_ca_file_that_holds_no_certificate_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(OSError, match=r"No such file|PEM|no start line|NO_CERT"):
            GuardedClient(LIMITS, ca_file=tmp_path / name)


@pytest.mark.attack(20)
@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 No"])
async def test_no_query_and_no_body_reaches_a_message_or_a_log(
    authority: Authority,
    status: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = fixed(b'{"s3cret-body"', "location: /x?s3cret-location", status=status)
    async with origin(answer, authority.server) as server:
        with pytest.raises(FetchError) as caught:
            await client(authority, home()).get_json(server.url("/a?t=s3cret-query"), reach=OPEN)
    cause: BaseException | None = caught.value
    while cause is not None:
        assert "s3cret" not in f"{cause} {cause!r}"
        cause = cause.__cause__
    assert "s3cret" not in caplog.text
    assert str(caught.value).startswith(f"https://issuer.test:{server.port}/a: ")


def test_an_error_survives_pickling() -> None:
    error = CodedFetchError(FetchCode.STATUS, "https://a.test/b?c", "status 500")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.url, copy.reason) == (error.code, "https://a.test/b", "status 500")


async def test_a_cancelled_fetch_leaves_no_connection(authority: Authority) -> None:
    async with origin(silent, authority.server) as server:
        task = asyncio.ensure_future(client(authority, home()).get_json(server.url(), reach=OPEN))
        await until(lambda: server.seen)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_public_is_the_default_reach(authority: Authority) -> None:
    async with origin(fixed(b"{}"), authority.server) as server:
        with pytest.raises(CodedFetchError) as caught:
            await client(authority, home()).get_json(server.url())
    assert caught.value.code is FetchCode.ADDRESS_REFUSED
    assert Reach() == PUBLIC
    assert server.connections == 0
